/** Plan to text: a plan file that decodes to the same plan, every default written out. For `init`, and for showing what defaults mean. */
import { stringify } from 'yaml';
import type { DatabaseSpec, GateSpec, Plan, RepointSpec, Rung, SecretRef, TrafficSpec, Wave } from '../model/plan.ts';
import { formatDuration } from './units.ts';

const secret = (ref: SecretRef): object =>
  ref.kind === 'secretsManager'
    ? { secretsManager: ref.id }
    : ref.kind === 'env'
      ? { env: ref.variable }
      : { file: ref.path };

const database = ({ engine, connection, replicationConnection }: DatabaseSpec): object => ({
  engine,
  connection: secret(connection),
  replicationConnection: secret(replicationConnection),
});

const kind = ({ kind: name, settings }: RepointSpec): object => ({ [name]: settings });

const wave = ({ range: _, parity, replication, cutover, ...rest }: Wave): object => {
  const { slotBudgetBytes, ...replicated } = replication;
  const { downtimeBudgetSeconds, maxLagSeconds, repoint, appProbe, ...proven } = cutover;
  return {
    ...rest,
    replication: { ...replicated, slotBudget: slotBudgetBytes },
    parity: { require: parity.require, maxAge: formatDuration(parity.maxAgeSeconds) },
    cutover: {
      downtimeBudget: formatDuration(downtimeBudgetSeconds),
      maxLag: formatDuration(maxLagSeconds),
      repoint: repoint.map(kind),
      ...(appProbe
        ? {
            appProbe: {
              as: appProbe.as,
              statement: appProbe.statement,
              ...(appProbe.secret ? { secret: secret(appProbe.secret) } : {}),
            },
          }
        : {}),
      ...proven,
    },
  };
};

const rung = ({ sharePercent, bakeSeconds, approval, unattended }: Rung): object => ({
  share: sharePercent,
  bake: formatDuration(bakeSeconds),
  approval: approval ? 'required' : 'none',
  unattended: unattended ? 'ok' : 'return',
});

const traffic = ({ range: _, record, ladder, maxStepPercent, measure, ...rest }: TrafficSpec): object => {
  const { ttlSeconds, ...named } = record;
  return {
    record: { ...named, ttl: formatDuration(ttlSeconds) },
    ...rest,
    ladder: ladder.map(rung),
    maxStep: maxStepPercent,
    ...(measure ? { measure } : {}),
  };
};

const gate = (spec: GateSpec): object => ({
  name: spec.name,
  ...kind(spec),
  failWhen: `${spec.failWhen.comparison} ${spec.failWhen.threshold}`,
  window: formatDuration(spec.windowSeconds),
  period: formatDuration(spec.periodSeconds),
  datapointsToFail: `${spec.datapointsToFail} of ${spec.evaluationPoints}`,
  minRequests: spec.minRequests,
  noData: spec.noData,
});

const members = <T>(values: Readonly<Record<string, T>>, render: (value: T) => object): object =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, render(value)]));

export const renderPlan = (plan: Plan): string => {
  const { profile, assumeRole, ...aws } = plan.aws;
  const written = {
    apiVersion: plan.apiVersion,
    name: plan.name,
    aws: { ...aws, ...(profile ? { profile } : {}), ...(assumeRole ? { assumeRole } : {}) },
    state: plan.state,
    databases: members(plan.databases, database),
    waves: plan.waves.map(wave),
    traffic: plan.traffic.map(traffic),
    gates: plan.gates.map(gate),
    approvals: plan.approvals,
    notify: plan.notify.snsTopicArn ? { sns: plan.notify.snsTopicArn } : {},
  };
  // Anchors for repeated parts would be shorter and harder to edit.
  return stringify(written, { aliasDuplicateObjects: false, lineWidth: 0 });
};

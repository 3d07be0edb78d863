/** What the embedded AWS must have for a plan to run on it: derived from the plan itself, so that no second description can disagree. */
import type { JsonObject } from '../model/json.ts';
import type { Plan, RepointSpec } from '../model/plan.ts';
import type { RehearsalConfig } from '../rehearsal/config.ts';
import type { RehearsalFile } from './rehearsal-file.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ZoneRecord = RehearsalConfig['zones'][number]['records'][number];

export interface SecretNames {
  /** What applications read. */
  readonly secret: string;
  readonly source: string;
  readonly target: string;
}

const textOf = (settings: JsonObject, name: string): string | undefined =>
  typeof settings[name] === 'string' ? settings[name] : undefined;

/** A secretsManager repoint's three secrets, whether it was written short or in full. */
export const secretNames = (spec: RepointSpec): SecretNames | null => {
  if (spec.kind !== 'secretsManager') return null;
  const given: unknown = spec.settings;
  const secret =
    typeof given === 'string' ? given : (textOf(spec.settings, 'secret') ?? textOf(spec.settings, 'value'));
  if (secret === undefined) return null;
  return {
    secret,
    source: (typeof given === 'object' && textOf(spec.settings, 'source')) || `${secret}-source`,
    target: (typeof given === 'object' && textOf(spec.settings, 'target')) || `${secret}-target`,
  };
};

const secretIdOf = (plan: Plan, database: string): string => {
  const connection = plan.databases[database]?.connection;
  return connection?.kind === 'secretsManager' ? connection.id : `octank/${database}`;
};

interface Databases {
  readonly databases: RehearsalConfig['databases'];
  readonly secrets: Record<string, string>;
}

const databasesFor = (plan: Plan, file: RehearsalFile): Databases => {
  const databases: Record<string, Mutable<RehearsalConfig['databases'][string]>> = {};
  const secrets: Record<string, string> = {};
  for (const [name, spec] of Object.entries(plan.databases)) {
    const given = file.databases[name];
    const seed = given?.seed;
    databases[name] = {
      role: spec.engine === 'postgres' ? 'on-premises' : 'aurora',
      engine: 'postgres',
      secret: secretIdOf(plan, name),
      dbname: given?.dbname ?? 'shop',
      owner: given?.owner ?? 'shop_app',
      roles: { ...given?.roles },
      ...(typeof seed === 'object' ? { seedFile: seed.file } : {}),
    };
    const replication = spec.replicationConnection;
    if (replication.kind === 'secretsManager' && replication.id !== secretIdOf(plan, name))
      databases[name].roles[replication.id] = 'octank_dms';
  }
  for (const wave of plan.waves)
    for (const spec of wave.cutover.repoint) {
      const names = secretNames(spec);
      const [source, target] = [databases[wave.source], databases[wave.target]];
      if (!names || !source || !target) continue;
      source.roles[names.source] = source.owner;
      target.roles[names.target] = target.owner;
      secrets[names.secret] = `@secret:${names.source}`;
    }
  return { databases, secrets };
};

const zonesFor = (plan: Plan): RehearsalConfig['zones'] => {
  const zones = new Map<string, ZoneRecord[]>();
  const add = (zone: string, record: ZoneRecord): void => {
    zones.set(zone, [...(zones.get(zone) ?? []), record]);
  };
  for (const { record, source, target } of plan.traffic)
    for (const [side, weight] of [
      [source, 100],
      [target, 0],
    ] as const)
      add(record.zone, {
        name: record.name,
        type: record.type,
        ttl: record.ttlSeconds,
        values: [side.value],
        setIdentifier: side.id,
        weight,
      });
  for (const wave of plan.waves)
    for (const { kind, settings } of wave.cutover.repoint) {
      const zone = textOf(settings, 'zone');
      const name = textOf(settings, 'name');
      const source = textOf(settings, 'source');
      if (kind !== 'route53' || !zone || !name || !source) continue;
      add(zone, {
        name,
        type: settings.type === 'A' ? 'A' : 'CNAME',
        ttl: typeof settings.ttl === 'number' ? settings.ttl : 5,
        values: [source],
      });
    }
  return [...zones].map(([name, records]) => ({ name, records }));
};

/** Alarms that gates name, over the load balancer's 5xx count: quiet while nothing fails. */
const alarmsFor = (plan: Plan): RehearsalConfig['alarms'] =>
  plan.gates.flatMap((gate) => {
    const name = textOf(gate.settings, 'name');
    if (gate.kind !== 'alarm' || name === undefined) return [];
    return [
      {
        name,
        namespace: 'AWS/ApplicationELB',
        metric: 'RequestCount',
        dimensions: { LoadBalancer: 'app/octank/1' },
        statistic: 'Sum',
        periodSeconds: 60,
        evaluationPeriods: 5,
        datapointsToAlarm: 3,
        threshold: 1e9,
        comparison: 'GreaterThanThreshold' as const,
        treatMissingData: 'missing' as const,
      },
    ];
  });

export const rehearsalConfigFor = (options: {
  readonly plan: Plan;
  readonly file: RehearsalFile;
  readonly stateDir: string;
  readonly clock: { readonly rate: number; readonly originMs: number };
}): RehearsalConfig => {
  const { plan, file, stateDir, clock } = options;
  const { databases, secrets } = databasesFor(plan, file);
  const topic = plan.notify.snsTopicArn?.split(':').at(-1);
  return {
    stateDir,
    clock: { ...clock },
    region: plan.aws.region,
    accountId: plan.notify.snsTopicArn?.split(':')[4] ?? '111122223333',
    port: 0,
    dnsPort: 0,
    databases,
    secrets,
    zones: zonesFor(plan),
    replicationInstances: [...new Set(plan.waves.map((wave) => wave.replication.instance))],
    topics: topic ? [topic] : [],
    alarms: alarmsFor(plan),
    kind: 'strict',
  };
};

/** What a shell needs so that octank, the AWS CLI and any SDK talk to the rehearsal. */
export const rehearsalEnvironment = (options: {
  readonly url: string;
  readonly region: string;
  readonly clock: { readonly rate: number; readonly originMs: number };
  readonly stateDir: string;
}): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: options.url,
  AWS_REGION: options.region,
  AWS_ACCESS_KEY_ID: 'OCTANKREHEARSAL',
  AWS_SECRET_ACCESS_KEY: 'rehearsal',
  OCTANK_CLOCK: `${options.clock.rate}@${options.clock.originMs}`,
  OCTANK_STATE: `${options.stateDir}/state`,
});

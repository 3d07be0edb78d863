/** Convert-schema: the target gets octank's control schema, types, tables and keys, and is fenced before any row is in it. */
import type { Change } from '../model/change.ts';
import { Fault } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import { type Ddl, planCopy, type SchemaPlan } from '../schema/copy.ts';
import type { Phase, StepContext, StepKind } from './contract.ts';
import { assertProbed, fenceStatusOf } from './fencing.ts';
import type { WaveObserved } from './observed.ts';
import { openWave, stepId } from './wave.ts';

/** Which statements of a schema plan a step runs. */
export type SchemaPart = 'before' | 'after' | 'validate';

export const statementsOf = (plan: SchemaPlan, part: SchemaPart): readonly Ddl[] => {
  if (part === 'before') return plan.before;
  return part === 'after' ? [...plan.after, ...plan.lateConstraints, ...plan.grants] : plan.validate;
};

export const schemaPlanOf = (
  wave: Wave,
  pairs: readonly TablePair[],
  observed: Pick<WaveObserved, 'sourceModel' | 'targetModel'>,
): SchemaPlan =>
  planCopy({
    source: observed.sourceModel,
    target: observed.targetModel,
    tables: pairs.map((pair) => pair.source),
    rename: wave.tables.rename,
  });

const encodeDdl = (ddl: readonly Ddl[]): readonly JsonObject[] => ddl.map(({ object, sql }) => ({ object, sql }));

interface Statement {
  readonly object: string;
  readonly sql: string;
}

const missingStatements = async (context: StepContext): Promise<readonly Statement[]> => {
  const { wave, allPairs, source, target } = await openWave(context);
  const [sourceModel, targetModel] = await Promise.all([source.schema.inspect(), target.schema.inspect()]);
  const wanted = statementsOf(
    schemaPlanOf(wave, allPairs, { sourceModel, targetModel }),
    context.change.inputs.part as SchemaPart,
  );
  const missing = new Set(wanted.filter((ddl) => !ddl.present).map((ddl) => ddl.object));
  const reviewed = context.change.inputs.statements as unknown as readonly Statement[];
  const known = new Set(reviewed.map((statement) => statement.object));
  const unknown = [...missing].filter((object) => !known.has(object));
  if (unknown.length > 0)
    throw new Fault({
      code: 'change-set.stale',
      summary: 'The source schema moved since the change set was computed.',
      detail: `Not reviewed: ${unknown.slice(0, 5).join(', ')}.`,
      hint: `Compute it again: octank migrate plan ${context.plan.file}`,
      exitCode: 8,
    });
  return reviewed.filter((statement) => missing.has(statement.object));
};

/** Runs reviewed statements whose object is not there yet; shared by the three schema steps. */
export const schemaStep: StepKind = {
  kind: 'schema.statements',
  limit: { intervalSeconds: 1, deadlineSeconds: 5, timer: 'wall', reason: 'DDL is seen as soon as it has committed' },
  observe: async (context) => {
    const missing = await missingStatements(context);
    if (missing.length > 0)
      return { state: 'absent', detail: `${missing.length} objects are missing, first ${missing[0]?.object}` };
    return { state: 'done', evidence: { statements: (context.change.inputs.statements as readonly unknown[]).length } };
  },
  perform: async (context) => {
    const { target } = await openWave(context);
    const missing = await missingStatements(context);
    let done = 0;
    await target.schema.execute(missing, (object) => {
      done += 1;
      context.progress({ text: object, done, total: missing.length, unit: 'objects' });
    });
  },
};

const controlStep: StepKind = {
  kind: 'schema.control',
  limit: { intervalSeconds: 1, deadlineSeconds: 5, timer: 'wall', reason: 'DDL is seen as soon as it has committed' },
  observe: async (context) => {
    const { source, target } = await openWave(context);
    const present = await Promise.all([source.signals.hasControl(), target.signals.hasControl()]);
    return present.every(Boolean) ? { state: 'done', evidence: {} } : { state: 'absent' };
  },
  perform: async (context) => {
    const { source, target } = await openWave(context);
    await source.signals.ensureControl();
    await target.signals.ensureControl();
  },
};

/** The target refuses everyone but octank and replication from here on: until the cutover there is one writer. */
const fenceTargetStep: StepKind = {
  kind: 'fence.target',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 30,
    timer: 'wall',
    reason: 'the fence on the target closes when older transactions ended',
  },
  observe: async (context) => {
    const { wave, target, targetTables } = await openWave(context);
    const { fence, unguarded } = await fenceStatusOf(target, wave, targetTables);
    if (fence.state !== 'permanent' || unguarded.length > 0) return { state: 'absent' };
    const blockers = await target.fence.blockers({ wave: wave.name, flip: fence.flip });
    return blockers.length > 0
      ? { state: 'in-progress', detail: `${blockers.length} older transactions are still open` }
      : { state: 'done', evidence: { epoch: fence.epoch, tables: targetTables.map(tableKey) } };
  },
  perform: async (context) => {
    const { wave, target, targetTables, exempt, writerRoles } = await openWave(context);
    await target.fence.install({ wave: wave.name, tables: targetTables, exempt: exempt.target });
    await target.fence.close({ wave: wave.name, leaseSeconds: null });
    assertProbed(await target.fence.probe({ wave: wave.name, tables: targetTables, roles: writerRoles }), 'target');
  },
};

/** Triggers stand ahead, disarmed: creating them waits for writers, and that must not happen inside the downtime. */
const fenceSourceStep: StepKind = {
  kind: 'fence.install',
  limit: {
    intervalSeconds: 1,
    deadlineSeconds: 10,
    timer: 'wall',
    reason: 'triggers are seen as soon as they are committed',
  },
  observe: async (context) => {
    const { wave, source, sourceTables } = await openWave(context);
    const { fence, unguarded } = await fenceStatusOf(source, wave, sourceTables);
    return fence.state === 'absent' || unguarded.length > 0
      ? { state: 'absent' }
      : { state: 'done', evidence: { tables: sourceTables.map(tableKey) } };
  },
  perform: async (context) => {
    const { wave, source, sourceTables, exempt } = await openWave(context);
    await source.fence.install({ wave: wave.name, tables: sourceTables, exempt: exempt.source });
  },
};

/** A schema step of any phase: the statements are in its inputs, so the reviewed SQL is the executed SQL. */
export const planStatements = (
  phase: Change['phase'],
  wave: Wave,
  observed: WaveObserved | undefined,
  options: { readonly part: SchemaPart; readonly name: string; readonly summary: string },
): Change => {
  const statements = observed ? statementsOf(schemaPlanOf(wave, observed.pairs, observed), options.part) : [];
  return {
    id: stepId(phase, wave.name, options.name),
    phase,
    wave: wave.name,
    kind: 'schema.statements',
    action: 'create',
    summary: observed
      ? `${options.summary}: ${statements.length} objects on ${wave.target}`
      : `${options.summary} on ${wave.target}`,
    destructive: false,
    approval: null,
    section: null,
    inputs: { part: options.part, statements: encodeDdl(statements) },
  };
};

const planWave = (_plan: Plan, wave: Wave, observed: WaveObserved | undefined): readonly Change[] => {
  const base = {
    phase: 'convert-schema' as const,
    wave: wave.name,
    destructive: false,
    approval: null,
    section: null,
    inputs: {},
  };
  return [
    {
      ...base,
      id: stepId('convert-schema', wave.name, 'control'),
      kind: 'schema.control',
      action: 'create',
      summary: `schema octank on ${wave.source} and ${wave.target}`,
    },
    planStatements('convert-schema', wave, observed, {
      part: 'before',
      name: 'tables',
      summary: 'types, sequences, tables and keys',
    }),
    {
      ...base,
      id: stepId('convert-schema', wave.name, 'fence-target'),
      kind: 'fence.target',
      action: 'create',
      summary: `close the fence on ${wave.target}: only replication writes there`,
    },
    {
      ...base,
      id: stepId('convert-schema', wave.name, 'fence-source'),
      kind: 'fence.install',
      action: 'create',
      summary: `put the fence on ${wave.source}, disarmed`,
    },
  ];
};

export const convertSchema: Phase = {
  name: 'convert-schema',
  onResume: 'continue',
  unwindsOn: () => false,
  plan: ({ plan, observed }) => plan.waves.flatMap((wave) => planWave(plan, wave, observed?.waves[wave.name])),
  steps: [controlStep, schemaStep, fenceTargetStep, fenceSourceStep],
};

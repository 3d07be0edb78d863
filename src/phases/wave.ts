/** What every step of a wave asks first: its tables, its two databases, its names at AWS. */
import type { Change, ChangeSet } from '../model/change.ts';
import { Fault } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { type TableName, type TablePair, tableKey } from '../model/table.ts';
import type { Database } from '../ports/database.ts';
import type { Measurement, StepContext } from './contract.ts';
import type { WaveObserved } from './observed.ts';

export const stepId = (phase: Change['phase'], ...parts: readonly (string | number)[]): string =>
  [phase, ...parts].join('/');

/** The step that fixes a wave's tables; all later steps read them from there, so that one change set means one list. */
export const checksStepId = (wave: string): string => stepId('preflight', wave, 'checks');

export const waveNamed = (plan: Plan, name: string | null): Wave => {
  const found = plan.waves.find((wave) => wave.name === name);
  if (!found)
    throw new Fault({
      code: 'run.unknown-wave',
      summary: 'A step names a wave that the plan lacks.',
      detail: String(name),
    });
  return found;
};

/** The wave's tables as they travel in a change set. */
export const encodePairs = (pairs: readonly TablePair[]): readonly JsonObject[] =>
  pairs.map(({ source, target }) => ({
    source: { schema: source.schema, table: source.table },
    target: { schema: target.schema, table: target.table },
  }));

/** The pairs whose rows are their own. */
export const rowPairs = ({
  pairs,
  sourceTables,
}: Pick<WaveObserved, 'pairs' | 'sourceTables'>): readonly TablePair[] => {
  const parents = new Set(sourceTables.filter((table) => table.isPartitioned).map((table) => tableKey(table.name)));
  return pairs.filter((pair) => !parents.has(tableKey(pair.source)));
};

interface WaveInputs {
  /** Tables that hold rows: what is replicated and compared. */
  readonly pairs: readonly TablePair[];
  /** Partitioned parents: they have a schema and a fence, their rows are those of their partitions. */
  readonly parents: readonly TablePair[];
  readonly writerRoles: readonly string[];
  readonly exempt: { readonly source: readonly string[]; readonly target: readonly string[] };
}

/** Faults: `change-set.offline` when it was computed without the databases and therefore names no tables. */
export const waveInputs = (changeSet: ChangeSet, wave: string): WaveInputs => {
  const inputs = changeSet.changes.find((change) => change.id === checksStepId(wave))?.inputs;
  if (!inputs || !Array.isArray(inputs.pairs))
    throw new Fault({
      code: 'change-set.offline',
      summary: 'The change set was computed offline and names no tables.',
      detail: `Wave ${wave}.`,
      hint: 'Compute it with access to the databases: octank migrate plan without --offline.',
    });
  return { parents: [], ...inputs } as unknown as WaveInputs;
};

/** Everything a wave's step works with, in one object. */
export const openWave = async (
  context: StepContext,
): Promise<
  WaveInputs & {
    readonly wave: Wave;
    readonly source: Database;
    readonly target: Database;
    /** Those that hold rows, and the parents through which rows are written. */
    readonly allPairs: readonly TablePair[];
    readonly sourceTables: readonly TableName[];
    readonly targetTables: readonly TableName[];
  }
> => {
  const wave = waveNamed(context.plan, context.change.wave);
  const inputs = waveInputs(context.changeSet, wave.name);
  const [source, target] = await Promise.all([
    context.ports.database(wave.source),
    context.ports.database(wave.target),
  ]);
  const allPairs = [...inputs.parents, ...inputs.pairs];
  return {
    wave,
    source,
    target,
    ...inputs,
    allPairs,
    sourceTables: allPairs.map((pair) => pair.source),
    targetTables: allPairs.map((pair) => pair.target),
  };
};

/** AWS names: letters, digits, single hyphens, at most 60 characters, stable for a plan and wave. */
export const awsName = (...parts: readonly string[]): string =>
  parts
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60)
    .replace(/-$/, '');

/** Slot names: lower case, digits, underscore, at most 63 characters. */
export const slotName = (plan: Plan, wave: Wave, purpose: string): string =>
  `octank_${plan.name}_${wave.name}_${purpose}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '_')
    .slice(0, 63);

export const tableList = (tables: readonly TableName[], most = 5): string =>
  tables.length <= most
    ? tables.map(tableKey).join(', ')
    : `${tables.slice(0, most).map(tableKey).join(', ')} and ${tables.length - most} more`;

export const note = (text: string): Measurement => ({ type: 'note', text });

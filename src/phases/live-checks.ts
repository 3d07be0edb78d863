/** Preflight checks that must ask: is the target empty, do LOBs fit, does the instance run, are records and gates as the ladder needs them. */
import type { Diagnostic } from '../model/diagnostic.ts';
import { Fault } from '../model/fault.ts';
import type { Plan, TrafficSpec, Wave } from '../model/plan.ts';
import { tableKey } from '../model/table.ts';
import type { Database } from '../ports/database.ts';
import type { WeightedRecord } from '../ports/traffic.ts';
import type { Ports } from './contract.ts';
import type { WaveObserved } from './observed.ts';
import { rowPairs } from './wave.ts';

interface LiveInput {
  readonly plan: Plan;
  readonly wave: Wave;
  readonly ports: Ports;
  readonly observed: WaveObserved;
}

const problem = (
  code: string,
  summary: string,
  detail: string,
  hint: string,
  range: Diagnostic['range'] = null,
): Diagnostic => ({
  severity: 'error',
  code: `preflight.${code}`,
  summary,
  detail,
  hint,
  range,
});

/** Rows on the target before a full load would be doubled or silently kept. */
export const checkTargetEmpty = async ({ wave, ports, observed }: LiveInput): Promise<readonly Diagnostic[]> => {
  const target = await ports.database(wave.target);
  const present = new Map((await target.tables()).map((table) => [tableKey(table.name), table]));
  const found: Diagnostic[] = [];
  for (const { target: name } of observed.pairs) {
    if (!present.has(tableKey(name))) continue;
    const { columns, key } = await target.rows.columns(name);
    const { rows } = await target.rows.sum({ table: name, columns, key }, { from: null, to: null });
    if (rows > 0)
      found.push(
        problem(
          'target-not-empty',
          'A table of the target already has rows.',
          `${tableKey(name)} on ${wave.target} has ${rows === 1 ? 'a row' : `${rows} rows`}.`,
          `Empty it, or exclude it from wave ${wave.name}.`,
          wave.range,
        ),
      );
  }
  return found;
};

type LobSize = Awaited<ReturnType<Database['lobSizes']>>[number];

const truncated = (wave: Wave, size: LobSize, limit: number): Diagnostic =>
  problem(
    'lob-truncated',
    'A value is longer than the replication would carry.',
    `${tableKey(size.table)}.${size.column} holds ${size.maxBytes} bytes; limited mode keeps ${limit}.`,
    `Raise lob.maxKb to at least ${Math.ceil(size.maxBytes / 1024)}, or use mode: inline.`,
    wave.range,
  );

/** A value that does not travel with its row is loaded as NULL first and set by key afterwards. */
const setLater = ({ wave, observed }: LiveInput, size: LobSize): readonly Diagnostic[] => {
  const hint = `Write replication: { lob: { mode: limited, maxKb: ${Math.ceil(size.maxBytes / 1024)} } }: then it travels with its row.`;
  const name = tableKey(size.table);
  const facts = observed.sourceTables.find((table) => tableKey(table.name) === name);
  const column = observed.sourceModel.tables
    .find((table) => tableKey({ schema: table.schema, table: table.name }) === name)
    ?.columns.find((candidate) => candidate.name === size.column);
  const detail = `${name}.${size.column} holds ${size.maxBytes} bytes`;
  const found: Diagnostic[] = [];
  if (column?.notNull)
    found.push(
      problem(
        'lob-not-null',
        'A large value is loaded as NULL first, which its column refuses.',
        `${detail} and is NOT NULL.`,
        hint,
        wave.range,
      ),
    );
  if (facts && !facts.hasKey)
    found.push(
      problem(
        'lob-without-key',
        'A large value is set by key after its row was loaded, and its table has no key.',
        `${detail}.`,
        hint,
        wave.range,
      ),
    );
  return found;
};

/** Limited mode truncates in silence, the others refuse or lose rows; the largest value decides before anything is moved. */
export const checkLobs = async (input: LiveInput): Promise<readonly Diagnostic[]> => {
  const { wave, ports, observed } = input;
  const { mode, maxKb } = wave.replication.lob;
  const source = await ports.database(wave.source);
  const sizes = await source.lobSizes(rowPairs(observed).map((pair) => pair.source));
  const limit = mode === 'full' ? 0 : maxKb * 1024;
  const beyond = sizes.filter((size) => size.maxBytes > limit);
  return mode === 'limited'
    ? beyond.map((size) => truncated(wave, size, limit))
    : beyond.flatMap((size) => setLater(input, size));
};

/** What DMS keeps after the point of a NUMERIC that was declared without precision. */
const bareNumericScale = 6;

/** Digits beyond are cut on the way: every row that has them would differ for ever. */
export const checkNumerics = async ({ wave, ports, observed }: LiveInput): Promise<readonly Diagnostic[]> => {
  const source = await ports.database(wave.source);
  const scales = await source.numericScales(rowPairs(observed).map((pair) => pair.source));
  return scales
    .filter((column) => column.maxScale > bareNumericScale)
    .map((column) =>
      problem(
        'numeric-rounded',
        'Replication rounds a number that was declared without precision.',
        `${tableKey(column.table)}.${column.column} is NUMERIC and holds values with ${column.maxScale} digits after the point; ${bareNumericScale} arrive.`,
        `Declare it with the scale that it needs: ALTER TABLE ${tableKey(column.table)} ALTER COLUMN ${column.column} TYPE numeric(p, ${column.maxScale}). Or exclude the table.`,
        wave.range,
      ),
    );
};

export const checkInstance = async ({ wave, ports }: LiveInput): Promise<readonly Diagnostic[]> => {
  const instance = await ports.replication.instance(wave.replication.instance);
  if (!instance)
    return [
      problem(
        'instance-missing',
        'The replication instance does not exist.',
        `${wave.replication.instance}.`,
        'Create it, or name an existing one under replication.instance.',
        wave.range,
      ),
    ];
  return instance.status === 'available'
    ? []
    : [
        problem(
          'instance-not-available',
          'The replication instance is not available.',
          `${wave.replication.instance} is ${instance.status}.`,
          'Wait until it is available.',
          wave.range,
        ),
      ];
};

export const checkRepoints = async ({ wave, ports }: LiveInput): Promise<readonly Diagnostic[]> => {
  const found: Diagnostic[] = [];
  for (const spec of wave.cutover.repoint) {
    try {
      const state = await ports.repoint(spec).observe({});
      if (state.at !== 'source')
        found.push(
          problem(
            'repoint-not-at-source',
            'Applications do not point at the source.',
            `${spec.kind}: ${state.detail}`,
            'Correct the plan or the record; octank changes only what it finds as planned.',
            wave.range,
          ),
        );
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      found.push(problem('repoint-unreadable', error.summary, `${spec.kind}: ${error.detail}`, error.hint, wave.range));
    }
  }
  return found;
};

const recordProblems = (spec: TrafficSpec, live: readonly WeightedRecord[]): readonly Diagnostic[] => {
  const name = `${spec.record.name}.${spec.record.zone}`;
  const sets = live.filter((record) => record.type === spec.record.type);
  const source = sets.find((record) => record.setIdentifier === spec.source.id);
  const target = sets.find((record) => record.setIdentifier === spec.target.id);
  if (!source || !target)
    return [
      problem(
        'record-missing',
        'The weighted pair of records is not there.',
        `${name} ${spec.record.type} has ${sets.length === 0 ? 'no records' : sets.map((r) => r.setIdentifier ?? 'a simple record').join(', ')}; ${spec.source.id} and ${spec.target.id} are needed.`,
        'Create both with weights 100 and 0, converting a simple record in one batch.',
        spec.range,
      ),
    ];
  const found: Diagnostic[] = [];
  const foreign = sets.filter((record) => record !== source && record !== target);
  if (foreign.length > 0)
    found.push(
      problem(
        'record-foreign',
        'The name has weighted records that the plan does not know.',
        `${name}: ${foreign.map((r) => r.setIdentifier).join(', ')}.`,
        'Remove them, or name the pair differently.',
        spec.range,
      ),
    );
  if (source.ttlSeconds !== spec.record.ttlSeconds || target.ttlSeconds !== spec.record.ttlSeconds)
    found.push(
      problem(
        'ttl',
        'The TTL of the records is not the one planned.',
        `${name}: ${source.ttlSeconds} and ${target.ttlSeconds} s live, ${spec.record.ttlSeconds} s planned.`,
        'Lower the TTL at least one old TTL before the run.',
        spec.range,
      ),
    );
  for (const record of [source, target])
    if (record.healthCheckId !== null)
      found.push(
        problem(
          'weight-zero-trap',
          'A health check on the pair can send all traffic to the side with weight 0.',
          `${name} ${record.setIdentifier} has health check ${record.healthCheckId}: when every weighted side is unhealthy, weight 0 is answered.`,
          'Remove health checks from the pair for the time of the ladder; octank gates watch instead.',
          spec.range,
        ),
      );
  if ((source.weight ?? 0) === 0 && (target.weight ?? 0) === 0)
    found.push(
      problem(
        'weights-zero',
        'Both weights are 0, which answers both sides equally.',
        name,
        'Set the source to 100.',
        spec.range,
      ),
    );
  else if ((target.weight ?? 0) !== 0)
    found.push(
      problem(
        'weight-not-zero',
        'The target already has traffic.',
        `${name}: ${spec.target.id} has weight ${target.weight}.`,
        'Set it to 0; the ladder starts there.',
        spec.range,
      ),
    );
  return found;
};

export const checkTraffic = async ({
  plan,
  ports,
}: {
  readonly plan: Plan;
  readonly ports: Ports;
}): Promise<readonly Diagnostic[]> => {
  const found: Diagnostic[] = [];
  for (const spec of plan.traffic) {
    found.push(...recordProblems(spec, await ports.traffic.read({ zone: spec.record.zone, name: spec.record.name })));
    for (const gate of plan.gates.filter((candidate) => spec.gates.includes(candidate.name))) {
      const until = ports.clock.now();
      const samples = await ports.health.sample(gate, { since: until - gate.windowSeconds * 1000, until });
      if (samples.failure !== null)
        found.push(
          problem(
            'gate-unreadable',
            'A gate cannot be evaluated.',
            `${gate.name}: ${samples.failure}`,
            'A gate without evidence holds the ladder; correct it before the run.',
            gate.range,
          ),
        );
    }
  }
  return found;
};

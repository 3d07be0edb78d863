/** Parity from a ledger: reads only chunks that may have changed since they were proven equal, or are too old; all counts. */
import { Fault } from '../model/fault.ts';
import type { ParityReport, TableParity } from '../model/parity.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import { type Chunk, type ChunkLedger, isClean, type TableLedger } from '../parity/ledger.ts';
import type { Clock } from '../ports/clock.ts';
import type { RowsPort } from '../ports/rows.ts';
import type { Applied } from './applied.ts';
import type { DirtyTracker } from './dirty-tracker.ts';
import { createPass, verdictOf } from './pass.ts';
import { defaultSizes, requireSameHash, type Sides, type Sizes } from './sides.ts';
import type { Patience } from './suspects.ts';
import { createWatermark, fixedNotes, livePatience, runWork, verifyTables } from './verify-tables.ts';

export interface FinalParityOptions {
  readonly source: RowsPort;
  readonly target: RowsPort;
  readonly pairs: readonly TablePair[];
  readonly tracker: DirtyTracker;
  readonly clock: Clock;
  /** False under the fence: the source stands still, and a difference that stays is one. */
  readonly live: boolean;
  /** Wall seconds; null: only the patience of live parity. */
  readonly budgetSeconds: number | null;
  /** On octank's clock: an equal check older than this is made again, in live mode. */
  readonly maxAgeSeconds: number;
  readonly signal: AbortSignal;
  readonly applied?: Applied | null;
  readonly sizes?: Sizes;
}

/** Under the fence: replication may still be applying the last batch, so a difference must stay for this long. */
const fencedPatience = (budgetSeconds: number): Patience => ({
  deadlineSeconds: Math.max(0.001, budgetSeconds),
  stableLooks: 4,
  stableSeconds: Math.min(2, budgetSeconds / 2),
});

interface Due {
  readonly table: TableLedger;
  readonly chunk: Chunk;
}

const dueChunks = (ledger: ChunkLedger, options: FinalParityOptions): readonly Due[] => {
  const { tracker, clock, live, maxAgeSeconds } = options;
  const isTooOld = (chunk: Chunk): boolean =>
    chunk.checkedAt === null || clock.now() - chunk.checkedAt > maxAgeSeconds * 1000;
  return ledger.tables.flatMap((table) =>
    table.chunks
      .filter((chunk) => {
        // Without a key there is nothing to narrow a change to, so under the fence the whole table is read again.
        if (!live && table.source.key.length === 0) return true;
        return !isClean(table, chunk, tracker.compare) || (live && isTooOld(chunk));
      })
      .map((chunk) => ({ table, chunk })),
  );
};

/** Tables whose exact counts differ though no chunk did: something wrote that the feed does not see. */
const countsDiffer = async (sides: Sides, tables: readonly TableLedger[], signal: AbortSignal) => {
  const wrong: TableLedger[] = [];
  for (const table of tables) {
    const [source, target] = await Promise.all([
      sides.source.count?.(table.source, signal),
      sides.target.count?.(table.target, signal),
    ]);
    if (source !== undefined && target !== undefined && source !== target) wrong.push(table);
  }
  return wrong;
};

const inconclusive = (tables: readonly TableLedger[], note: string): ParityReport => ({
  formatVersion: 1,
  verdict: 'inconclusive',
  tables: tables.map(
    (table): TableParity => ({
      name: tableKey(table.pair.source),
      sourceRows: 0,
      targetRows: 0,
      missing: 0,
      extraneous: 0,
      mismatched: 0,
      inFlight: 0,
      chunks: table.chunks.length,
      seconds: 0,
      samples: [],
    }),
  ),
  notes: [note],
});

const budgetFault = (seconds: number): Fault =>
  new Fault({
    code: 'parity.budget',
    summary: 'Parity was not decided inside its budget.',
    detail: `${seconds.toFixed(1)} s; nothing was changed by the check.`,
    hint: 'Apply again: what was equal before the fence is then known. Or give the cutover a larger downtimeBudget.',
  });

async function* each(due: readonly Due[]): AsyncGenerator<Due> {
  yield* due;
}

/** The whole comparison where there is no ledger to start from. */
const inFull = async (options: FinalParityOptions, patience: Patience): Promise<{ readonly report: ParityReport }> => {
  const { report, ledger } = await verifyTables({
    ...options,
    // A budgeted pass under the fence is patient, but nothing changes on the source meanwhile.
    patience,
    onProgress: () => undefined,
  });
  options.tracker.attach(ledger);
  return { report };
};

/** Faults: `parity.hash-differs`, and what the ports and the feed throw. */
export const finalParity = async (options: FinalParityOptions): Promise<{ readonly report: ParityReport }> => {
  const { tracker, clock, live, signal } = options;
  const sides: Sides = { source: options.source, target: options.target, sizes: options.sizes ?? defaultSizes };
  const startedAt = clock.wall.now();
  const left = (): number =>
    (options.budgetSeconds ?? livePatience.deadlineSeconds) - (clock.wall.now() - startedAt) / 1000;
  const ledger = tracker.ledger();
  const patience = live ? { ...livePatience, deadlineSeconds: left() } : fencedPatience(left());
  if (ledger === null || !ledger.isComplete) return inFull(options, patience);
  const hash = await requireSameHash(sides);
  // Marks must be complete up to now before anything is called clean.
  if (!(await tracker.catchUp({ seconds: Math.max(0, left()), signal })))
    return { report: inconclusive(ledger.tables, 'The change feed did not reach the end of the log in time.') };
  const watermark = createWatermark(live ? options : { ...options, applied: null });
  await watermark.begin();
  const pass = createPass({
    sides,
    clock,
    signal,
    tracker,
    applied: live ? (options.applied ?? null) : null,
    patience,
  });
  const check = ({ table, chunk }: Due): Promise<void> => {
    if (options.budgetSeconds !== null && left() <= 0) throw budgetFault(options.budgetSeconds);
    return pass.check(table, chunk, watermark.current());
  };
  const due = dueChunks(ledger, options);
  await runWork(each(due), check, signal);
  const uncounted = live ? [] : await countsDiffer(sides, ledger.tables, signal);
  const already = new Set(due.map(({ chunk }) => chunk));
  const more = uncounted.flatMap((table) =>
    table.chunks.filter((chunk) => !already.has(chunk)).map((chunk) => ({ table, chunk })),
  );
  await runWork(each(more), check, signal);
  await pass.finish();
  await watermark.stop();
  const total = ledger.tables.reduce((sum, table) => sum + table.chunks.length, 0);
  const report = pass.report(ledger.tables, [
    `${due.length + more.length} of ${total} chunks were read again; in the others nothing can have changed since they were equal.`,
    ...fixedNotes(hash),
  ]);
  return { report: { ...report, verdict: verdictOf(report.tables) } };
};

/** Compares every row of every table on both sides, live or at rest, and leaves a ledger of the chunks behind. */
import type { ParityReport } from '../model/parity.ts';
import type { Position } from '../model/position.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import { boundTable, type Chunk, type ChunkLedger, newChunk, type TableLedger } from '../parity/ledger.ts';
import type { Clock } from '../ports/clock.ts';
import type { Progress } from '../ports/host.ts';
import type { RowsPort } from '../ports/rows.ts';
import type { Applied } from './applied.ts';
import type { DirtyTracker } from './dirty-tracker.ts';
import { createPass } from './pass.ts';
import { defaultSizes, describeTable, requireSameHash, type Sides, type Sizes } from './sides.ts';
import type { Patience } from './suspects.ts';

export interface VerifyOptions {
  readonly source: RowsPort;
  readonly target: RowsPort;
  readonly pairs: readonly TablePair[];
  readonly clock: Clock;
  /** Changes flow while we read: differences are asked again before they are believed. False: nothing writes on either side. */
  readonly live: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Omit<Progress, 'stepId'>) => void;
  /** Live: gets the ledger before the first read, and proves that a differing row did not change meanwhile. */
  readonly tracker?: DirtyTracker | null;
  /** Live: proves what the target has. Without it no chunk is ever clean and differences are believed by repetition only. */
  readonly applied?: Applied | null;
  readonly patience?: Patience;
  readonly sizes?: Sizes;
}

export const livePatience: Patience = { deadlineSeconds: 120, stableLooks: 5, stableSeconds: 10 };
const restPatience: Patience = { deadlineSeconds: 0, stableLooks: 0, stableSeconds: 0 };

/** Chunks in flight: each has one query on each side, so this is also the number of connections per side. */
const inFlight = 2;
/** The first chunks are summed while the walk over the key goes on. */
const firstBounds = 4;
const mostBounds = 64;
const settleSeconds = 30;
/** Wall ms after which the position proven to be on the target is proven anew. */
const settleEveryMs = 5000;
/** A pass begins with a proof at most this old at once: waiting for a younger one takes longer than it makes chunks cleaner. */
const usableProofMs = 15_000;

export const fixedNotes = (hash: string): readonly string[] => [
  `Rows are compared by the engine's own 64-bit hash, seeded by the key and summed per chunk (${hash.slice(0, 80)}). It is not cryptographic: it finds accidents, not an adversary, and values that the type itself calls equal (numeric 1.10 and 1.1) are equal.`,
];

/** What a live answer is worth without markers. */
const unprovenNote = `Read while changes may flow, without markers: a difference is believed when neither side moved for ${livePatience.stableSeconds} s, so with more lag than that a row on its way may be named.`;

interface Work {
  readonly table: TableLedger;
  readonly chunk: Chunk;
}

/** Chunks of one table as soon as their bounds are known; the next bounds are fetched while these are read. */
export async function* chunksOfTable(sides: Sides, table: TableLedger, compare: Compare): AsyncGenerator<Work> {
  const chunks: Chunk[] = [];
  const walk = (from: readonly string[] | null, most: number): Promise<readonly (readonly string[])[]> =>
    table.source.key.length === 0
      ? Promise.resolve([])
      : sides.source.bounds(table.source, sides.sizes.rowsPerChunk, { from, to: null }, most);
  let from: readonly string[] | null = null;
  let most = firstBounds;
  let next = walk(from, most);
  for (;;) {
    const bounds = await next;
    const isLast = bounds.length !== most;
    const end = bounds.at(-1);
    if (!isLast && end !== undefined) {
      most = Math.min(mostBounds, most * 2);
      next = walk(end, most);
      // Awaited in the next turn; a worker that fails in between must not leave this unheard.
      next.catch(() => undefined);
    }
    const fresh = bounds.map((to, index) => newChunk({ from: index === 0 ? from : (bounds[index - 1] ?? null), to }));
    from = end ?? from;
    if (isLast) fresh.push(newChunk({ from, to: null }));
    chunks.push(...fresh);
    // Bounded before the last is read: marks then go to the chunks at once.
    if (isLast) boundTable(table, chunks, compare);
    for (const chunk of fresh) yield { table, chunk };
    if (isLast) return;
  }
}

type Compare = (a: Position, b: Position) => number;

/** Runs work with two chunks in flight; the first failure stops taking more and is thrown when both are back. */
export const runWork = async (
  work: AsyncIterable<Work>,
  each: (item: Work) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const items = work[Symbol.asyncIterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (failures.length === 0) {
      signal.throwIfAborted();
      const item = await items.next();
      if (item.done) return;
      await each(item.value);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, () => worker().catch((error: unknown) => failures.push(error))));
  if (failures.length > 0) throw failures[0];
};

/** The newest position proven to be on the target, proven again now and then while a pass lasts. */
export const createWatermark = (options: Pick<VerifyOptions, 'clock' | 'signal' | 'applied'>) => {
  const { clock, signal, applied } = options;
  let position: Position | null = null;
  let provenAt = 0;
  let running: Promise<void> | null = null;
  const prove = async (): Promise<void> => {
    provenAt = clock.wall.now();
    position = (await applied?.settle({ seconds: settleSeconds, signal })) ?? position;
  };
  return {
    /** What a pass begins with. */
    begin: async (): Promise<void> => {
      const known = applied?.newest() ?? null;
      if (known === null || clock.wall.now() - known.askedAt > usableProofMs) return prove();
      position = known.position;
      provenAt = known.askedAt;
    },
    /** For a read that starts now. */
    current: (): Position | null => {
      if (applied && running === null && clock.wall.now() - provenAt >= settleEveryMs)
        running = prove()
          .catch(() => undefined)
          .finally(() => {
            running = null;
          });
      return position;
    },
    stop: async (): Promise<void> => {
      await running;
    },
  };
};

const rateText = (rows: number, ms: number): number => Math.round((1000 * rows) / Math.max(1, ms));

/** Faults: `parity.hash-differs`, `parity.columns-differ`, and what the ports throw. */
export const verifyTables = async (
  options: VerifyOptions,
): Promise<{ readonly report: ParityReport; readonly ledger: ChunkLedger }> => {
  const { source, target, pairs, clock, live, signal, tracker = null } = options;
  const sides: Sides = { source, target, sizes: options.sizes ?? defaultSizes };
  const hash = await requireSameHash(sides);
  const described = await Promise.all(pairs.map((pair) => describeTable(sides, pair)));
  const ledger: ChunkLedger = { isComplete: false, tables: described.map(({ table }) => table) };
  tracker?.attach(ledger);
  const watermark = createWatermark(live ? options : { ...options, applied: null });
  const estimates = Promise.all(pairs.map((pair) => source.estimateRows(pair.source)));
  const [counts] = await Promise.all([estimates, watermark.begin()]);
  const pass = createPass({
    sides,
    clock,
    signal,
    tracker: live ? tracker : null,
    applied: live ? (options.applied ?? null) : null,
    patience: options.patience ?? (live ? livePatience : restPatience),
  });
  const total = counts.reduce((sum, rows) => sum + Math.max(0, rows), 0);
  const startedAt = clock.wall.now();
  let done = 0;
  const compare: Compare = tracker?.compare ?? (() => 0);
  async function* work(): AsyncGenerator<Work> {
    for (const table of ledger.tables) yield* chunksOfTable(sides, table, compare);
  }
  await runWork(
    work(),
    async ({ table, chunk }) => {
      await pass.check(table, chunk, watermark.current());
      done += chunk.sourceRows;
      options.onProgress({
        text: tableKey(table.pair.source),
        done,
        total: Math.max(done, total),
        unit: 'rows',
        ratePerSecond: rateText(done, clock.wall.now() - startedAt),
      });
    },
    signal,
  );
  await pass.finish();
  await watermark.stop();
  const notes = [
    ...described.flatMap((table) => table.notes),
    ...fixedNotes(hash),
    ...(live && !options.applied ? [unprovenNote] : []),
  ];
  const report = pass.report(ledger.tables, notes);
  ledger.isComplete = report.verdict === 'equal';
  return { report, ledger };
};

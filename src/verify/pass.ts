/** One pass of parity: chunks are summed on both sides at once, differing ones narrowed to rows, rows decided at the end. */
import type { ParityReport, RowSample, TableParity } from '../model/parity.ts';
import type { Position } from '../model/position.ts';
import { tableKey } from '../model/table.ts';
import { type Chunk, rangesOf, type TableLedger } from '../parity/ledger.ts';
import type { Clock } from '../ports/clock.ts';
import type { Applied } from './applied.ts';
import type { DirtyTracker } from './dirty-tracker.ts';
import { differenceKind, samplesOf } from './samples.ts';
import {
  differingParts,
  joinNeighbours,
  pagesOf,
  readBucket,
  readPage,
  type Side,
  type Sides,
  sumBoth,
} from './sides.ts';
import { type Patience, resolveSuspects, type SuspectPage, type SuspectRow, suspectPage } from './suspects.ts';

/** Rows named per table. Counts are exact. */
export const samplesPerTable = 20;

export interface PassOptions {
  readonly sides: Sides;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  readonly tracker: DirtyTracker | null;
  readonly applied: Applied | null;
}

interface Tally {
  missing: number;
  extraneous: number;
  mismatched: number;
  inFlight: number;
  chunksRead: number;
  startedAt: number | null;
  endedAt: number;
  readonly samples: RowSample[];
}

/** A chunk that differed: equal after all when none of its rows does. */
interface Doubt {
  readonly chunk: Chunk;
  readonly cleanSince: Position | null;
  differs: boolean;
}

export interface Pass {
  /** Reads one chunk; rows that differ wait for `finish`. `cleanSince`: all changes up to it were on the target before. */
  check(table: TableLedger, chunk: Chunk, cleanSince: Position | null): Promise<void>;
  /** Decides every row that is left; only then is the report whole. */
  finish(): Promise<void>;
  report(tables: readonly TableLedger[], notes: readonly string[]): ParityReport;
}

const newTally = (): Tally => ({
  missing: 0,
  extraneous: 0,
  mismatched: 0,
  inFlight: 0,
  chunksRead: 0,
  startedAt: null,
  endedAt: 0,
  samples: [],
});

const tableReport = (table: TableLedger, tally: Tally): TableParity => ({
  name: tableKey(table.pair.source),
  sourceRows: table.chunks.reduce((sum, chunk) => sum + chunk.sourceRows, 0),
  targetRows: table.chunks.reduce((sum, chunk) => sum + chunk.targetRows, 0),
  missing: tally.missing,
  extraneous: tally.extraneous,
  mismatched: tally.mismatched,
  inFlight: tally.inFlight,
  chunks: table.chunks.length,
  seconds: tally.startedAt === null ? 0 : Number(((tally.endedAt - tally.startedAt) / 1000).toFixed(3)),
  samples: tally.samples,
});

export const verdictOf = (tables: readonly TableParity[]): ParityReport['verdict'] => {
  if (tables.some((t) => t.missing + t.extraneous + t.mismatched > 0)) return 'different';
  return tables.some((t) => t.inFlight > 0) ? 'inconclusive' : 'equal';
};

const addOutcome = (tally: Tally, page: SuspectPage, row: SuspectRow): void => {
  // In a bucket a row is a distinct text and its state how often it is there.
  const rows = page.place.kind === 'range' ? 1 : Math.abs(Number(row.source ?? 0) - Number(row.target ?? 0));
  if (row.outcome === 'inFlight') tally.inFlight += Math.max(1, rows);
  else tally[differenceKind(page, row)] += rows;
};

export const createPass = (options: PassOptions): Pass => {
  const { sides, clock, signal } = options;
  const tallies = new Map<string, Tally>();
  const doubts: Doubt[] = [];
  let pending: { readonly doubt: Doubt; readonly page: SuspectPage }[] = [];
  let suspects = 0;
  let deciding: Promise<void> = Promise.resolve();

  const tallyOf = (table: TableLedger): Tally => {
    const name = tableKey(table.pair.source);
    const known = tallies.get(name) ?? newTally();
    tallies.set(name, known);
    return known;
  };

  const apply = async (doubt: Doubt, page: SuspectPage): Promise<void> => {
    const tally = tallyOf(page.table);
    const bad = page.rows.filter((row) => row.outcome !== 'equal');
    for (const row of bad) addOutcome(tally, page, row);
    if (bad.length > 0) doubt.differs = true;
    const room = samplesPerTable - tally.samples.length;
    if (bad.length > 0 && room > 0) tally.samples.push(...(await samplesOf(sides, page, bad.slice(0, room))));
    tally.endedAt = clock.wall.now();
  };

  const decide = async (): Promise<void> => {
    const batch = pending;
    pending = [];
    suspects = 0;
    await resolveSuspects(
      batch.map(({ page }) => page),
      options,
    );
    for (const { doubt, page } of batch) await apply(doubt, page);
  };

  const hold = async (doubt: Doubt, page: SuspectPage): Promise<void> => {
    if (page.rows.length === 0) return;
    pending.push({ doubt, page });
    suspects += page.rows.length;
    if (suspects <= sides.sizes.mostSuspects) return;
    // One decision at a time, whichever worker comes to it.
    deciding = deciding.then(decide);
    await deciding;
  };

  /** Parts of a differing chunk that differ themselves, cut into pages of rows. */
  const narrow = async (doubt: Doubt, table: TableLedger): Promise<void> => {
    const { rowsPerPart, rowsPerPage } = sides.sizes;
    const { range } = doubt.chunk;
    const parts = rangesOf(range, await sides.source.bounds(table.source, rowsPerPart, range));
    const differing = await differingParts(sides, table, parts, signal);
    for (const part of joinNeighbours(differing, rowsPerPage)) {
      // Only a part that has grown must be read to be cut.
      for await (const rows of part.rows <= rowsPerPage ? [part.range] : pagesOf(sides, table, part.range)) {
        signal.throwIfAborted();
        const read = (side: Side): ReturnType<SuspectPage['read']> => readPage(sides, side, table, rows);
        await hold(doubt, await suspectPage({ table, place: { kind: 'range', range: rows }, read }));
      }
    }
  };

  const checkKeyed = async (doubt: Doubt, table: TableLedger): Promise<boolean> => {
    const { chunk } = doubt;
    const sums = await sumBoth(sides, table, chunk.range, signal);
    chunk.sourceRows = sums.source.rows;
    chunk.targetRows = sums.target.rows;
    if (!sums.isEqual) await narrow(doubt, table);
    return sums.isEqual;
  };

  const checkMultiset = async (doubt: Doubt, table: TableLedger): Promise<boolean> => {
    const estimates = await Promise.all([
      sides.source.estimateRows(table.pair.source),
      sides.target.estimateRows(table.pair.target),
    ]);
    const buckets = Math.max(1, Math.ceil(Math.max(...estimates) / sides.sizes.rowsPerBucket));
    const rows = { source: 0, target: 0 };
    let isEqual = true;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      signal.throwIfAborted();
      const read = (side: Side): ReturnType<SuspectPage['read']> => readBucket(sides, side, table, bucket, buckets);
      const page = await suspectPage({ table, place: { kind: 'bucket', bucket, buckets }, read });
      rows.source += page.rowsRead.source;
      rows.target += page.rowsRead.target;
      if (page.rows.length > 0) isEqual = false;
      await hold(doubt, page);
    }
    doubt.chunk.sourceRows = rows.source;
    doubt.chunk.targetRows = rows.target;
    return isEqual;
  };

  const accept = ({ chunk, cleanSince }: Doubt): void => {
    chunk.isEqual = true;
    chunk.cleanSince = cleanSince;
    chunk.checkedAt = clock.now();
  };

  return {
    check: async (table, chunk, cleanSince) => {
      const tally = tallyOf(table);
      tally.startedAt ??= clock.wall.now();
      tally.chunksRead += 1;
      chunk.isEqual = false;
      const doubt: Doubt = { chunk, cleanSince, differs: false };
      const isEqual = await (table.source.key.length === 0 ? checkMultiset : checkKeyed)(doubt, table);
      if (isEqual) accept(doubt);
      else doubts.push(doubt);
      tally.endedAt = clock.wall.now();
    },
    finish: async () => {
      await deciding;
      await decide();
      for (const doubt of doubts) if (!doubt.differs) accept(doubt);
    },
    report: (tables, notes) => {
      const reports = tables.map((table) => tableReport(table, tallyOf(table)));
      return { formatVersion: 1, verdict: verdictOf(reports), tables: reports, notes };
    },
  };
};

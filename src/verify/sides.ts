/** The two databases as parity reads them: always both, source first. */
import { assert, Fault } from '../model/fault.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import type { KeyedState } from '../parity/difference.ts';
import { keyText, newTable, type TableLedger } from '../parity/ledger.ts';
import type { KeyRange, RangeSum, RowSource, RowsPort } from '../ports/rows.ts';

/** How finely keys are cut; tests cut finer. */
export interface Sizes {
  readonly rowsPerChunk: number;
  /** Of a differing chunk, before rows are read. */
  readonly rowsPerPart: number;
  /** Rows fetched at once for naming. */
  readonly rowsPerPage: number;
  /** Distinct rows per bucket of a table without a key. */
  readonly rowsPerBucket: number;
  /** Suspects held at once; more are decided in between, so that memory is bounded however much differs. */
  readonly mostSuspects: number;
}

/** Chunks scan fastest at 50,000 keys; narrowing is cheapest by parts of 500 (reference/performance.md). */
export const defaultSizes: Sizes = {
  rowsPerChunk: 50_000,
  rowsPerPart: 500,
  rowsPerPage: 2000,
  rowsPerBucket: 50_000,
  mostSuspects: 50_000,
};

export interface Sides {
  readonly source: RowsPort;
  readonly target: RowsPort;
  readonly sizes: Sizes;
}

export type Side = 'source' | 'target';

export const sumBoth = async (
  sides: Sides,
  table: TableLedger,
  range: KeyRange,
  signal: AbortSignal,
): Promise<{ readonly source: RangeSum; readonly target: RangeSum; readonly isEqual: boolean }> => {
  signal.throwIfAborted();
  const [source, target] = await Promise.all([
    sides.source.sum(table.source, range, signal),
    sides.target.sum(table.target, range, signal),
  ]);
  return { source, target, isEqual: source.rows === target.rows && source.sum === target.sum };
};

interface PartSum {
  readonly range: KeyRange;
  /** Of the side that has more. */
  readonly rows: number;
}

const sumsOf = async (
  rows: RowsPort,
  source: RowSource,
  ranges: readonly KeyRange[],
  signal: AbortSignal,
): Promise<readonly RangeSum[]> => {
  if (rows.sums) return rows.sums(source, ranges, signal);
  const sums: RangeSum[] = [];
  for (const range of ranges) sums.push(await rows.sum(source, range, signal));
  return sums;
};

/** The ranges whose sums differ, all asked at once on both sides. */
export const differingParts = async (
  sides: Sides,
  table: TableLedger,
  ranges: readonly KeyRange[],
  signal: AbortSignal,
): Promise<readonly PartSum[]> => {
  signal.throwIfAborted();
  const [source, target] = await Promise.all([
    sumsOf(sides.source, table.source, ranges, signal),
    sumsOf(sides.target, table.target, ranges, signal),
  ]);
  return ranges.flatMap((range, index) => {
    const [own, other] = [source[index], target[index]];
    assert(own !== undefined && other !== undefined, 'every range has a sum on both sides');
    return own.rows === other.rows && own.sum === other.sum ? [] : [{ range, rows: Math.max(own.rows, other.rows) }];
  });
};

/** Neighbours become one range while it stays a page: each range costs a query on each side at every look. */
export const joinNeighbours = (parts: readonly PartSum[], mostRows: number): readonly PartSum[] => {
  const joined: PartSum[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    const isNext = last?.range.to !== null && last?.range.to === part.range.from;
    if (last && isNext && last.rows + part.rows <= mostRows)
      joined[joined.length - 1] = { range: { from: last.range.from, to: part.range.to }, rows: last.rows + part.rows };
    else joined.push(part);
  }
  return joined;
};

/** Rows are hashed by each engine for itself: sums mean something only when both hash alike. */
export const requireSameHash = async (sides: Sides): Promise<string> => {
  const [source, target] = await Promise.all([sides.source.hashProbe(), sides.target.hashProbe()]);
  if (source === target) return source;
  throw new Fault({
    code: 'parity.hash-differs',
    summary: 'Source and target hash the same row differently, so their sums cannot be compared.',
    detail: `Source: ${source}; target: ${target}.`,
    hint: 'Run both on versions of the engine whose record hash agrees.',
  });
};

const columnsFault = (pair: TablePair, missing: readonly string[]): Fault =>
  new Fault({
    code: 'parity.columns-differ',
    summary: 'The target table lacks columns of the source.',
    detail: `${tableKey(pair.target)}: ${missing.join(', ')}.`,
    hint: 'Add them on the target, or convert the schema again.',
  });

/** How a table is read on both sides: the source's columns and key. `notes`: what is left out of the comparison. */
export const describeTable = async (
  sides: Sides,
  pair: TablePair,
): Promise<{ readonly table: TableLedger; readonly notes: readonly string[] }> => {
  const [source, target] = await Promise.all([sides.source.columns(pair.source), sides.target.columns(pair.target)]);
  const missing = source.columns.filter((column) => !target.columns.includes(column));
  if (missing.length > 0) throw columnsFault(pair, missing);
  const extra = target.columns.filter((column) => !source.columns.includes(column));
  // Another key on the target would cut other chunks; without a common one, rows are compared as a multiset.
  const isSameKey = keyText(source.key) === keyText(target.key);
  const isSameOrder = (source.textOrder ?? '') === (target.textOrder ?? '');
  const key = isSameKey && isSameOrder ? source.key : [];
  const read = (table: RowSource['table']): RowSource => ({ table, columns: source.columns, key });
  const name = tableKey(pair.source);
  return {
    table: newTable({
      pair,
      source: read(pair.source),
      target: read(pair.target),
      keyOrder: key.map((_, index) => source.keyOrder?.[index] ?? 'database'),
    }),
    notes: [
      ...(extra.length > 0 ? [`${name}: columns that only the target has are left out: ${extra.join(', ')}.`] : []),
      ...(isSameKey ? [] : [`${name}: the key differs between source and target; compared as a multiset of rows.`]),
      ...(isSameOrder || source.key.length === 0
        ? []
        : [`${name}: text of the key sorts differently on the two sides; compared as a multiset of rows.`]),
      ...(source.key.length === 0
        ? [`${name}: no key; compared as a multiset of rows, which names rows by their text.`]
        : []),
    ],
  };
};

const last = <T>(rows: readonly T[]): T | undefined => rows.at(-1);

/**
 * Cuts a range into pages of at most about `rowsPerPage` keys on both sides. The cut is a key that a database
 * returned last, so no order of keys is assumed here.
 */
export async function* pagesOf(sides: Sides, table: TableLedger, range: KeyRange): AsyncGenerator<KeyRange> {
  const { rowsPerPage } = sides.sizes;
  let from = range.from;
  for (;;) {
    const rest: KeyRange = { from, to: range.to };
    const source = await sides.source.hashes(table.source, rest, rowsPerPage);
    let to = source.length < rowsPerPage ? range.to : (last(source)?.key ?? range.to);
    const target = await sides.target.hashes(table.target, { from, to }, rowsPerPage);
    if (target.length === rowsPerPage) to = last(target)?.key ?? to;
    yield { from, to };
    if (to === range.to) return;
    from = to;
  }
}

/** All keys of a page with their hashes, in as many reads as it takes: rows may have been added since it was cut. */
export const readPage = async (
  sides: Sides,
  side: Side,
  table: TableLedger,
  range: KeyRange,
): Promise<ReadonlyMap<string, KeyedState>> => {
  const { rowsPerPage } = sides.sizes;
  const found = new Map<string, KeyedState>();
  let from = range.from;
  for (;;) {
    const rows = await sides[side].hashes(table[side], { from, to: range.to }, rowsPerPage);
    for (const { key, hash } of rows) found.set(keyText(key), { key, state: hash });
    if (rows.length < rowsPerPage) return found;
    from = last(rows)?.key ?? from;
  }
};

/** One bucket of a table without a key: distinct rows by hash, with how often each is there. */
export const readBucket = async (
  sides: Sides,
  side: Side,
  table: TableLedger,
  bucket: number,
  buckets: number,
): Promise<ReadonlyMap<string, KeyedState>> => {
  const rows = await sides[side].multiset(table[side], bucket, buckets);
  return new Map(rows.map(({ hash, count }) => [keyText([hash]), { key: [hash], state: String(count) }]));
};

/** What parity asks a database for: chunk bounds, sums decided inside the database, and rows by name. */
import type { TableName } from '../model/table.ts';

/** How one table is read on one side. Columns and key are in the same order on both sides. */
export interface RowSource {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Empty: no key, the table is compared as a multiset. */
  readonly key: readonly string[];
}

/** Half-open range of key tuples, as text of the key columns: after `from` (exclusive) up to and including `to`. Null: unbounded. */
export interface KeyRange {
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
}

export interface RangeSum {
  readonly rows: number;
  /** Decimal text of the sum of row hashes seeded by the key; engine-made, only compared. */
  readonly sum: string;
}

/**
 * How the text of one key column orders: `integer` as a number, `bytes` as its bytes (uuid, text under "C"),
 * `database` as only the database can tell. A wrong claim loses dirty marks: when in doubt, `database`.
 */
export type KeyOrder = 'integer' | 'bytes' | 'database';

/** A row as text per column, and its hash, for narrowing. */
export interface RowText {
  readonly key: readonly string[];
  readonly values: readonly (string | null)[];
}

export interface RowsPort {
  /** Names how rows are hashed, with a digest of test vectors: two sides may compare sums only if these are equal. */
  hashProbe(): Promise<string>;
  /** Columns that both sums and narrowing read, in ordinal order, without generated ones that only the engine computes. */
  columns(table: TableName): Promise<{
    readonly columns: readonly string[];
    readonly key: readonly string[];
    /** Per key column; left out, every one is `database`: then a changed row makes all chunks of its table dirty. */
    readonly keyOrder?: readonly KeyOrder[];
    /** Names how text in the key sorts; where two sides differ, one range holds different rows, and ranges are of no use. */
    readonly textOrder?: string;
  }>;
  estimateRows(table: TableName): Promise<number>;
  /** Exact `count(*)`, without hashing. Left out, counts are what the chunks' last sums said. */
  count?(source: RowSource, signal?: AbortSignal): Promise<number>;
  /**
   * Upper key bounds of chunks of about `rowsPerChunk` rows, ascending; the last chunk is unbounded. With `most`, at
   * most that many, so that sums can start while the walk goes on; an engine may ignore it and return all.
   */
  bounds(
    source: RowSource,
    rowsPerChunk: number,
    within: KeyRange,
    most?: number,
  ): Promise<readonly (readonly string[])[]>;
  sum(source: RowSource, range: KeyRange, signal?: AbortSignal): Promise<RangeSum>;
  /** The same for many ranges of one table, in their order, with few round trips. Left out, each is asked for alone. */
  sums?(source: RowSource, ranges: readonly KeyRange[], signal?: AbortSignal): Promise<readonly RangeSum[]>;
  /** Rows of the range in key order, as canonical text; at most `limit`. */
  rows(source: RowSource, range: KeyRange, limit: number): Promise<readonly RowText[]>;
  /** Key and hash only, for naming rows cheaply. */
  hashes(
    source: RowSource,
    range: KeyRange,
    limit: number,
  ): Promise<readonly { readonly key: readonly string[]; readonly hash: string }[]>;
  /** For tables without a key: distinct row hashes with their counts, for one of `buckets` equal parts of the hash space. */
  multiset(
    source: RowSource,
    bucket: number,
    buckets: number,
  ): Promise<readonly { readonly hash: string; readonly count: number; readonly sample: readonly (string | null)[] }[]>;
}

/** Tables in memory behind RowsPort: mutable, exact, with a hook before each read so that a test can change rows between two. */
import { createHash } from 'node:crypto';
import { type TableName, tableKey } from '../../model/table.ts';
import type { KeyOrder, KeyRange, RowSource, RowsPort, RowText } from '../rows.ts';

export interface FakeTable {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** Integer keys sort as numbers, all others by code unit. */
  readonly keyOrder?: readonly KeyOrder[];
}

export type FakeRow = readonly (string | null)[];

export interface FakeRows extends RowsPort {
  /** Inserts, or replaces the row with that key; a table without a key only gains rows. */
  put(table: string, row: FakeRow): void;
  /** Removes the row with that key, or one row equal to that text. */
  remove(table: string, key: readonly string[]): void;
  clear(table: string): void;
  all(table: string): readonly FakeRow[];
  /** How often each method was asked. */
  readonly asked: Readonly<Record<'sum' | 'hashes' | 'rows' | 'bounds' | 'multiset', number>>;
}

const hashOf = (parts: readonly (string | null)[]): bigint =>
  createHash('sha256').update(JSON.stringify(parts)).digest().readBigInt64BE();

interface Table {
  readonly spec: FakeTable;
  rows: FakeRow[];
}

const keyOf = (spec: FakeTable, row: FakeRow): readonly string[] =>
  spec.key.map((column) => row[spec.columns.indexOf(column)] ?? '');

const compare = (spec: FakeTable, a: readonly string[], b: readonly string[]): number => {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? '';
    if (left === right) continue;
    if (spec.keyOrder?.[index] === 'integer') return BigInt(left) < BigInt(right) ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
};

const isInside = (spec: FakeTable, range: KeyRange, key: readonly string[]): boolean =>
  (range.from === null || compare(spec, key, range.from) > 0) &&
  (range.to === null || compare(spec, key, range.to) <= 0);

export const fakeRows = (
  tables: Readonly<Record<string, FakeTable>>,
  options: { readonly beforeRead?: (table: string) => void | Promise<void>; readonly hash?: string } = {},
): FakeRows => {
  const known = new Map<string, Table>(Object.entries(tables).map(([name, spec]) => [name, { spec, rows: [] }]));
  const asked = { sum: 0, hashes: 0, rows: 0, bounds: 0, multiset: 0 };
  const tableOf = (name: string): Table => {
    const found = known.get(name);
    if (!found) throw new Error(`no table ${name}`);
    return found;
  };
  const read = async (name: TableName, what?: keyof typeof asked): Promise<Table> => {
    if (what) asked[what] += 1;
    await options.beforeRead?.(tableKey(name));
    return tableOf(tableKey(name));
  };
  const select = ({ spec, rows }: Table, source: RowSource, range: KeyRange): RowText[] =>
    rows
      .map((row) => ({
        key: keyOf(spec, row),
        values: source.columns.map((column) => row[spec.columns.indexOf(column)] ?? null),
      }))
      .filter((row) => isInside(spec, range, row.key))
      .sort((a, b) => compare(spec, a.key, b.key));
  const hash = (row: RowText): bigint => hashOf([...row.key, null, ...row.values]);

  return {
    asked,
    put: (name, row) => {
      const table = tableOf(name);
      const key = keyOf(table.spec, row);
      if (key.length > 0)
        table.rows = table.rows.filter((other) => compare(table.spec, keyOf(table.spec, other), key) !== 0);
      table.rows.push(row);
    },
    remove: (name, key) => {
      const table = tableOf(name);
      const text = JSON.stringify(key);
      const at = table.rows.findIndex(
        (row) => JSON.stringify(table.spec.key.length === 0 ? row : keyOf(table.spec, row)) === text,
      );
      if (at >= 0) table.rows = table.rows.toSpliced(at, 1);
    },
    clear: (name) => {
      tableOf(name).rows = [];
    },
    all: (name) => tableOf(name).rows,
    hashProbe: async () => options.hash ?? 'fake sha256/64',
    columns: async (name) => (await read(name)).spec,
    estimateRows: async (name) => (await read(name)).rows.length,
    count: async (source) => (await read(source.table)).rows.length,
    bounds: async (source, rowsPerChunk, within, most = Number.POSITIVE_INFINITY) => {
      const rows = select(await read(source.table, 'bounds'), source, within);
      // A bound that ends the range would leave an empty chunk behind it.
      return rows
        .filter((_, index) => (index + 1) % rowsPerChunk === 0 && index + 1 < rows.length)
        .map((row) => row.key)
        .slice(0, most);
    },
    sum: async (source, range, signal) => {
      signal?.throwIfAborted();
      const rows = select(await read(source.table, 'sum'), source, range);
      return { rows: rows.length, sum: String(rows.reduce((sum, row) => sum + hash(row), 0n)) };
    },
    rows: async (source, range, limit) => select(await read(source.table, 'rows'), source, range).slice(0, limit),
    hashes: async (source, range, limit) =>
      select(await read(source.table, 'hashes'), source, range)
        .slice(0, limit)
        .map((row) => ({ key: row.key, hash: String(hash(row)) })),
    multiset: async (source, bucket, buckets) => {
      const found = new Map<string, { hash: string; count: number; sample: FakeRow }>();
      for (const row of select(await read(source.table, 'multiset'), source, { from: null, to: null })) {
        const number = hash(row);
        if (BigInt.asUintN(32, number) % BigInt(buckets) !== BigInt(bucket)) continue;
        const entry = found.get(String(number)) ?? { hash: String(number), count: 0, sample: row.values };
        entry.count += 1;
        found.set(entry.hash, entry);
      }
      return [...found.values()];
    },
  };
};

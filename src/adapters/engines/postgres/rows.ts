/** What parity asks of a PostgreSQL table: chunk bounds by walking the key, counts and sums made in the server, rows by name. */
import type { TableName } from '../../../model/table.ts';
import { tableKey } from '../../../model/table.ts';
import type { KeyOrder, KeyRange, RangeSum, RowSource, RowsPort } from '../../../ports/rows.ts';
import type { Connections } from './connections.ts';
import { hashMethod, readHashProbe, readTextOrder } from './hash-probe.ts';
import { keyColumnsExpression, tableMissing } from './relations.ts';
import { type ColumnType, integers, type RowSql, rowSql } from './row-sql.ts';

const typesQuery = `
  WITH RECURSIVE bases AS (
    SELECT t.oid AS start, t.oid, t.typtype, t.typbasetype FROM pg_type t
    UNION ALL SELECT b.start, n.oid, n.typtype, n.typbasetype FROM bases b JOIN pg_type n ON b.typtype = 'd' AND n.oid = b.typbasetype)
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    coalesce(e.typname, t.typname) AS base, e.oid IS NOT NULL AS is_array,
    coalesce(e.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace AND coalesce(e.typtype, t.typtype) = 'b' AS is_built_in,
    e.oid IS NULL AND t.typtype = 'e' AS is_enum, coalesce(to_jsonb(a)->>'attgenerated', '') <> '' AS is_generated,
    CASE WHEN o.oid IS NULL THEN NULL ELSE quote_ident(os.nspname) || '.' || quote_ident(o.collname) END AS collation,
    ${keyColumnsExpression('c.oid')} AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN bases ON bases.start = a.atttypid AND bases.typtype <> 'd' JOIN pg_type t ON t.oid = bases.oid
  LEFT JOIN pg_collation o ON o.oid = a.attcollation LEFT JOIN pg_namespace os ON os.oid = o.collnamespace
  LEFT JOIN pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY a.attnum`;

interface TypeRow {
  readonly name: string;
  readonly type: string;
  readonly base: string;
  readonly is_array: boolean;
  readonly is_built_in: boolean;
  readonly is_enum: boolean;
  readonly is_generated: boolean;
  readonly collation: string | null;
  readonly key: readonly string[];
}

interface Described {
  readonly types: ReadonlyMap<string, ColumnType>;
  /** Without generated ones: each side computes those from the others. */
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** Collations that the key's order follows. */
  readonly keyCollations: readonly string[];
}

const describe = async (connections: Connections, table: TableName): Promise<Described> => {
  const rows = await connections.query<TypeRow>(typesQuery, [table.schema, table.table]);
  if (rows.length === 0) throw tableMissing([table]);
  const key = rows[0]?.key ?? [];
  const types = rows.map(
    (row): ColumnType => ({
      name: row.name,
      type: row.type,
      base: row.base,
      isArray: row.is_array,
      isBuiltIn: row.is_built_in,
      isEnum: row.is_enum,
    }),
  );
  return {
    types: new Map(types.map((type) => [type.name, type])),
    columns: rows.filter((row) => !row.is_generated).map((row) => row.name),
    key,
    keyCollations: rows
      .filter((row) => key.includes(row.name) && row.is_built_in)
      .flatMap((row) => row.collation ?? []),
  };
};

/** What octank may decide about a key's order from its text; collations are the server's own. */
const keyOrderOf = (column: ColumnType | undefined): KeyOrder => {
  if (!column?.isBuiltIn || column.isArray) return 'database';
  if (integers.has(column.base)) return 'integer';
  return column.base === 'uuid' ? 'bytes' : 'database';
};

/** A whole table may be summed: as long as it takes, but cancelled on demand. */
const unlimited = { timeoutMs: 0 } as const;

/** Cutting a chunk into many small parts: one pass over its keys costs less than as many searches. */
const smallParts = 2000;

const readSmallBounds = async (
  connections: Connections,
  sql: RowSql,
  rows: number,
  within: KeyRange,
): Promise<readonly (readonly string[])[]> => {
  const range = sql.range(within);
  const found = await connections.query<{ key: readonly string[] }>(
    `SELECT key FROM (SELECT ${sql.keyText} AS key, row_number() OVER (ORDER BY ${sql.orderBy}) AS number FROM ${sql.from} ${range.where}) AS k
     WHERE number % ${rows} = 0 ORDER BY number`,
    range.values,
    unlimited,
  );
  return found.map(({ key }) => key);
};

/** The planner's guess: right for partitioned and never analysed tables too. */
const estimate = async (connections: Connections, from: string): Promise<number> => {
  const [row] = await connections.query<{ 'QUERY PLAN': readonly { Plan: { 'Plan Rows': number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT 1 FROM ${from}`,
  );
  return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
};

/** Below this a walk costs less than asking how even the key is. */
const evenFrom = 5000;
/** Keys per row up to which a key counts as even: gaps then cost half a chunk at most, and a chunk never has more rows than asked. */
const mostKeysPerRow = 1.5;

/**
 * Integer keys with few gaps are cut by arithmetic, from two looks at the index: walking the key costs a third of summing the rows.
 * Null where the key is not even, or not an integer.
 */
const readEvenBounds = async (
  connections: Connections,
  sql: RowSql,
  { rows, within, most }: { readonly rows: number; readonly within: KeyRange; readonly most: number },
): Promise<readonly (readonly string[])[] | null> => {
  if (sql.integerKey === null || rows < evenFrom) return null;
  const range = sql.range(within);
  const [edge] = await connections.query<{ low: string | null; high: string | null }>(
    `SELECT min(${sql.integerKey})::text AS low, max(${sql.integerKey})::text AS high FROM ${sql.from} ${range.where}`,
    range.values,
    unlimited,
  );
  if (!edge || edge.low === null || edge.high === null) return [];
  const [low, high] = [BigInt(edge.low), BigInt(edge.high)];
  if (Number(high - low) > mostKeysPerRow * (await estimate(connections, sql.from))) return null;
  const bounds: string[][] = [];
  for (let bound = low + BigInt(rows) - 1n; bound < high && bounds.length < most; bound += BigInt(rows))
    bounds.push([bound.toString()]);
  return bounds;
};

const readBounds = async (
  connections: Connections,
  sql: RowSql,
  { rowsPerChunk, within, most }: { readonly rowsPerChunk: number; readonly within: KeyRange; readonly most: number },
): Promise<readonly (readonly string[])[]> => {
  const rows = Math.max(1, Math.floor(rowsPerChunk));
  if (rows <= smallParts && most === Number.POSITIVE_INFINITY) return readSmallBounds(connections, sql, rows, within);
  const even = await readEvenBounds(connections, sql, { rows, within, most });
  if (even !== null) return even;
  const bounds: (readonly string[])[] = [];
  for (let from = within.from; ; ) {
    const range = sql.range({ from, to: within.to });
    const [next] = await connections.query<{ key: readonly string[] }>(
      `SELECT ${sql.keyText} AS key FROM ${sql.from} ${range.where} ORDER BY ${sql.orderBy} OFFSET ${rows - 1} LIMIT 1`,
      range.values,
      unlimited,
    );
    if (!next) return bounds;
    bounds.push(next.key);
    if (bounds.length >= most) return bounds;
    from = next.key;
  }
};

export const postgresRows = (connections: Connections): RowsPort => {
  const described = new Map<string, Promise<Described>>();
  const describeOnce = (table: TableName): Promise<Described> => {
    const key = tableKey(table);
    const known = described.get(key);
    if (known) return known;
    const reading = describe(connections, table);
    described.set(key, reading);
    // A table that is not there yet may be made later.
    reading.catch(() => described.delete(key));
    return reading;
  };
  const sqlOf = async (source: RowSource): Promise<RowSql> => {
    const [{ types }, method] = await Promise.all([describeOnce(source.table), hashMethod(connections)]);
    return rowSql(source, types, method);
  };
  const sum: RowsPort['sum'] = async (source, range, signal) => {
    const sql = await sqlOf(source);
    const { where, values } = sql.range(range);
    const [row] = await connections.query<{ rows: string; sum: string }>(
      `SELECT count(*)::text AS rows, coalesce(sum(${sql.hash}), 0)::text AS sum FROM ${sql.from} ${where}`,
      values,
      signal ? { ...unlimited, signal } : unlimited,
    );
    return { rows: Number(row?.rows ?? 0), sum: row?.sum ?? '0' };
  };
  return {
    hashProbe: () => readHashProbe(connections),
    columns: async (table) => {
      // Asked anew: callers ask when they begin, and the schema may have moved since the last time.
      described.delete(tableKey(table));
      const { columns, key, types, keyCollations } = await describeOnce(table);
      const orders = await Promise.all(keyCollations.map((collation) => readTextOrder(connections, collation)));
      return {
        columns,
        key,
        keyOrder: key.map((column) => keyOrderOf(types.get(column))),
        textOrder: orders.join(','),
      };
    },
    estimateRows: async (table) => {
      const sql = await sqlOf({ table, columns: [], key: [] });
      return estimate(connections, sql.from);
    },
    count: async (source, signal) => {
      const [row] = await connections.query<{ rows: string }>(
        `SELECT count(*)::text AS rows FROM ${(await sqlOf(source)).from}`,
        [],
        signal ? { ...unlimited, signal } : unlimited,
      );
      return Number(row?.rows ?? 0);
    },
    bounds: async (source, rowsPerChunk, within, most = Number.POSITIVE_INFINITY) =>
      source.key.length === 0 ? [] : readBounds(connections, await sqlOf(source), { rowsPerChunk, within, most }),
    sum,
    sums: async (source, ranges, signal) => {
      const sql = await sqlOf(source);
      const closed = ranges.filter(({ from, to }) => from !== null && to !== null);
      const found = new Map<KeyRange, RangeSum>();
      if (sql.ranges !== null && closed.length > 1) {
        const rows = await connections.query<{ rows: string; sum: string }>(
          `SELECT s.rows, s.sum FROM ${sql.ranges.from} CROSS JOIN LATERAL
             (SELECT count(*)::text AS rows, coalesce(sum(${sql.hash}), 0)::text AS sum FROM ${sql.from} ${sql.ranges.where}) AS s ORDER BY r.number`,
          [closed.map(({ from }) => from?.[0]), closed.map(({ to }) => to?.[0])],
          signal ? { ...unlimited, signal } : unlimited,
        );
        rows.forEach((row, index) => {
          const range = closed[index];
          if (range) found.set(range, { rows: Number(row.rows), sum: row.sum });
        });
      }
      const sums: RangeSum[] = [];
      for (const range of ranges) sums.push(found.get(range) ?? (await sum(source, range, signal)));
      return sums;
    },
    rows: async (source, range, limit) => {
      const sql = await sqlOf(source);
      const { where, values } = sql.range(range);
      return connections.query<{ key: readonly string[]; values: readonly (string | null)[] }>(
        `SELECT ${sql.keyText} AS key, ${sql.valuesText} AS values FROM ${sql.from} ${where} ${order(sql)} LIMIT ${limit}`,
        values,
        unlimited,
      );
    },
    hashes: async (source, range, limit) => {
      const sql = await sqlOf(source);
      const { where, values } = sql.range(range);
      return connections.query<{ key: readonly string[]; hash: string }>(
        `SELECT ${sql.keyText} AS key, (${sql.hash})::text AS hash FROM ${sql.from} ${where} ${order(sql)} LIMIT ${limit}`,
        values,
        unlimited,
      );
    },
    multiset: async (source, bucket, buckets) => {
      const sql = await sqlOf(source);
      const part = `((h % ${buckets}) + ${buckets}) % ${buckets}`;
      const rows = await connections.query<{ hash: string; count: string; sample: readonly (string | null)[] }>(
        `SELECT h::text AS hash, count(*)::text AS count, min(v) AS sample
         FROM (SELECT ${sql.hash} AS h, ${sql.valuesText} AS v FROM ${sql.from}) AS every WHERE ${part} = $1 GROUP BY h`,
        [bucket],
        unlimited,
      );
      return rows.map((row) => ({ ...row, count: Number(row.count) }));
    },
  };
};

const order = (sql: RowSql): string => (sql.orderBy === '' ? '' : `ORDER BY ${sql.orderBy}`);

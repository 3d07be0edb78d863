/** The tables of a PostgreSQL database as migrations judge them, and how long their longest values are. */
import { quoteIdent, quoteTable } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { TableFacts } from '../../../ports/database.ts';
import type { Connections } from './connections.ts';
import { keyColumnsExpression, nameArrays, namedCte } from './relations.ts';

interface TableRow {
  readonly schema: string;
  readonly table: string;
  readonly key_columns: readonly string[];
  readonly estimated_rows: number;
  readonly size_bytes: string;
  readonly owner: string;
  readonly may_alter: boolean;
  readonly is_partition: boolean;
  readonly is_partitioned: boolean;
  readonly identity: 'd' | 'f' | 'i' | 'n';
}

const identities = { d: 'default', f: 'full', i: 'index', n: 'nothing' } as const;

// A table that was never analysed says -1 (or 0 before version 14): its size is then a better guess than nothing.
const tablesQuery = `
  SELECT n.nspname AS schema, c.relname AS table, ${keyColumnsExpression('c.oid')} AS key_columns,
    CASE WHEN c.relkind = 'p' THEN 0
         WHEN c.reltuples > 0 THEN c.reltuples
         ELSE round(pg_catalog.pg_relation_size(c.oid) / 100.0) END::float8 AS estimated_rows,
    pg_catalog.pg_total_relation_size(c.oid)::text AS size_bytes,
    pg_catalog.pg_get_userbyid(c.relowner) AS owner,
    pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE') AS may_alter,
    c.relispartition AS is_partition, c.relkind = 'p' AS is_partitioned, c.relreplident AS identity
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'octank') AND n.nspname !~ '^pg_(toast|temp)'
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e
      WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  ORDER BY n.nspname, c.relname`;

export const readTables = async (connections: Connections): Promise<readonly TableFacts[]> =>
  (await connections.query<TableRow>(tablesQuery)).map((row) => ({
    name: { schema: row.schema, table: row.table },
    hasKey: row.key_columns.length > 0,
    keyColumns: row.key_columns,
    estimatedRows: row.estimated_rows,
    sizeBytes: Number(row.size_bytes),
    owner: row.owner,
    mayAlter: row.may_alter,
    isPartition: row.is_partition,
    isPartitioned: row.is_partitioned,
    replicaIdentity: identities[row.identity],
  }));

// What DMS moves as a LOB from PostgreSQL: unbounded text, bytes, documents, and arrays of anything.
const lobColumnsQuery = `
  WITH ${namedCte}
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, b.typname = 'bytea' AS is_bytes
  FROM named JOIN pg_catalog.pg_class c ON c.oid = named.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  WHERE b.typname IN ('text', 'bytea', 'json', 'jsonb', 'xml', 'citext', 'hstore', 'tsvector')
    OR (b.typname = 'varchar' AND a.atttypmod = -1) OR b.typcategory = 'A'
  ORDER BY 1, 2, a.attnum`;

interface NamedColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

interface LobColumn extends NamedColumn {
  readonly is_bytes: boolean;
}

/** One read per table: the largest answer of `measure` for each of its columns. */
const measureColumns = async <T extends NamedColumn>(
  connections: Connections,
  options: {
    readonly tables: readonly TableName[];
    readonly columns: readonly T[];
    readonly measure: (column: T) => string;
  },
): Promise<readonly { readonly table: TableName; readonly column: string; readonly most: number }[]> => {
  const measured: { table: TableName; column: string; most: number }[] = [];
  for (const table of options.tables) {
    const own = options.columns.filter((column) => column.schema === table.schema && column.table === table.table);
    if (own.length === 0) continue;
    const [row] = await connections.query<{ sizes: readonly (string | null)[] }>(
      `SELECT ARRAY[${own.map((column) => `max(${options.measure(column)})`).join(', ')}]::text[] AS sizes FROM ${quoteTable(table)}`,
      undefined,
      { timeoutMs: 0 },
    );
    own.forEach(({ column }, index) => {
      measured.push({ table, column, most: Number(row?.sizes[index] ?? 0) });
    });
  }
  return measured;
};

export const readLobSizes = async (connections: Connections, tables: readonly TableName[]) => {
  const columns = await connections.query<LobColumn>(lobColumnsQuery, nameArrays(tables));
  const measure = ({ column, is_bytes }: LobColumn): string =>
    `octet_length(${quoteIdent(column)}${is_bytes ? '' : '::text'})`;
  const sizes = await measureColumns(connections, { tables, columns, measure });
  return sizes.map(({ most, ...column }) => ({ ...column, maxBytes: most }));
};

const bareNumericQuery = `
  WITH ${namedCte}
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column
  FROM named JOIN pg_catalog.pg_class c ON c.oid = named.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  WHERE (t.typname = 'numeric' AND a.atttypmod = -1)
    OR (t.typtype = 'd' AND t.typbasetype = 'numeric'::regtype AND t.typtypmod = -1)
  ORDER BY 1, 2, a.attnum`;

/** Generated columns are left out: they are computed on the target, not carried. */
export const readNumericScales = async (connections: Connections, tables: readonly TableName[]) => {
  const columns = await connections.query<NamedColumn>(bareNumericQuery, nameArrays(tables));
  const measure = ({ column }: NamedColumn): string => `scale(${quoteIdent(column)})`;
  const scales = await measureColumns(connections, { tables, columns, measure });
  return scales.map(({ most, ...column }) => ({ ...column, maxScale: most }));
};

/** Table names as relations of the catalog: with partitions and children, and with what else can write into them. */
import { Fault } from '../../../model/fault.ts';
import { type TableName, tableKey } from '../../../model/table.ts';

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly relkind: 'r' | 'p';
}

/** Two parameters for `named`: schemas and tables. */
export const nameArrays = (tables: readonly TableName[]): readonly [readonly string[], readonly string[]] => [
  tables.map((name) => name.schema),
  tables.map((name) => name.table),
];

/** CTE `named(oid)`: the tables of $1 and $2 that exist. */
export const namedCte = `
  named AS (
    SELECT c.oid FROM unnest($1::text[], $2::text[]) AS w(schema_name, table_name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema_name
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.table_name AND c.relkind IN ('r', 'p'))`;

/** CTE `tree(oid)`: those and everything below them: partitions hold rows that are written under their own name too. */
export const treeCte = `${namedCte},
  tree AS (
    SELECT oid FROM named
    UNION SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid)`;

export const relationsOfTree = `
  WITH RECURSIVE ${treeCte}
  SELECT c.oid, n.nspname AS schema, c.relname AS table, c.relkind
  FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') ORDER BY n.nspname, c.relname`;

/** Parents outside the tree: a write that names them reaches rows inside it past the guards, which fire for the named table only. */
export const parentsOutside = `
  WITH RECURSIVE ${treeCte}
  SELECT DISTINCT n.nspname AS schema, p.relname AS table
  FROM tree JOIN pg_catalog.pg_inherits i ON i.inhrelid = tree.oid
  JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
  WHERE p.oid NOT IN (SELECT oid FROM tree)`;

/** Tables of the tree that a native subscription writes: its workers fire no statement triggers. */
export const subscribedTables = `
  WITH RECURSIVE ${treeCte}
  SELECT n.nspname AS schema, c.relname AS table
  FROM tree JOIN pg_catalog.pg_subscription_rel s ON s.srrelid = tree.oid
  JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

export const missingTables = (
  tables: readonly TableName[],
  present: readonly Pick<Relation, 'schema' | 'table'>[],
): readonly TableName[] => {
  const known = new Set(present.map((relation) => tableKey(relation)));
  return tables.filter((name) => !known.has(tableKey(name)));
};

export const tableMissing = (tables: readonly TableName[]): Fault =>
  new Fault({
    code: 'table.missing',
    summary: 'A table is not in the database.',
    detail: tables.slice(0, 5).map(tableKey).join(', '),
    hint: 'Someone dropped or renamed it; compute the plan again.',
  });

/** Columns that name a row, in the key's order: the primary key, else the index of its replica identity. */
export const keyColumnsExpression = (relation: string): string => `
  coalesce((
    SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position)
    FROM (
      SELECT x.indrelid, x.indkey FROM pg_catalog.pg_index x
      WHERE x.indrelid = ${relation} AND x.indisvalid AND (x.indisprimary OR x.indisreplident)
      ORDER BY x.indisprimary DESC LIMIT 1) AS chosen
    CROSS JOIN LATERAL unnest(chosen.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = chosen.indrelid AND a.attnum = k.attnum
    WHERE k.position <= (
      SELECT x.indnkeyatts FROM pg_catalog.pg_index x
      WHERE x.indrelid = ${relation} AND x.indisvalid AND (x.indisprimary OR x.indisreplident)
      ORDER BY x.indisprimary DESC LIMIT 1)
  ), '{}'::text[])`;

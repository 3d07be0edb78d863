/** What a task must know of the tables on both sides: columns, their types, keys; and how source columns map to target ones. */
import { exactTables, type Mappings, type SelectionRule, selects, targetColumn, targetTable } from '../mappings.ts';
import type { Client } from './sql.ts';

export interface CatalogColumn {
  readonly name: string;
  /** Full type with its modifiers, for CREATE TABLE. */
  readonly type: string;
  /** Type without modifiers, safe in a cast: an explicit cast to varchar(10) would cut in silence. */
  readonly castType: string;
  /** `unnest` flattens arrays and has no form for some types: those travel as text. */
  readonly viaText: boolean;
  readonly isLob: boolean;
  readonly isBareNumeric: boolean;
  readonly isText: boolean;
  /** Its binary form means the same on any server: no object ids of one catalog in it. */
  readonly binarySafe: boolean;
  readonly notNull: boolean;
  readonly generated: boolean;
}

export interface CatalogTable {
  readonly schema: string;
  readonly table: string;
  readonly kind: 'table' | 'partitioned';
  readonly columns: readonly CatalogColumn[];
  readonly key: readonly string[];
}

const catalogSql = `
select n.nspname as schema, c.relname as table, c.relkind as kind,
  (select coalesce(json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'castType', format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), -1),
      'viaText', t.typcategory = 'A' or t.typtype in ('c', 'd', 'p') or t.typarray = 0,
      'isLob', t.typcategory = 'A' or t.typname in ('text', 'bytea', 'json', 'jsonb', 'xml', 'hstore', 'citext', 'tsvector') or (t.typname = 'varchar' and a.atttypmod = -1),
      'isBareNumeric', t.typname = 'numeric' and a.atttypmod = -1,
      'binarySafe', (t.typtype = 'b' and t.typnamespace = 'pg_catalog'::regnamespace and t.typname !~ '^_?reg' and t.typname not in ('aclitem', '_aclitem', 'xml', '_xml')) or t.typtype = 'e',
      'isText', t.typname in ('text', 'varchar', 'citext'),
      'notNull', a.attnotnull, 'generated', a.attgenerated <> '') order by a.attnum), '[]')
   from pg_attribute a join pg_type t on t.oid = a.atttypid
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select coalesce(json_agg(a.attname order by k.ordinality), '[]')
   from (select i.indkey from pg_index i where i.indrelid = c.oid and i.indisvalid and i.indpred is null and i.indexprs is null
           and (i.indisprimary or (i.indisunique and not exists (
             select 1 from unnest(i.indkey) u join pg_attribute ua on ua.attrelid = c.oid and ua.attnum = u where not ua.attnotnull)))
         order by i.indisprimary desc, i.indexrelid limit 1) x,
     unnest(x.indkey) with ordinality k(attnum, ordinality)
     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum) as key
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence = 'p' and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'`;

const tablesOf = async (
  client: Client,
  where: string,
  values: readonly unknown[],
): Promise<readonly CatalogTable[]> => {
  const { rows } = await client.query<Omit<CatalogTable, 'kind'> & { kind: string }>(
    `${catalogSql} ${where} order by n.nspname, c.relname`,
    [...values],
  );
  return rows.map((row) => ({ ...row, kind: row.kind === 'p' ? 'partitioned' : 'table' }));
};

export const tableNamed = async (client: Client, schema: string, table: string): Promise<CatalogTable | undefined> =>
  (await tablesOf(client, 'and n.nspname = $1 and c.relname = $2', [schema, table]))[0];

/** A source table that the rules select. */
export interface SelectedTable {
  readonly source: CatalogTable;
  readonly rule: SelectionRule;
  readonly loadOrder: number;
}

export interface Selection {
  readonly tables: readonly SelectedTable[];
  /** Named exactly, and not there (or a partitioned parent, which DMS does not take for a table). */
  readonly absent: readonly { readonly schema: string; readonly table: string }[];
}

export const selectTables = async (client: Client, mappings: Mappings): Promise<Selection> => {
  const all = (await tablesOf(client, '', [])).filter((table) => table.kind === 'table');
  const tables = all
    .flatMap((source) => {
      if (source.table.startsWith('awsdms_')) return [];
      const found = selects(mappings, source.schema, source.table);
      return found ? [{ source, ...found }] : [];
    })
    .sort((a, b) => b.loadOrder - a.loadOrder);
  const present = new Set(all.map((table) => JSON.stringify([table.schema, table.table])));
  return {
    tables,
    absent: exactTables(mappings).filter(({ schema, table }) => !present.has(JSON.stringify([schema, table]))),
  };
};

export interface MappedColumn {
  readonly source: CatalogColumn;
  readonly target: CatalogColumn;
}

/** One table of a task with both its sides. */
export interface MappedTable {
  readonly source: CatalogTable;
  readonly target: CatalogTable;
  readonly rule: SelectionRule;
  readonly columns: readonly MappedColumn[];
  /** Indexes into `columns`; empty where the table has no key on the source. */
  readonly key: readonly number[];
  /** The target has a unique key of exactly these columns, so that it can name a conflict. */
  readonly keyOnTarget: boolean;
}

/** Columns that exist on one side only are left out, as AWS leaves them. */
export const mapTable = (mappings: Mappings, selected: SelectedTable, target: CatalogTable): MappedTable => {
  const { source } = selected;
  const columns = source.columns.flatMap((column) => {
    const name = targetColumn(mappings, source.schema, source.table, column.name);
    const found = target.columns.find((candidate) => candidate.name === name);
    return found && !found.generated ? [{ source: column, target: found }] : [];
  });
  const key = source.key.map((name) => columns.findIndex((column) => column.source.name === name));
  const complete = key.every((index) => index >= 0);
  const keyNames = new Set(key.map((index) => columns[index]?.target.name));
  return {
    source,
    target,
    rule: selected.rule,
    columns,
    key: complete ? key : [],
    keyOnTarget: complete && target.key.length === key.length && target.key.every((name) => keyNames.has(name)),
  };
};

export const targetOf = (mappings: Mappings, source: { schema: string; table: string }) =>
  targetTable(mappings, source.schema, source.table);

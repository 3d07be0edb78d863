/** A workload for databases that we did not make: it updates existing rows of keyed tables and keeps a ledger beside them. */
import pg from 'pg';
import type { Random } from './random.ts';
import type { Operation } from './write.ts';

/** Belongs to the wave: its rows must arrive as all others do. */
export const ledgerTable = 'lab.ledger';

/** Run once on the source, before the migration looks at it. */
export const createLedger = async (connection: pg.ClientConfig, owner: string): Promise<void> => {
  const client = new pg.Client(connection);
  await client.connect();
  const role = pg.escapeIdentifier(owner);
  try {
    await client.query(`create schema if not exists lab authorization ${role};
      create table if not exists lab.ledger (op_id text primary key, row_table text not null, row_key text not null, at timestamptz not null default clock_timestamp());
      alter table lab.ledger owner to ${role}`);
  } finally {
    await client.end();
  }
};

interface Row {
  readonly key: string;
  readonly values: readonly string[];
}

export interface GenericTable {
  /** Schema and table as SQL writes them, quoted: names may hold dots. */
  readonly name: string;
  /** Text column that takes an op id; free of keys, constraints, references and generation. */
  readonly column: string;
  readonly updateSql: string;
  readonly rows: readonly Row[];
}

/** Long enough for any op id. */
const minLength = 24;

/** Keys as text must be the same whichever server writes them, however it is set. */
export const keyTextSql = `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601';
  set local bytea_output = 'hex'; set local extra_float_digits = 3; set local lc_monetary = 'C'`;

const tablesSql = `
  select n.nspname as schema, c.relname as table,
    (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by array_position(i.indkey::int2[], a.attnum))
       from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])) as keys,
    (select a.attname from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
        and (a.atttypid = 'text'::regtype or (a.atttypid = 'varchar'::regtype and (a.atttypmod = -1 or a.atttypmod - 4 >= ${minLength})))
        and not exists (select 1 from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n' and a.attnum = any (k.conkey))
        and not exists (select 1 from pg_constraint k where k.confrelid = c.oid and a.attnum = any (k.confkey))
        and not exists (select 1 from pg_index x where x.indrelid = c.oid and x.indisunique and a.attnum = any (x.indkey::int2[]))
      order by a.attnum limit 1) as column
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_index i on i.indrelid = c.oid and i.indisprimary
  where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'lab', 'octank') and n.nspname not like 'pg_toast%'
    and has_table_privilege(c.oid, 'select, update')
  order by 1, 2`;

interface Described {
  readonly schema: string;
  readonly table: string;
  readonly keys: readonly { readonly name: string; readonly type: string }[];
  readonly column: string | null;
}

/** Each sampled row is enough to be met again and again: an update that is lost or comes late shows on a row written often. */
const rowsPerTable = 200;

/** `only`: `schema.table` of those that may be written. */
export const discoverTables = async (
  client: pg.ClientBase,
  only?: readonly string[],
): Promise<readonly GenericTable[]> => {
  await client.query(`begin; ${keyTextSql}`);
  const { rows } = await client.query<Described>(tablesSql);
  const found: GenericTable[] = [];
  for (const { schema, table, keys, column } of rows) {
    if (column === null || (only && !only.includes(`${schema}.${table}`))) continue;
    const name = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
    const names = keys.map((key) => pg.escapeIdentifier(key.name));
    const { rows: sampled } = await client.query<string[]>({
      text: `select ${names.map((key) => `${key}::text`).join(', ')} from ${name} order by ${names.join(', ')} limit ${rowsPerTable}`,
      rowMode: 'array',
    });
    const where = keys.map((key, index) => `${names[index]} = $${index + 2}::text::${key.type}`).join(' and ');
    found.push({
      name,
      column,
      updateSql: `update ${name} set ${pg.escapeIdentifier(column)} = $1 where ${where}`,
      rows: sampled.map((values) => ({ key: JSON.stringify(values), values })),
    });
  }
  await client.query('commit');
  return found.filter((table) => table.rows.length > 0);
};

/**
 * Each row belongs to one client, so that the order of that client's writes is the order of the row's values:
 * the last write that happened must be what the row holds.
 */
export const nextGenericOperation = (options: {
  readonly tables: readonly GenericTable[];
  readonly client: number;
  readonly clients: number;
  readonly random: Random;
}): Operation => {
  const { random } = options;
  const table = options.tables[random.int(options.tables.length)];
  const mine = table?.rows.filter((_, index) => index % options.clients === options.client) ?? [];
  const row = mine[random.int(mine.length)];
  return {
    kind: 'update-row',
    run: async (client, op) => {
      await client.query('insert into lab.ledger (op_id, row_table, row_key) values ($1, $2, $3)', [
        op,
        table?.name ?? '',
        row?.key ?? '',
      ]);
      if (!table || !row) return [];
      const { rowCount } = await client.query(table.updateSql, [op, ...row.values]);
      return rowCount === 1 ? [{ table: table.name, kind: 's', key: row.key, column: table.column }] : [];
    },
  };
};

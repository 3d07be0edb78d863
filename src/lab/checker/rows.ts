/** Both databases in full, compared by a method of our own; and whether the next inserts would work. */
import pg from 'pg';
import type { Report } from './violation.ts';
import type { TablePairNames } from './watch-writers.ts';
import type { ProbedTable } from './write-probe.ts';

/** Text of values must not depend on how either server is set. */
const settingsSql = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set bytea_output = 'hex';
  set extra_float_digits = 1; set lc_monetary = 'C'; set statement_timeout = '120s'`;

const qualified = ({ schema, table }: ProbedTable): string =>
  `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;

const columnsOf = async (client: pg.Client, table: ProbedTable): Promise<readonly string[]> => {
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [qualified(table)],
  );
  return rows.map((row) => row.name);
};

const rowText = (columns: readonly string[]): string =>
  `md5(row(${columns.map((column) => pg.escapeIdentifier(column)).join(', ')})::text)`;

interface TableDigest {
  readonly rows: number;
  /** Sum over the rows of a 60-bit digest each: order does not count, every row does. */
  readonly sum: string;
}

const digestOf = async (client: pg.Client, table: ProbedTable, columns: readonly string[]): Promise<TableDigest> => {
  const { rows } = await client.query<TableDigest>(
    `select count(*)::int as rows, coalesce(sum(('x' || left(${rowText(columns)}, 15))::bit(60)::bigint::numeric), 0)::text as sum
     from ${qualified(table)}`,
  );
  return rows[0] ?? { rows: 0, sum: '0' };
};

export interface RowsComparison {
  readonly equal: boolean;
  readonly rows: number;
  readonly different: readonly string[];
}

/** One pass over all tables. Columns are the source's: a column that the target lacks is an error, not a difference. */
export const compareRows = async (
  source: pg.Client,
  target: pg.Client,
  pairs: readonly TablePairNames[],
): Promise<RowsComparison> => {
  await Promise.all([source.query(settingsSql), target.query(settingsSql)]);
  const different: string[] = [];
  let rows = 0;
  for (const pair of pairs) {
    const columns = await columnsOf(source, pair.source);
    const [a, b] = await Promise.all([digestOf(source, pair.source, columns), digestOf(target, pair.target, columns)]);
    rows += a.rows;
    if (a.rows !== b.rows || a.sum !== b.sum)
      different.push(
        `${pair.source.schema}.${pair.source.table}: ${a.rows} rows on the source, ${b.rows} on the target${a.rows === b.rows ? ', with different values' : ''}`,
      );
  }
  return { equal: different.length === 0, rows, different };
};

/** Owned and identity sequences, and those that only a default names. */
const sequencesSql = `
  with used as (
    select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number
    from pg_depend d where d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
    union
    select d.refobjid, f.adrelid, f.adnum
    from pg_depend d join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    where d.refclassid = 'pg_class'::regclass)
  select quote_ident(n.nspname) || '.' || quote_ident(s.relname) as sequence, quote_ident(a.attname) as column, q.increment_by::text as increment
  from used
  join pg_class s on s.oid = used.sequence and s.relkind = 'S'
  join pg_namespace n on n.oid = s.relnamespace
  join pg_attribute a on a.attrelid = used.relation and a.attnum = used.number
  join pg_sequences q on q.schemaname = n.nspname and q.sequencename = s.relname
  where used.relation = $1::regclass`;

/** A sequence that is not beyond its column gives a number that is taken: the first insert after a cutover would fail. */
export const checkSequences = async (
  client: pg.Client,
  tables: readonly ProbedTable[],
  report: Report,
): Promise<number> => {
  let checked = 0;
  for (const table of tables) {
    const { rows } = await client.query<{ sequence: string; column: string; increment: string }>(sequencesSql, [
      qualified(table),
    ]);
    for (const { sequence, column, increment } of rows) {
      checked++;
      const isUp = !increment.startsWith('-');
      const { rows: found } = await client.query<{ behind: boolean; next: string; reached: string }>(
        `select s.next::text, e.reached::text, s.next ${isUp ? '<=' : '>='} e.reached as behind
         from (select case when is_called then last_value + ${increment} else last_value end as next from ${sequence}) s,
              (select ${isUp ? 'max' : 'min'}(${column}) as reached from ${qualified(table)}) e where e.reached is not null`,
      );
      if (found[0]?.behind === true)
        report(
          'sequence-behind',
          `${sequence} would give ${found[0].next}, and ${column} has reached ${found[0].reached}`,
        );
    }
  }
  return checked;
};

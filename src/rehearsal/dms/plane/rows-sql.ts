/** Set-based statements that write many row changes of one table at once: values travel as one array per column. */
import type { MappedColumn, MappedTable } from './catalog.ts';
import type { Value } from './decode.ts';
import { quoteName, quoteTable } from './sql.ts';

/** Values by index of the table's mapped columns; undefined: not carried. */
export type Row = readonly Value[];

export interface Statement {
  readonly text: string;
  readonly values: readonly string[];
}

const special = /["\\]/;

const arrayLiteral = (rows: readonly Row[], column: number): string => {
  const parts: string[] = new Array(rows.length);
  for (let i = 0; i < rows.length; i += 1) {
    const value = rows[i]?.[column];
    if (value === null || value === undefined) parts[i] = 'NULL';
    else parts[i] = special.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
  }
  return `{${parts.join(',')}}`;
};

const parameter = (column: MappedColumn, number: number): string =>
  `$${number}::${column.target.viaText ? 'text' : column.target.castType}[]`;

const typed = (column: MappedColumn, alias: string): string => {
  const value = column.target.viaText ? `${alias}::${column.target.castType}` : alias;
  return column.source.isBareNumeric
    ? `case when scale(${value}) > 6 then round(${value}, 6) else ${value} end`
    : value;
};

interface Source {
  readonly from: string;
  readonly values: readonly string[];
  readonly expressions: readonly string[];
}

/** `unnest(...) as s(c0, c1)` over the columns named by index. */
const source = (table: MappedTable, rows: readonly Row[], columns: readonly number[]): Source => {
  const mapped = columns.map((index) => table.columns[index] as MappedColumn);
  return {
    from: `unnest(${mapped.map((column, i) => parameter(column, i + 1)).join(', ')}) as s(${columns.map((c) => `c${c}`).join(', ')})`,
    values: columns.map((index) => arrayLiteral(rows, index)),
    expressions: mapped.map((column, i) => typed(column, `s.c${columns[i]}`)),
  };
};

const nameOf = (table: MappedTable, index: number): string => quoteName(table.columns[index]?.target.name ?? '');
const qualified = (table: MappedTable): string => quoteTable(table.target.schema, table.target.table);
const keyMatch = (table: MappedTable): string =>
  table.key
    .map((index) => `t.${nameOf(table, index)} = ${typed(table.columns[index] as MappedColumn, `s.c${index}`)}`)
    .join(' and ');

const carried = (row: Row): readonly number[] => row.flatMap((value, index) => (value === undefined ? [] : [index]));

/** Rows of one call carry the same columns. `overwrite`: a row that is there already takes the new values. */
export const insertRows = (table: MappedTable, rows: readonly Row[], overwrite: boolean): Statement => {
  const columns = carried(rows[0] ?? []);
  const { from, values, expressions } = source(table, rows, columns);
  const rest = columns.filter((index) => !table.key.includes(index));
  const conflict = overwrite
    ? ` on conflict (${table.key.map((index) => nameOf(table, index)).join(', ')}) do ${
        rest.length === 0
          ? 'nothing'
          : `update set ${rest.map((index) => `${nameOf(table, index)} = excluded.${nameOf(table, index)}`).join(', ')}`
      }`
    : '';
  return {
    text: `insert into ${qualified(table)} (${columns.map((index) => nameOf(table, index)).join(', ')}) overriding system value select ${expressions.join(', ')} from ${from}${conflict}`,
    values,
  };
};

export const updateRows = (table: MappedTable, rows: readonly Row[]): Statement => {
  const columns = carried(rows[0] ?? []);
  const { from, values, expressions } = source(table, rows, columns);
  const sets = columns.flatMap((index, i) =>
    table.key.includes(index) ? [] : [`${nameOf(table, index)} = ${expressions[i]}`],
  );
  // Only the key is carried: the row is touched all the same, so that its absence is seen.
  if (sets.length === 0) sets.push(`${nameOf(table, table.key[0] ?? 0)} = t.${nameOf(table, table.key[0] ?? 0)}`);
  return { text: `update ${qualified(table)} t set ${sets.join(', ')} from ${from} where ${keyMatch(table)}`, values };
};

export const deleteRows = (table: MappedTable, rows: readonly Row[]): Statement => {
  const { from, values } = source(table, rows, table.key);
  return { text: `delete from ${qualified(table)} t using ${from} where ${keyMatch(table)}`, values };
};

/** Which columns a row carries, so that rows of one statement agree. */
export const signature = (row: Row): string => {
  let text = '';
  for (const value of row) text += value === undefined ? '0' : '1';
  return text;
};

export const keyOf = (table: MappedTable, row: Row): string => {
  if (table.key.length === 1) return row[table.key[0] as number] ?? '';
  return JSON.stringify(table.key.map((index) => row[index] ?? null));
};

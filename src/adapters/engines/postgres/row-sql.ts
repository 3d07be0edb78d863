/** SQL of a table's rows: which columns hash by their type and which by their text, the key's order, ranges of it, the row's hash. */
import { quoteIdent, quoteTable } from '../../../model/postgres-quote.ts';
import type { KeyRange, RowSource } from '../../../ports/rows.ts';

export interface ColumnType {
  readonly name: string;
  /** As a cast writes it, with its modifier. */
  readonly type: string;
  /** Name of the base type under domains; for arrays that of the element. */
  readonly base: string;
  readonly isArray: boolean;
  /** The base type is PostgreSQL's own. */
  readonly isBuiltIn: boolean;
  readonly isEnum: boolean;
}

/*
 * Hashed by value. Everything else by its text: json, xml, geometry and bit strings have no hash; an enum's (and a reg* type's) is made
 * of an object id that differs between servers; interval and citext call different values equal; extensions may do as they like.
 */
const hashedByValue = new Set([
  ...['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'varchar', 'bpchar', 'name', 'char'],
  ...['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'uuid', 'bytea', 'jsonb', 'inet', 'cidr', 'macaddr'],
  ...['macaddr8', 'oid', 'pg_lsn'],
]);

const collated = new Set(['text', 'varchar', 'bpchar']);

const columnOf = (types: ReadonlyMap<string, ColumnType>, name: string): ColumnType => {
  const found = types.get(name);
  if (found) return found;
  throw new Error(`column ${name} was not described`);
};

/** COLLATE "C": bytes decide, also under collations that call different texts equal. */
const hashable = (column: ColumnType): string => {
  const name = quoteIdent(column.name);
  if (!column.isBuiltIn || !hashedByValue.has(column.base)) return `${name}::text`;
  return collated.has(column.base) && !column.isArray ? `${name} COLLATE "C"` : name;
};

/** In the order of the key's index where operators can be found without a search path; by its text's bytes otherwise. */
const keyExpression = (column: ColumnType): string => {
  const name = quoteIdent(column.name);
  return column.isBuiltIn || column.isEnum ? name : `${name}::text COLLATE "C"`;
};

const keyCast = (column: ColumnType): string => (column.isBuiltIn || column.isEnum ? column.type : 'text');

export const integers: ReadonlySet<string> = new Set(['int2', 'int4', 'int8']);

const integerKeyOf = (key: readonly ColumnType[]): string | null => {
  const [first] = key;
  return key.length === 1 && first?.isBuiltIn && !first.isArray && integers.has(first.base)
    ? quoteIdent(first.name)
    : null;
};

/** `record`: the engine's own record hash, PostgreSQL 14 and later. `text`: the hash of the row's text, before. */
export type HashMethod = 'record' | 'text';

export interface RowSql {
  readonly from: string;
  /** Key columns as one array of texts. */
  readonly keyText: string;
  /** The key's one column where it is an integer, quoted; null otherwise. */
  readonly integerKey: string | null;
  readonly valuesText: string;
  /** Seeded by the key: with a fixed seed two rows that swap a column's values keep the same sum. */
  readonly hash: string;
  readonly orderBy: string;
  /**
   * Many closed ranges at once, as two arrays; the index is searched once for each. Null for keys of several columns: the planner
   * takes a comparison of rows for a third of the table, and would read all of it for each.
   */
  readonly ranges: { readonly from: string; readonly where: string } | null;
  /** Condition and parameters of a range; parameters are numbered from 1. */
  range(range: KeyRange): { readonly where: string; readonly values: readonly string[] };
}

const list = (items: readonly string[]): string => items.join(', ');

const seedOf = (key: readonly ColumnType[], method: HashMethod): string => {
  const [first] = key;
  if (!first) return '0';
  const integer = integerKeyOf(key);
  if (integer !== null) return `${integer}::int8`;
  return method === 'record'
    ? `hash_record_extended(ROW(${list(key.map(hashable))}), 0)`
    : `hashtextextended(ROW(${list(key.map((column) => `${quoteIdent(column.name)}::text`))})::text, 0)`;
};

const hashOf = (columns: readonly ColumnType[], key: readonly ColumnType[], method: HashMethod): string =>
  method === 'record'
    ? `hash_record_extended(ROW(${list(columns.map(hashable))}), ${seedOf(key, method)})`
    : `hashtextextended(ROW(${list(columns.map((column) => `${quoteIdent(column.name)}::text`))})::text, ${seedOf(key, method)})`;

const textArray = (columns: readonly ColumnType[]): string =>
  columns.length === 0 ? `'{}'::text[]` : `ARRAY[${list(columns.map((column) => `${quoteIdent(column.name)}::text`))}]`;

/** One row comparison, so that the key's index finds the range. */
const compare = (key: readonly ColumnType[], operator: '>' | '<=', firstParameter: number): string => {
  const left = list(key.map(keyExpression));
  const right = list(key.map((column, index) => `$${firstParameter + index}::${keyCast(column)}`));
  return key.length === 1 ? `${left} ${operator} ${right}` : `(${left}) ${operator} (${right})`;
};

const rangesSql = (key: readonly ColumnType[]): RowSql['ranges'] => {
  const [only] = key;
  if (!only || key.length > 1 || only.isArray) return null;
  const arrays = `$1::${keyCast(only)}[], $2::${keyCast(only)}[]`;
  const name = keyExpression(only);
  return {
    from: `unnest(${arrays}) WITH ORDINALITY AS r(after, upto, number)`,
    where: `WHERE ${name} > r.after AND ${name} <= r.upto`,
  };
};

export const rowSql = (source: RowSource, types: ReadonlyMap<string, ColumnType>, method: HashMethod): RowSql => {
  const columns = source.columns.map((name) => columnOf(types, name));
  const key = source.key.map((name) => columnOf(types, name));
  return {
    from: quoteTable(source.table),
    keyText: textArray(key),
    integerKey: integerKeyOf(key),
    valuesText: textArray(columns),
    hash: hashOf(columns, key, method),
    orderBy: list(key.map(keyExpression)),
    ranges: rangesSql(key),
    range: ({ from, to }) => {
      const lower = key.length > 0 && from ? [compare(key, '>', 1)] : [];
      const upper = key.length > 0 && to ? [compare(key, '<=', 1 + (from?.length ?? 0))] : [];
      const conditions = [...lower, ...upper];
      return {
        where: conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '',
        values: key.length > 0 ? [...(from ?? []), ...(to ?? [])] : [],
      };
    },
  };
};

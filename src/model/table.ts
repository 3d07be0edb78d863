/** Names of tables, as people and engines both write them. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** A wave's table on both sides. */
export interface TablePair {
  readonly source: TableName;
  readonly target: TableName;
}

/** `schema.table`, for display, plan globs and map keys; never for SQL. */
export const tableKey = (name: TableName): string => `${name.schema}.${name.table}`;

/** Inverse of `tableKey` for names without a dot in the schema part. */
export const parseTableKey = (key: string): TableName => {
  const dot = key.indexOf('.');
  return dot < 0 ? { schema: 'public', table: key } : { schema: key.slice(0, dot), table: key.slice(dot + 1) };
};

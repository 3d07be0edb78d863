/** Tables as CREATE TABLE, with what belongs to their columns: defaults, identities, generated values, settings, replica identity. */
import { quoteIdent, quoteTable } from '../model/postgres-quote.ts';
import { type Column, type SequenceOptions, type Table, tableId } from '../model/schema.ts';
import type { TableName } from '../model/table.ts';
import { placedId, type RenderContext, type Statement } from './statement.ts';

export const nameOf = (object: { readonly schema: string; readonly name: string }): TableName => ({
  schema: object.schema,
  table: object.name,
});

export const sequenceClauses = (options: SequenceOptions): string =>
  [
    `START WITH ${options.start}`,
    `INCREMENT BY ${options.increment}`,
    `MINVALUE ${options.min}`,
    `MAXVALUE ${options.max}`,
    `CACHE ${options.cache}`,
    options.cycle ? 'CYCLE' : 'NO CYCLE',
  ].join(' ');

const identityClause = (column: Column, from: TableName, to: TableName): string => {
  if (!column.identity) return '';
  const { mode, sequence, options } = column.identity;
  // A table that changes its schema cannot keep its sequence's name: both lie in one schema.
  const named = from.schema === to.schema ? `SEQUENCE NAME ${quoteTable(sequence)} ` : '';
  return `GENERATED ${mode === 'always' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY (${named}${sequenceClauses(options)})`;
};

const valueClause = (column: Column): string => {
  if (column.generated) return `GENERATED ALWAYS AS (${column.default}) ${column.generated.toUpperCase()}`;
  return column.default === null ? '' : `DEFAULT ${column.default}`;
};

const columnClause = (column: Column, from: TableName, to: TableName): string =>
  [
    quoteIdent(column.name),
    column.type,
    column.collation === null ? '' : `COLLATE ${column.collation}`,
    identityClause(column, from, to) || valueClause(column),
    column.notNull ? 'NOT NULL' : '',
  ]
    .filter((part) => part !== '')
    .join(' ');

/** What a child says about a column beyond its parent: null when nothing. */
const override = (column: Column, inherited: Column | undefined): string | null => {
  const parts: string[] = [];
  if (!column.generated && !column.identity && !inherited?.identity && column.default !== (inherited?.default ?? null))
    parts.push(`DEFAULT ${column.default ?? 'NULL'}`);
  if (column.notNull && !inherited?.notNull) parts.push('NOT NULL');
  return parts.length === 0 ? null : `${quoteIdent(column.name)} ${parts.join(' ')}`;
};

/** Parents' columns by name; the first parent that has one wins, as in the server. */
const inheritedColumns = (table: Table, tables: ReadonlyMap<string, Table>): ReadonlyMap<string, Column> => {
  const parents = table.partitionOf ? [table.partitionOf.parent] : table.inherits;
  const columns = new Map<string, Column>();
  for (const parent of parents)
    for (const column of tables.get(tableId(parent))?.columns ?? [])
      if (!columns.has(column.name)) columns.set(column.name, column);
  return columns;
};

const createTable = (table: Table, tables: ReadonlyMap<string, Table>, context: RenderContext): string => {
  const from = nameOf(table);
  const to = context.place(from);
  const parents = inheritedColumns(table, tables);
  const tail = [
    table.partitionBy === null ? '' : `PARTITION BY ${table.partitionBy}`,
    table.options.length === 0 ? '' : `WITH (${table.options.join(', ')})`,
  ].filter((part) => part !== '');
  if (table.partitionOf) {
    const overrides = table.columns
      .map((column) => override(column, parents.get(column.name)))
      .filter((part) => part !== null);
    return [
      `CREATE TABLE ${quoteTable(to)} PARTITION OF ${quoteTable(context.place(table.partitionOf.parent))}`,
      ...(overrides.length > 0 ? [`(\n  ${overrides.join(',\n  ')}\n)`] : []),
      table.partitionOf.bound,
      ...tail,
    ].join(' ');
  }
  const own = table.columns.filter(
    (column) => !column.inherited || override(column, parents.get(column.name)) !== null,
  );
  const inherits = table.inherits.map((parent) => quoteTable(context.place(parent)));
  return [
    `CREATE TABLE ${quoteTable(to)} (\n  ${own.map((column) => columnClause(column, from, to)).join(',\n  ')}\n)`,
    ...(inherits.length > 0 ? [`INHERITS (${inherits.join(', ')})`] : []),
    ...tail,
  ].join(' ');
};

/** The two that ALTER COLUMN documents. A server may keep others of its own there, which another server refuses. */
export const isColumnOption = (option: string): boolean => /^n_distinct(_inherited)?=/.test(option);

const settingsOf = (table: Table, context: RenderContext): readonly Statement[] => {
  const to = context.place(nameOf(table));
  return table.columns.flatMap((column) => {
    const { storage, compression, statistics, options } = column.settings;
    const known = options.filter(isColumnOption);
    const actions = [
      ...(storage === null ? [] : [`SET STORAGE ${storage}`]),
      ...(compression === null ? [] : [`SET COMPRESSION ${compression}`]),
      ...(statistics === null ? [] : [`SET STATISTICS ${statistics}`]),
      ...(known.length === 0 ? [] : [`SET (${known.join(', ')})`]),
    ].map((action) => `ALTER COLUMN ${quoteIdent(column.name)} ${action}`);
    if (actions.length === 0) return [];
    return [
      {
        object: placedId('column-settings', to, column.name),
        sql: `ALTER TABLE ${quoteTable(to)} ${actions.join(', ')}`,
        stage: 'tables' as const,
        needs: [tableId(to)],
        of: table.id,
        isDeparsed: false,
      },
    ];
  });
};

const replicaIdentity = (table: Table, context: RenderContext): readonly Statement[] => {
  const to = context.place(nameOf(table));
  const identity = table.replicaIdentity;
  if (identity.kind === 'default') return [];
  const form = identity.kind === 'index' ? `USING INDEX ${quoteIdent(identity.index)}` : identity.kind.toUpperCase();
  return [
    {
      object: placedId('replica-identity', to),
      sql: `ALTER TABLE ${quoteTable(to)} REPLICA IDENTITY ${form}`,
      stage: 'tables',
      needs:
        identity.kind === 'index'
          ? [
              placedId('constraint', to, identity.index),
              placedId('index', { schema: to.schema, table: identity.index }),
            ]
          : [tableId(to)],
      of: table.id,
      isDeparsed: false,
    },
  ];
};

export const renderTable = (
  table: Table,
  needs: readonly string[],
  tables: ReadonlyMap<string, Table>,
  context: RenderContext,
): readonly Statement[] => [
  {
    object: tableId(context.place(nameOf(table))),
    sql: createTable(table, tables, context),
    stage: 'tables',
    needs,
    of: table.id,
    isDeparsed: false,
  },
  ...settingsOf(table, context),
  ...replicaIdentity(table, context),
];

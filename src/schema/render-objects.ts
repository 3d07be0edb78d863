/** Objects of their own: schemas, extensions, types, sequences, routines, views. */
import { quoteIdent, quoteLiteral, quoteTable } from '../model/postgres-quote.ts';
import {
  type Extension,
  type Namespace,
  objectId,
  type Routine,
  type Sequence,
  tableId,
  type UserType,
  type View,
} from '../model/schema.ts';
import { nameOf, sequenceClauses } from './render-table.ts';
import { placedId, type RenderContext, type Statement } from './statement.ts';

export const qualifiedName = (object: { readonly schema: string; readonly name: string }): string =>
  quoteTable(nameOf(object));

const plain = (of: { readonly id: string }, sql: string, needs: readonly string[]): Statement => ({
  object: of.id,
  sql,
  stage: 'indexes',
  needs,
  of: of.id,
  isDeparsed: false,
});

export const renderNamespace = (schema: Namespace): Statement =>
  plain(schema, `CREATE SCHEMA ${quoteIdent(schema.name)}`, []);

export const renderExtension = (extension: Extension, needs: readonly string[]): Statement =>
  plain(extension, `CREATE EXTENSION ${quoteIdent(extension.name)} WITH SCHEMA ${quoteIdent(extension.schema)}`, needs);

const typeSql = (type: UserType): string => {
  const name = qualifiedName(type);
  if (type.kind === 'enum')
    return `CREATE TYPE ${name} AS ENUM (${type.labels.map((l) => quoteLiteral(l).trim()).join(', ')})`;
  if (type.kind === 'range') return `CREATE TYPE ${name} AS RANGE (${type.options.join(', ')})`;
  if (type.kind === 'composite') {
    const attributes = type.attributes.map(
      (a) => `${quoteIdent(a.name)} ${a.type}${a.collation === null ? '' : ` COLLATE ${a.collation}`}`,
    );
    return `CREATE TYPE ${name} AS (${attributes.join(', ')})`;
  }
  return [
    `CREATE DOMAIN ${name} AS ${type.baseType}`,
    ...(type.collation === null ? [] : [`COLLATE ${type.collation}`]),
    ...(type.default === null ? [] : [`DEFAULT ${type.default}`]),
    ...(type.notNull ? ['NOT NULL'] : []),
    ...type.constraints.filter((c) => c.validated).map((c) => `CONSTRAINT ${quoteIdent(c.name)} ${c.definition}`),
  ].join(' ');
};

export const renderType = (type: UserType, needs: readonly string[]): readonly Statement[] => {
  const made: Statement = { ...plain(type, typeSql(type), needs), isDeparsed: type.kind === 'domain' };
  if (type.kind !== 'domain') return [made];
  const waiting = type.constraints
    .filter((constraint) => !constraint.validated)
    .map((constraint) => ({
      ...plain(
        type,
        `ALTER DOMAIN ${qualifiedName(type)} ADD CONSTRAINT ${quoteIdent(constraint.name)} ${constraint.definition} NOT VALID`,
        [type.id],
      ),
      object: objectId('domain-constraint', type.schema, type.name, constraint.name),
      isDeparsed: true,
    }));
  return [made, ...waiting];
};

export const renderSequence = (
  sequence: Sequence,
  needs: readonly string[],
  context: RenderContext,
): readonly Statement[] => {
  const made = plain(
    sequence,
    `CREATE SEQUENCE ${qualifiedName(sequence)} AS ${sequence.options.type} ${sequenceClauses(sequence.options)}`,
    needs,
  );
  if (!sequence.ownedBy) return [made];
  const table = context.place(sequence.ownedBy.table);
  // The server wants a sequence and its owner in one schema.
  if (table.schema !== sequence.schema) return [made];
  return [
    made,
    {
      object: placedId('sequence-owner', nameOf(sequence)),
      sql: `ALTER SEQUENCE ${qualifiedName(sequence)} OWNED BY ${quoteTable(table)}.${quoteIdent(sequence.ownedBy.column)}`,
      stage: 'tables',
      needs: [sequence.id, tableId(table)],
      of: sequence.id,
      isDeparsed: false,
    },
  ];
};

export const renderRoutine = (routine: Routine, needs: readonly string[]): Statement => ({
  ...plain(routine, routine.definition.trimEnd(), needs),
  isDeparsed: true,
});

export const renderView = (view: View, needs: readonly string[]): readonly Statement[] => {
  const options = view.options.length === 0 ? '' : ` WITH (${view.options.join(', ')})`;
  const definition = view.definition.trim();
  const made = (sql: string): Statement => ({ ...plain(view, sql, needs), isDeparsed: true });
  if (!view.materialized) return [made(`CREATE VIEW ${qualifiedName(view)}${options} AS ${definition}`)];
  const empty = made(`CREATE MATERIALIZED VIEW ${qualifiedName(view)}${options} AS ${definition} WITH NO DATA`);
  if (!view.populated) return [empty];
  return [
    empty,
    {
      object: objectId('populated', view.schema, view.name),
      sql: `REFRESH MATERIALIZED VIEW ${qualifiedName(view)}`,
      stage: 'validate',
      needs: [view.id],
      of: view.id,
      isDeparsed: false,
    },
  ];
};

/** A model as statements: each object by the function of its kind, comments last. */
import { quoteIdent, quoteTable } from '../model/postgres-quote.ts';
import { type AnyObject, type ObjectId, objectId, type SchemaModel, type Table, tableId } from '../model/schema.ts';
import type { Graph } from './graph.ts';
import * as hung from './render-hung.ts';
import * as objects from './render-objects.ts';
import { nameOf, renderTable } from './render-table.ts';
import { placedId, type RenderContext, type Statement } from './statement.ts';

/** The name by which statements know an object; tables may stand elsewhere on the target. */
const placed = (object: AnyObject, context: RenderContext): string =>
  object.kind === 'table' ? tableId(context.place(nameOf(object))) : object.id;

const needsOf = (object: AnyObject, graph: Graph, context: RenderContext): readonly string[] =>
  graph.uses(object.id).flatMap((id) => {
    const used = graph.object(id);
    return used ? [placed(used, context)] : [];
  });

interface Rendering {
  readonly graph: Graph;
  readonly tables: ReadonlyMap<ObjectId, Table>;
  readonly context: RenderContext;
}

const statementsOf = (object: AnyObject, { graph, tables, context }: Rendering): readonly Statement[] => {
  // It comes into being with the parent's, under a name that the server chooses.
  if ('inherited' in object && object.inherited) return [];
  const needs = needsOf(object, graph, context);
  switch (object.kind) {
    case 'schema':
      return [objects.renderNamespace(object)];
    case 'extension':
      return [objects.renderExtension(object, needs)];
    case 'enum':
    case 'domain':
    case 'composite':
    case 'range':
      return objects.renderType(object, needs);
    case 'sequence':
      return objects.renderSequence(object, needs, context);
    case 'routine':
      return [objects.renderRoutine(object, needs)];
    case 'view':
      return objects.renderView(object, needs);
    case 'table':
      return renderTable(object, [...needs, ...schemaOf(object, context)], tables, context);
    case 'constraint':
      return hung.renderConstraint(object, tables.get(tableId(object.table)), context);
    case 'index':
      return hung.renderIndex(object, tables.get(tableId(object.table)), context);
    case 'trigger':
      return hung.renderTrigger(object, needs, context);
    case 'rule':
      return hung.renderRule(object, needs, context);
    case 'policy':
      return [hung.renderPolicy(object, needs, context)];
    case 'statistics':
      return [hung.renderStatistics(object, context)];
    case 'other':
      return [];
  }
};

const schemaOf = (table: Table, context: RenderContext): readonly string[] => [
  objectId('schema', context.place(nameOf(table)).schema),
];

/** What COMMENT ON calls an object. */
const commentTarget = (object: AnyObject, context: RenderContext): string | null => {
  const name = objects.qualifiedName(object);
  switch (object.kind) {
    case 'table':
      return `TABLE ${quoteTable(context.place(nameOf(object)))}`;
    case 'view':
      return `${object.materialized ? 'MATERIALIZED VIEW' : 'VIEW'} ${name}`;
    case 'sequence':
      return `SEQUENCE ${name}`;
    case 'domain':
      return `DOMAIN ${name}`;
    case 'enum':
    case 'composite':
    case 'range':
      return `TYPE ${name}`;
    case 'routine':
      return `${object.form === 'aggregate' ? 'AGGREGATE' : 'ROUTINE'} ${name}(${object.arguments || (object.form === 'aggregate' ? '*' : '')})`;
    case 'index':
      return `INDEX ${quoteIdent(context.place(object.table).schema)}.${quoteIdent(object.name)}`;
    case 'statistics':
      return `STATISTICS ${name}`;
    case 'constraint':
    case 'trigger':
    case 'rule':
    case 'policy':
      return `${object.kind.toUpperCase()} ${quoteIdent(object.name)} ON ${quoteTable(context.place(object.table))}`;
    // A schema's or extension's comment says nothing about the wave's tables.
    default:
      return null;
  }
};

const commentsOf = (object: AnyObject, first: Statement, context: RenderContext): readonly Statement[] => {
  const on = commentTarget(object, context);
  const own = on
    ? hung.comment({ on, object: first.object, of: object.id, text: object.comment, after: first.object })
    : [];
  // A constraint comes late; its comment cannot come before it.
  const timed = own.map((statement) => (first.stage === 'late' ? { ...statement, stage: 'late' as const } : statement));
  if (object.kind !== 'table' && object.kind !== 'view') return timed;
  const at = object.kind === 'table' ? context.place(nameOf(object)) : nameOf(object);
  return [
    ...timed,
    ...object.columns.flatMap((column) =>
      hung.comment({
        on: `COLUMN ${quoteTable(at)}.${quoteIdent(column.name)}`,
        object: placedId('column', at, column.name),
        of: object.id,
        text: column.comment,
        after: first.object,
      }),
    ),
  ];
};

/** Objects in the order of their kinds: what is rarely needed by others comes last, and names decide the rest. */
export const renderAll = (
  model: SchemaModel,
  chosen: readonly AnyObject[],
  graph: Graph,
  context: RenderContext,
): readonly Statement[] => {
  const tables = new Map(model.tables.map((table) => [table.id, table]));
  return chosen.flatMap((object) => {
    const made = statementsOf(object, { graph, tables, context });
    const [first] = made;
    return first ? [...made, ...commentsOf(object, first, context)] : made;
  });
};

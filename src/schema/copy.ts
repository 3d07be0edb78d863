/** Plans the copy of a wave's schema: what is missing on the target, in order and by stage, and by name what cannot be carried. Pure. */
import { quoteIdent } from '../model/postgres-quote.ts';
import { allObjects, type SchemaModel, shownName } from '../model/schema.ts';
import { parseTableKey, type TableName, tableKey } from '../model/table.ts';
import type { Finding } from './finding.ts';
import { planGrants } from './grants.ts';
import { graphOf } from './graph.ts';
import { normalForm } from './normal-form.ts';
import { inOrder } from './order.ts';
import { renderAll } from './render.ts';
import { type Selection, selectObjects, targetSchemaId } from './select.ts';
import { type RenderContext, renderContext, type Statement } from './statement.ts';
import { propertyFindings } from './table-findings.ts';

export type { Finding } from './finding.ts';

export interface Ddl {
  /** Unique within a plan, by the names of the target. */
  readonly object: string;
  readonly sql: string;
  /** The target has it already, as wanted. */
  readonly present: boolean;
}

export interface SchemaPlan {
  /** What must stand before the first row: schemas, types, sequences, tables, keys. */
  readonly before: readonly Ddl[];
  /** After the load: indexes, other keys, views, functions, triggers, rules, comments. */
  readonly after: readonly Ddl[];
  /** Foreign keys and checks, not yet validated for the rows that are there. */
  readonly lateConstraints: readonly Ddl[];
  /** Right before a cutover: VALIDATE CONSTRAINT, first fill of materialized views. */
  readonly validate: readonly Ddl[];
  readonly grants: readonly Ddl[];
  readonly findings: readonly Finding[];
}

export interface CopyInput {
  readonly source: SchemaModel;
  readonly target: SchemaModel;
  readonly tables: readonly TableName[];
  /** `schema.table` -> `schema.table`. */
  readonly rename: Readonly<Record<string, string>>;
}

const majorOf = (version: number): number => Math.trunc(version / 10_000);

interface Compared {
  readonly ddl: Ddl;
  readonly finding: Finding | null;
}

const differs = (statement: Statement, found: Statement): Finding => ({
  id: `differs:${statement.object}`,
  severity: 'error',
  summary: 'The target has an object of this name with another definition.',
  detail: `${statement.object}: wanted ${oneLine(statement.sql)}; found ${oneLine(found.sql)}.`,
  hint: 'Drop or rename it on the target, or make it equal to the source.',
  acceptable: false,
});

const incomparable = (statement: Statement): Finding => ({
  id: `differs:${statement.object}`,
  severity: 'warning',
  summary:
    'An object on the target reads differently, and the two server versions may write the same thing in two ways.',
  detail: shownName(statement.object),
  hint: 'Compare the two definitions by eye.',
  acceptable: true,
});

const oneLine = (sql: string): string => {
  const text = sql.replaceAll(/\s+/g, ' ');
  return text.length <= 160 ? text : `${text.slice(0, 157)}...`;
};

/** Both sides are rendered by the same code, so what is compared is exactly what would be executed. */
const compare = (statement: Statement, existing: Statement | undefined, sameMajor: boolean): Compared => {
  const { object, sql } = statement;
  if (!existing) return { ddl: { object, sql, present: false }, finding: null };
  if (normalForm(existing.sql) === normalForm(sql)) return { ddl: { object, sql, present: true }, finding: null };
  // A comment or a setting is simply set again.
  if (/^(comment|column-settings|replica-identity|cluster|sequence-owner):/.test(object))
    return { ddl: { object, sql, present: false }, finding: null };
  if (statement.isDeparsed && !sameMajor)
    return { ddl: { object, sql, present: true }, finding: incomparable(statement) };
  return { ddl: { object, sql, present: false }, finding: differs(statement, existing) };
};

/** Schemas that exist only as places of renamed tables. */
const newSchemas = (selection: Selection, input: CopyInput, context: RenderContext): readonly Statement[] => {
  const known = new Set(selection.carried.map((object) => object.id));
  const wanted = new Map<string, Statement>();
  for (const from of Object.keys(input.rename)) {
    const to = context.place(parseTableKey(from));
    const id = targetSchemaId(to);
    if (known.has(id)) continue;
    wanted.set(id, {
      object: id,
      sql: `CREATE SCHEMA ${quoteIdent(to.schema)}`,
      stage: 'tables',
      needs: [],
      of: id,
      isDeparsed: false,
    });
  }
  return [...wanted.values()];
};

/** What the tables are made of goes before them, whatever its kind. */
const stageOf = (statement: Statement, selection: Selection): Statement['stage'] =>
  statement.stage === 'indexes' && selection.foundations.has(statement.of) && !statement.object.startsWith('comment:')
    ? 'tables'
    : statement.stage;

const existingOn = (target: SchemaModel): ReadonlyMap<string, Statement> => {
  const context = renderContext({}, target.serverVersion);
  const statements = renderAll(target, allObjects(target), graphOf(target), context);
  return new Map(statements.map((statement) => [statement.object, statement]));
};

export const planCopy = (input: CopyInput): SchemaPlan => {
  const { source, target } = input;
  const context = renderContext(input.rename, target.serverVersion);
  const selection = selectObjects({
    source,
    target,
    tables: input.tables,
    renamed: Object.entries(input.rename)
      .filter(([from, to]) => from !== to)
      .map(([from]) => parseTableKey(from))
      .filter((name) => input.tables.some((table) => tableKey(table) === tableKey(name))),
  });
  const properties = propertyFindings(selection.carried, target, context);
  const leftOut = new Set(properties.filter(({ id }) => id.startsWith('policy:')).map(({ id }) => id));
  const carried = selection.carried.filter((object) => !leftOut.has(object.id));
  const statements = inOrder(
    [...newSchemas(selection, input, context), ...renderAll(source, carried, selection.graph, context)].map(
      (statement) => ({ ...statement, stage: stageOf(statement, selection) }),
    ),
  );
  const existing = existingOn(target);
  const sameMajor = majorOf(source.serverVersion) === majorOf(target.serverVersion);
  const compared = statements.map((statement) => ({
    stage: statement.stage,
    ...compare(statement, existing.get(statement.object), sameMajor),
  }));
  const at = (stage: Statement['stage']): readonly Ddl[] =>
    compared.filter((item) => item.stage === stage).map((item) => item.ddl);
  const granted = planGrants({ source, target, carried, context });
  return {
    before: at('tables'),
    after: at('indexes'),
    lateConstraints: at('late'),
    validate: at('validate'),
    grants: granted.grants,
    findings: [
      ...selection.findings,
      ...properties,
      ...compared.flatMap((item) => (item.finding ? [item.finding] : [])),
      ...granted.findings,
    ],
  };
};

/** What hangs on a table: constraints, indexes, triggers, rules, policies, statistics. Their names follow the table to its place. */
import { quoteIdent, quoteLiteral, quoteTable } from '../model/postgres-quote.ts';
import type { Constraint, Index, Policy, Rule, StatisticsObject, Table, Trigger } from '../model/schema.ts';
import { objectId, tableId } from '../model/schema.ts';
import type { TableName } from '../model/table.ts';
import { qualifiedPattern } from './mention.ts';
import { placedId, type RenderContext, type Stage, type Statement } from './statement.ts';

/** Puts a table's new name where the server wrote the old one, once, after the given word. */
const moved = (definition: string, word: string, name: TableName, context: RenderContext): string => {
  const to = quoteTable(context.place(name));
  return definition.replace(
    new RegExp(`(${word}\\s+(?:ONLY )?)${qualifiedPattern(name)}`),
    (_, before: string) => before + to,
  );
};

/** Keys that identify rows are there before the first one; all else can wait for the load. */
const keyStage = (constraint: Constraint, table: Table | undefined): Stage =>
  constraint.type === 'primary' ||
  (table?.replicaIdentity.kind === 'index' && table.replicaIdentity.index === constraint.name)
    ? 'tables'
    : 'indexes';

/** Foreign keys on partitioned tables cannot wait for their validation before 18; keys and NO INHERIT have nothing to validate. */
const mayWait = (constraint: Constraint, table: Table | undefined, version: number): boolean =>
  constraint.type === 'check' ||
  constraint.type === 'not-null' ||
  (constraint.type === 'foreign' && (table?.form !== 'partitioned' || version >= 180000));

export const renderConstraint = (
  constraint: Constraint,
  table: Table | undefined,
  context: RenderContext,
): readonly Statement[] => {
  const to = context.place(constraint.table);
  const alter = `ALTER TABLE ${quoteTable(to)}`;
  const name = quoteIdent(constraint.name);
  const definition = constraint.references
    ? moved(constraint.definition, 'REFERENCES', constraint.references, context)
    : constraint.definition;
  const isKey = constraint.type === 'primary' || constraint.type === 'unique' || constraint.type === 'exclude';
  const waits = !isKey && mayWait(constraint, table, context.version);
  const object = placedId('constraint', to, constraint.name);
  const made: Statement = {
    object,
    sql: `${alter} ADD CONSTRAINT ${name} ${definition}${waits ? ' NOT VALID' : ''}`,
    stage: isKey ? keyStage(constraint, table) : 'late',
    needs: [tableId(to)],
    of: constraint.id,
    isDeparsed: true,
  };
  if (!waits || !constraint.validated) return [made];
  return [
    made,
    {
      object: placedId('validated', to, constraint.name),
      sql: `${alter} VALIDATE CONSTRAINT ${name}`,
      stage: 'validate',
      needs: [object],
      of: constraint.id,
      isDeparsed: false,
    },
  ];
};

export const renderIndex = (index: Index, table: Table | undefined, context: RenderContext): readonly Statement[] => {
  const to = context.place(index.table);
  const object = placedId('index', { schema: to.schema, table: index.name });
  const isIdentity = table?.replicaIdentity.kind === 'index' && table.replicaIdentity.index === index.name;
  const made: Statement = {
    object,
    sql: `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoteIdent(index.name)} ON ${quoteTable(to)} ${index.definition}`,
    stage: isIdentity ? 'tables' : 'indexes',
    needs: [table ? tableId(to) : objectId('view', to.schema, to.table)],
    of: index.id,
    isDeparsed: true,
  };
  if (!index.clustered) return [made];
  return [
    made,
    {
      object: placedId('cluster', { schema: to.schema, table: index.name }),
      sql: `ALTER TABLE ${quoteTable(to)} CLUSTER ON ${quoteIdent(index.name)}`,
      stage: 'indexes',
      needs: [object],
      of: index.id,
      isDeparsed: false,
    },
  ];
};

export const renderTrigger = (
  trigger: Trigger,
  needs: readonly string[],
  context: RenderContext,
): readonly Statement[] => {
  const to = context.place(trigger.table);
  const object = placedId('trigger', to, trigger.name);
  const made: Statement = {
    object,
    sql: moved(trigger.definition, ' ON', trigger.table, context),
    stage: 'indexes',
    needs,
    of: trigger.id,
    isDeparsed: true,
  };
  // ALWAYS and REPLICA would fire for changes that replication applies, and do their work twice: see `triggerFindings`.
  if (trigger.enabled === 'origin' || trigger.enabled === 'always') return [made];
  return [
    made,
    {
      object: placedId('trigger-state', to, trigger.name),
      sql: `ALTER TABLE ${quoteTable(to)} DISABLE TRIGGER ${quoteIdent(trigger.name)}`,
      stage: 'indexes',
      needs: [object],
      of: trigger.id,
      isDeparsed: false,
    },
  ];
};

export const renderRule = (rule: Rule, needs: readonly string[], context: RenderContext): readonly Statement[] => {
  const to = context.place(rule.table);
  const object = placedId('rule', to, rule.name);
  const made: Statement = {
    object,
    sql: moved(rule.definition, ' TO', rule.table, context).replace(/;\s*$/, ''),
    stage: 'indexes',
    needs,
    of: rule.id,
    isDeparsed: true,
  };
  if (rule.enabled === 'origin') return [made];
  const state = rule.enabled === 'disabled' ? 'DISABLE' : `ENABLE ${rule.enabled.toUpperCase()}`;
  return [
    made,
    {
      object: placedId('rule-state', to, rule.name),
      sql: `ALTER TABLE ${quoteTable(to)} ${state} RULE ${quoteIdent(rule.name)}`,
      stage: 'indexes',
      needs: [object],
      of: rule.id,
      isDeparsed: false,
    },
  ];
};

export const renderPolicy = (policy: Policy, needs: readonly string[], context: RenderContext): Statement => {
  const to = context.place(policy.table);
  return {
    object: placedId('policy', to, policy.name),
    sql: [
      `CREATE POLICY ${quoteIdent(policy.name)} ON ${quoteTable(to)} AS ${policy.permissive ? 'PERMISSIVE' : 'RESTRICTIVE'}`,
      `FOR ${policy.command} TO ${policy.roles.length === 0 ? 'PUBLIC' : policy.roles.map(quoteIdent).join(', ')}`,
      ...(policy.using === null ? [] : [`USING (${policy.using})`]),
      ...(policy.check === null ? [] : [`WITH CHECK (${policy.check})`]),
    ].join(' '),
    stage: 'indexes',
    needs,
    of: policy.id,
    isDeparsed: true,
  };
};

export const renderStatistics = (item: StatisticsObject, context: RenderContext): Statement => ({
  object: item.id,
  sql: moved(item.definition, ' FROM', item.table, context),
  stage: 'indexes',
  needs: [tableId(context.place(item.table))],
  of: item.id,
  isDeparsed: true,
});

export const comment = (options: {
  readonly on: string;
  readonly object: string;
  readonly of: string;
  readonly text: string | null;
  readonly after: string;
}): readonly Statement[] =>
  options.text === null
    ? []
    : [
        {
          object: `comment:${options.object}`,
          sql: `COMMENT ON ${options.on} IS ${quoteLiteral(options.text).trim()}`,
          stage: 'indexes',
          needs: [options.after],
          of: options.of,
          isDeparsed: false,
        },
      ];

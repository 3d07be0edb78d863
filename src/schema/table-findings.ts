/** Properties of the wave's tables that a copy loses or that replication does not survive. */
import { type AnyObject, type SchemaModel, shownName, type Table, type Trigger } from '../model/schema.ts';
import { tableKey } from '../model/table.ts';
import type { Finding } from './finding.ts';
import { isColumnOption, nameOf } from './render-table.ts';
import type { RenderContext } from './statement.ts';

const ofTable = (table: Table, context: RenderContext): readonly Finding[] => {
  const name = shownName(table.id);
  const found: Finding[] = [];
  const add = (
    kind: string,
    fields: Omit<Finding, 'id' | 'detail' | 'acceptable'> & { detail?: string; acceptable?: boolean },
  ) => found.push({ id: `${kind}:${name}`, detail: name, acceptable: true, ...fields });
  if (table.unlogged)
    add('unlogged', {
      severity: 'error',
      summary: 'Changes of an unlogged table are in no log, so they cannot be captured.',
      hint: `Run on the source: ALTER TABLE ${name} SET LOGGED; or exclude the table.`,
      acceptable: false,
    });
  if (table.rowSecurity)
    add('row-security', {
      severity: 'error',
      summary: 'Row level security is not switched on by octank: it would hide rows from replication and parity.',
      detail: `${name}: its policies are carried, switched off.`,
      hint: `Run on the target after the cutover: ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY; and accept this finding.`,
    });
  if (table.tablespace)
    add('tablespace', {
      severity: 'warning',
      summary: 'A table lies in a tablespace of its own and gets the default one.',
      detail: `${name}: ${table.tablespace}`,
      hint: '',
    });
  if (table.accessMethod)
    add('access-method', {
      severity: 'warning',
      summary: 'A table uses an access method of its own and becomes an ordinary heap.',
      detail: `${name}: ${table.accessMethod}`,
      hint: '',
    });
  if (table.ofType)
    add('typed-table', {
      severity: 'warning',
      summary: 'A typed table becomes an ordinary one with the same columns.',
      detail: `${name}: OF ${table.ofType}`,
      hint: '',
    });
  const to = context.place(nameOf(table));
  if (to.schema !== table.schema)
    add('sequence-schema', {
      severity: 'info',
      summary: 'A table changes its schema; its sequences keep their names and are no longer owned by it.',
      detail: `${name} becomes ${tableKey(to)}`,
      hint: '',
    });
  return found;
};

/** ALWAYS and REPLICA triggers fire for changes that replication applies: their work would be done on both sides and carried, twice. */
const ofTrigger = (trigger: Trigger): readonly Finding[] =>
  trigger.enabled === 'origin' || trigger.enabled === 'disabled'
    ? []
    : [
        {
          id: `trigger-mode:${shownName(trigger.id)}`,
          severity: 'warning',
          summary: 'A trigger fires for replicated changes and is set otherwise on the target.',
          detail: `${shownName(trigger.id)} is ENABLE ${trigger.enabled.toUpperCase()}; on the target it is ${trigger.enabled === 'always' ? 'an ordinary one' : 'disabled'}.`,
          hint: `After finalize, run on the target: ALTER TABLE ${tableKey(trigger.table)} ENABLE ${trigger.enabled.toUpperCase()} TRIGGER "${trigger.name}".`,
          acceptable: true,
        },
      ];

/** Once per option, not per column: a server that sets one sets it everywhere. */
const unknownOptions = (carried: readonly AnyObject[]): readonly Finding[] => {
  const where = new Map<string, string[]>();
  for (const table of carried)
    for (const column of table.kind === 'table' ? table.columns : [])
      for (const option of column.settings.options.filter((item) => !isColumnOption(item))) {
        const name = option.split('=')[0] ?? option;
        where.set(name, [...(where.get(name) ?? []), `${shownName(table.id)}.${column.name}`]);
      }
  return [...where].map(([name, columns]) => ({
    id: `column-option:${name}`,
    severity: 'info' as const,
    summary: 'Columns carry an option that PostgreSQL does not document; it is not copied.',
    detail: `${name} on ${columns.length} columns, first ${columns[0]}.`,
    hint: '',
    acceptable: true,
  }));
};

export const propertyFindings = (
  carried: readonly AnyObject[],
  model: SchemaModel,
  context: RenderContext,
): readonly Finding[] => {
  const invalid = carried.flatMap((object) => (object.kind === 'index' && !object.valid ? [object] : []));
  return [
    ...carried.flatMap((object) => (object.kind === 'table' ? ofTable(object, context) : [])),
    ...carried.flatMap((object) => (object.kind === 'trigger' ? ofTrigger(object) : [])),
    ...invalid.map((index) => ({
      id: `invalid-index:${shownName(index.id)}`,
      severity: 'info' as const,
      summary: 'An index is invalid on the source and is built anew on the target.',
      detail: shownName(index.id),
      hint: '',
      acceptable: true,
    })),
    ...carried.flatMap((object) =>
      object.kind === 'sequence' && object.unlogged
        ? [
            {
              id: `unlogged:${shownName(object.id)}`,
              severity: 'info' as const,
              summary: 'An unlogged sequence becomes a logged one.',
              detail: shownName(object.id),
              hint: '',
              acceptable: true,
            },
          ]
        : [],
    ),
    ...absentPolicyRoles(carried, model),
    ...unknownOptions(carried),
  ];
};

const absentPolicyRoles = (carried: readonly AnyObject[], target: SchemaModel): readonly Finding[] => {
  const roles = new Set(target.roles.map((role) => role.name));
  return carried.flatMap((object) =>
    object.kind === 'policy' && object.roles.some((role) => !roles.has(role))
      ? [
          {
            id: object.id,
            severity: 'error' as const,
            summary: 'A policy names a role that does not exist on the target.',
            detail: `${shownName(object.id)}: ${object.roles.filter((role) => !roles.has(role)).join(', ')}`,
            hint: 'Create the role on the target, or accept this finding: the policy is then left out.',
            acceptable: true,
          },
        ]
      : [],
  );
};

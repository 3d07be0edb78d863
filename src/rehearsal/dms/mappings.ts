/** Table mappings: rules decoded and refused as AWS refuses them, then applied to names and columns. behaviour.md I13. */
import { z } from 'zod';
import { invalidValue } from './request.ts';

const word = z.union([z.string(), z.number()]).transform(String);

const locator = z.looseObject({
  'schema-name': z.string().min(1),
  'table-name': z.string().min(1).optional(),
  'table-type': z.enum(['table', 'view', 'all']).optional(),
  'column-name': z.string().min(1).optional(),
});

const condition = z.looseObject({
  'filter-operator': z.enum(['eq', 'noteq', 'ste', 'gte', 'lte', 'between', 'notbetween', 'null', 'notnull']),
  value: word.optional(),
  'start-value': word.optional(),
  'end-value': word.optional(),
});

const filter = z.looseObject({
  'filter-type': z.literal('source'),
  'column-name': z.string(),
  'filter-conditions': z.array(condition).min(1),
});

const named = { 'rule-id': word, 'rule-name': word };

const selection = z.looseObject({
  'rule-type': z.literal('selection'),
  ...named,
  'rule-action': z.enum(['include', 'exclude', 'explicit']),
  'object-locator': locator.required({ 'table-name': true }),
  'load-order': word.optional(),
  filters: z
    .array(filter)
    .nullish()
    .transform((value) => value ?? []),
});

const transformation = z.looseObject({
  'rule-type': z.literal('transformation'),
  ...named,
  'rule-target': z.enum(['schema', 'table', 'column', 'table-tablespace', 'index-tablespace', 'database']),
  'rule-action': z.enum([
    'rename',
    'remove-column',
    'convert-lowercase',
    'convert-uppercase',
    'add-prefix',
    'remove-prefix',
    'replace-prefix',
    'add-suffix',
    'remove-suffix',
    'replace-suffix',
    'define-primary-key',
    'change-data-type',
    'add-column',
    'add-before-image-columns',
  ]),
  'object-locator': locator,
  value: z.string().nullish(),
  'old-value': z.string().nullish(),
});

const tableSettings = z.looseObject({ 'rule-type': z.literal('table-settings'), ...named, 'object-locator': locator });
const otherRule = z.looseObject({ 'rule-type': z.enum(['object-mapping', 'validation', 'post-processing']), ...named });

const rule = z.discriminatedUnion('rule-type', [selection, transformation, tableSettings, otherRule]);
const mappingsSchema = z.looseObject({ rules: z.array(rule).min(1) });

type Rule = z.infer<typeof rule>;
export type SelectionRule = z.infer<typeof selection>;
type TransformationRule = z.infer<typeof transformation>;

export interface Mappings {
  readonly selections: readonly SelectionRule[];
  readonly transformations: readonly TransformationRule[];
}

const refuse = (message: string): never => {
  throw invalidValue(`Error in mapping rules. ${message}`);
};

const parse = (json: string): readonly Rule[] => {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    return refuse('Failed to parse: not json');
  }
  const result = mappingsSchema.safeParse(given);
  if (result.success) return result.data.rules;
  const issue = result.error.issues[0];
  return refuse(`${issue?.path.join('.')}: ${issue?.message}`);
};

const requireUnique = (rules: readonly Rule[], field: 'rule-id' | 'rule-name'): void => {
  const seen = new Set<string>();
  for (const item of rules) {
    if (seen.has(item[field])) refuse(`Rule with ${field} = ${item[field]} failed validation. Duplicate ${field}.`);
    seen.add(item[field]);
  }
};

const hasWildcard = (name: string | undefined): boolean => name === undefined || name.includes('%');
const negative = new Set(['noteq', 'notbetween', 'notnull']);

const checkRule = (item: Rule): void => {
  const failed = `Rule with ruleId = ${item['rule-id']} failed validation.`;
  if (item['rule-type'] === 'table-settings') {
    const { 'schema-name': schema, 'table-name': table } = item['object-locator'];
    if (hasWildcard(schema) || hasWildcard(table))
      refuse(`${failed} Exact schema and table name required when using table settings rule.`);
  }
  if (item['rule-type'] !== 'selection') return;
  if (item['rule-action'] === 'explicit' && hasWildcard(item['object-locator']['table-name']))
    refuse(`${failed} Wildcards are not allowed in an explicit selection rule.`);
  if (item.filters.length > 0 && item['rule-action'] === 'exclude')
    refuse(`${failed} Filters can only be used with include.`);
  for (const { 'filter-conditions': conditions } of item.filters)
    if (conditions.filter((c) => negative.has(c['filter-operator'])).length > 1)
      refuse(`${failed} Only one negative operator per filter.`);
};

/** Words that this engine performs on names; the others need what PostgreSQL to PostgreSQL tasks here do not do. */
const nameActions = new Set<string>([
  'rename',
  'convert-lowercase',
  'convert-uppercase',
  'add-prefix',
  'remove-prefix',
  'replace-prefix',
  'add-suffix',
  'remove-suffix',
  'replace-suffix',
]);

export const decodeMappings = (json: string): Mappings => {
  const rules = parse(json);
  requireUnique(rules, 'rule-id');
  requireUnique(rules, 'rule-name');
  for (const item of rules) checkRule(item);
  const selections = rules.filter((item): item is SelectionRule => item['rule-type'] === 'selection');
  if (!selections.some((item) => item['rule-action'] !== 'exclude')) refuse('No include selection rule found.');
  return {
    selections,
    transformations: rules.filter((item): item is TransformationRule => item['rule-type'] === 'transformation'),
  };
};

/** Rules that are valid in AWS and that the rehearsal cannot perform: refused when the task is created, by name. */
export const requirePerformable = (json: string): void => {
  const unperformed = parse(json).find((item) =>
    item['rule-type'] === 'transformation'
      ? !(nameActions.has(item['rule-action']) || item['rule-action'] === 'remove-column') ||
        !['schema', 'table', 'column'].includes(item['rule-target'])
      : item['rule-type'] === 'object-mapping' || item['rule-type'] === 'post-processing',
  );
  if (!unperformed) return;
  const what = unperformed['rule-type'] === 'transformation' ? unperformed['rule-action'] : unperformed['rule-type'];
  refuse(`Rule with ruleId = ${unperformed['rule-id']}: the rehearsal does not perform ${what}.`);
};

const pattern = (text: string): RegExp =>
  new RegExp(
    `^${[...text].map((c) => (c === '%' ? '.*' : c === '_' ? '.' : c.replace(/[.*+?^${}()|[\]\\]/, '\\$&'))).join('')}$`,
    's',
  );

// An underscore is a wildcard in AWS too, but an exact name with one must win nothing else: equality is tried first.
const matches = (name: string, wanted: string | undefined): boolean =>
  wanted === undefined || wanted === name || (/[%_]/.test(wanted) && pattern(wanted).test(name));

export interface Selected {
  readonly rule: SelectionRule;
  readonly loadOrder: number;
}

/** The rule that selects a table, undefined where none does; an exclude wins over every include, an explicit over an exclude. */
export const selects = (mappings: Mappings, schema: string, table: string): Selected | undefined => {
  const fitting = mappings.selections.filter(
    (item) =>
      matches(schema, item['object-locator']['schema-name']) &&
      matches(table, item['object-locator']['table-name']) &&
      item['object-locator']['table-type'] !== 'view',
  );
  const explicit = fitting.find((item) => item['rule-action'] === 'explicit');
  if (!explicit && fitting.some((item) => item['rule-action'] === 'exclude')) return undefined;
  const found = explicit ?? fitting.find((item) => item['rule-action'] === 'include');
  if (!found) return undefined;
  const order = Math.max(...fitting.map((item) => Number(item['load-order'] ?? 0)));
  return { rule: found, loadOrder: order };
};

/** Tables named without a wildcard: their absence is reported, not passed over. */
export const exactTables = (mappings: Mappings): readonly { readonly schema: string; readonly table: string }[] =>
  mappings.selections
    .filter((item) => item['rule-action'] !== 'exclude')
    .map((item) => ({ schema: item['object-locator']['schema-name'], table: item['object-locator']['table-name'] }))
    .filter(({ schema, table }) => !schema.includes('%') && !table.includes('%'));

const rewrite = (item: TransformationRule, name: string): string => {
  const value = item.value ?? '';
  const old = item['old-value'] ?? '';
  switch (item['rule-action']) {
    case 'rename':
      return value;
    case 'convert-lowercase':
      return name.toLowerCase();
    case 'convert-uppercase':
      return name.toUpperCase();
    case 'add-prefix':
      return value + name;
    case 'remove-prefix':
      return name.startsWith(value) ? name.slice(value.length) : name;
    case 'replace-prefix':
      return name.startsWith(old) ? value + name.slice(old.length) : name;
    case 'add-suffix':
      return name + value;
    case 'remove-suffix':
      return name.endsWith(value) ? name.slice(0, name.length - value.length) : name;
    case 'replace-suffix':
      return name.endsWith(old) ? name.slice(0, name.length - old.length) + value : name;
    default:
      return name;
  }
};

const fits = (item: TransformationRule, names: { schema: string; table: string; column?: string }): boolean =>
  matches(names.schema, item['object-locator']['schema-name']) &&
  (item['rule-target'] === 'schema' || matches(names.table, item['object-locator']['table-name'])) &&
  (names.column === undefined || matches(names.column, item['object-locator']['column-name']));

/** Where a table goes. One action per object: the first rule that fits. */
export const targetTable = (
  mappings: Mappings,
  schema: string,
  table: string,
): { readonly schema: string; readonly table: string } => {
  const names = { schema, table };
  const first = (target: string) =>
    mappings.transformations.find((item) => item['rule-target'] === target && fits(item, names));
  const [forSchema, forTable] = [first('schema'), first('table')];
  return {
    schema: forSchema ? rewrite(forSchema, schema) : schema,
    table: forTable ? rewrite(forTable, table) : table,
  };
};

/** What a column is called on the target; null where a rule removes it. */
export const targetColumn = (mappings: Mappings, schema: string, table: string, column: string): string | null => {
  const found = mappings.transformations.find(
    (item) => item['rule-target'] === 'column' && fits(item, { schema, table, column }),
  );
  if (!found) return column;
  return found['rule-action'] === 'remove-column' ? null : rewrite(found, column);
};

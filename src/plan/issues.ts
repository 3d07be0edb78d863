/** What the schema refuses, said the way octank says things: a code, a place, what is wrong, what to write. */
import type { z } from 'zod';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { PlanCatalog } from './catalog.ts';
import { looksSecret } from './inline-secrets.ts';
import { knownKeys } from './known-keys.ts';
import { nearest, nearestHint } from './nearest.ts';
import type { Path, YamlSource } from './yaml-source.ts';

export interface IssueContext {
  readonly schema: z.core.$ZodType;
  readonly source: YamlSource;
  readonly value: unknown;
  readonly catalog: PlanCatalog;
}

/** `waves[0].cutover.downtimeBudget`. */
export const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, segment) =>
      typeof segment === 'number'
        ? `${text}[${segment}]`
        : text === ''
          ? String(segment)
          : `${text}.${String(segment)}`,
    '',
  ) || 'the plan';

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (at, segment) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, segment) ? Reflect.get(at, segment) : undefined,
    value,
  );

const kindOf = (value: unknown): string => {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'boolean' ? `the truth value ${value}` : `a ${typeof value}`;
};

const expectedWords: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};
const wordFor = (expected: string): string => expectedWords[expected] ?? expected;

/** The value as it may be shown: short, and nothing that could be a secret. */
const shown = (value: unknown): string => {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return kindOf(value);
  const text = String(value);
  if (looksSecret(text)) return 'a value that is not shown';
  return `"${text.length > 60 ? `${text.slice(0, 57)}...` : text}"`;
};

type Words = Pick<Diagnostic, 'code' | 'summary' | 'detail' | 'hint'>;

const error = (words: Words, range: Diagnostic['range']): Diagnostic => ({ severity: 'error', ...words, range });

const wrongType = (expected: readonly string[], path: Path, context: IssueContext): Diagnostic => {
  const found = valueAt(context.value, path);
  const where = pathText(path);
  const wanted = [...new Set(expected.map(wordFor))].join(' or ');
  return found === undefined
    ? error(
        {
          code: 'plan.missing-key',
          summary: 'A required key is missing.',
          detail: `${where} is not written.`,
          hint: `Write ${String(path.at(-1) ?? 'it')} here: ${wanted}.`,
        },
        context.source.at(path),
      )
    : error(
        {
          code: 'plan.wrong-type',
          summary: 'A value has the wrong type.',
          detail: `${where} is ${kindOf(found)}.`,
          hint: `Write ${wanted}.`,
        },
        context.source.at(path),
      );
};

const wrongWord = (issue: z.core.$ZodIssueInvalidValue, path: Path, context: IssueContext): Diagnostic => {
  const found = valueAt(context.value, path);
  const known = issue.values.map(String);
  if (found === undefined) return wrongType([known.join(' or ')], path, context);
  return error(
    {
      code: 'plan.unknown-word',
      summary: 'A word is not one of those that may stand here.',
      detail: `${pathText(path)} is ${shown(found)}.`,
      hint:
        typeof found === 'string' && nearest(found, known) && known.length > 1
          ? `Write ${nearest(found, known)}. Known here: ${known.join(', ')}.`
          : `Write ${known.join(' or ')}.`,
    },
    context.source.at(path),
  );
};

/** Where an entry's kind is one of its keys, an unknown key is most likely an unknown kind. */
const kindsAt = (
  path: Path,
  catalog: PlanCatalog,
): { readonly what: string; readonly kinds: readonly string[] } | null => {
  const place = path.map((segment) => (typeof segment === 'number' ? '*' : String(segment))).join('.');
  if (place === 'gates.*') return { what: 'gate', kinds: catalog.gates.map(({ kind }) => kind) };
  if (place === 'waves.*.cutover.repoint.*')
    return { what: 'repoint', kinds: catalog.repoints.map(({ kind }) => kind) };
  return null;
};

const unknownKey = (key: string, path: Path, context: IssueContext): Diagnostic => {
  const known = knownKeys(context.schema, path);
  const entry = kindsAt(path, context.catalog);
  const written = valueAt(context.value, path);
  const hasKind =
    entry !== null && typeof written === 'object' && written !== null && entry.kinds.some((kind) => kind in written);
  const range = context.source.keyAt([...path, key]);
  const name = looksSecret(key) ? 'A key that is not shown' : key.length > 60 ? `${key.slice(0, 57)}...` : key;
  if (
    entry &&
    !hasKind &&
    nearest(
      key,
      known.filter((word) => !entry.kinds.includes(word)),
    ) === undefined
  )
    return error(
      {
        code: 'plan.unknown-kind',
        summary: `A kind of ${entry.what} is not known.`,
        detail: `${pathText(path)}: ${name}.`,
        hint: `${nearest(key, entry.kinds) ? `Write ${nearest(key, entry.kinds)}. ` : ''}Known kinds: ${entry.kinds.join(', ')}.`,
      },
      range,
    );
  const nearby = Object.keys(typeof written === 'object' && written !== null ? written : {});
  // A key that is there already is not what was meant by the unknown one.
  const open = known.filter((word) => !nearby.includes(word));
  return error(
    {
      code: 'plan.unknown-key',
      summary: 'A key is not known.',
      detail: `${name} in ${pathText(path)}.`,
      hint: nearestHint(key, nearest(key, open) === undefined ? known : open),
    },
    range,
  );
};

const size = (issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string => {
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
  return `Write ${bound}${unit}.`;
};

const custom = (issue: z.core.$ZodIssue, path: Path, context: IssueContext): Diagnostic => {
  const params = issue.code === 'custom' ? issue.params : undefined;
  return error(
    {
      code: typeof params?.code === 'string' ? params.code : 'plan.bad-value',
      summary: 'A value cannot be used.',
      detail: `${pathText(path)}: ${shown(valueAt(context.value, path))} ${issue.code === 'custom' ? issue.message : 'is not of the right form'}.`,
      hint: typeof params?.hint === 'string' ? params.hint : issue.message,
    },
    context.source.at(path),
  );
};

const isTypeIssue = (issue: z.core.$ZodIssue): boolean => issue.code === 'invalid_type' && issue.path.length === 0;

/** Of several accepted forms: the complaints of the one that was most likely meant; of none, all types that are accepted. */
const union = (issue: z.core.$ZodIssueInvalidUnion, path: Path, context: IssueContext): readonly Diagnostic[] => {
  const meant = issue.errors.filter((issues) => !issues.some(isTypeIssue)).sort((a, b) => a.length - b.length)[0];
  if (meant) return meant.flatMap((inner) => fromIssue(inner, context, path));
  const expected = issue.errors.flat().flatMap((inner) => (inner.code === 'invalid_type' ? [inner.expected] : []));
  return [wrongType(expected.length > 0 ? expected : ['something else'], path, context)];
};

/** One issue of the schema as diagnostics; `prefix` is where it stands when it comes from inside another. */
export const fromIssue = (issue: z.core.$ZodIssue, context: IssueContext, prefix: Path = []): readonly Diagnostic[] => {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, context));
    case 'invalid_type':
      return [wrongType([issue.expected], path, context)];
    case 'invalid_value':
      return [wrongWord(issue, path, context)];
    case 'invalid_union':
      return union(issue, path, context);
    case 'invalid_key':
      return issue.issues.map((inner) => ({
        ...custom(inner, path, context),
        detail: `${pathText(path)}: the key is not of the right form.`,
        range: context.source.keyAt(path),
      }));
    case 'too_small':
    case 'too_big':
      return [
        { ...custom(issue, path, context), hint: size(issue), detail: `${pathText(path)} is outside its limits.` },
      ];
    default:
      return [custom(issue, path, context)];
  }
};

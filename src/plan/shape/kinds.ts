/** Entries whose kind is one of their keys: `{ route53: {...} }`, `{ name, cloudwatch: {...}, failWhen }`. */
import { z } from 'zod';
import type { JsonObject } from '../../model/json.ts';
import type { RepointSpec } from '../../model/plan.ts';
import type { GateKind, PlanCatalog, RepointKind } from '../catalog.ts';
import { parseFailWhen } from '../units.ts';
import { duration, failWhen, mOfN, name } from './scalars.ts';

const kindKeys = (kinds: readonly RepointKind[]): Record<string, z.ZodOptional<z.ZodType>> =>
  Object.fromEntries(kinds.map(({ kind, settings }) => [kind, settings.optional()]));

const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings that are one word stay readable as an object, so that nobody downstream has to ask which they are. */
const asObject = (settings: unknown): JsonObject =>
  isJsonObject(settings) ? settings : { value: typeof settings === 'string' ? settings : JSON.stringify(settings) };

const theOneKind = (
  entry: Readonly<Record<string, unknown>>,
  kinds: readonly RepointKind[],
  context: z.core.$RefinementCtx,
): RepointSpec | undefined => {
  const given = kinds.filter(({ kind }) => entry[kind] !== undefined);
  const [only] = given;
  if (given.length === 1 && only) return { kind: only.kind, settings: asObject(entry[only.kind]) };
  context.addIssue({
    code: 'custom',
    message: given.length === 0 ? 'names no kind' : `names ${given.map(({ kind }) => kind).join(' and ')}`,
    params: { code: 'plan.one-kind', hint: `Write exactly one of: ${kinds.map(({ kind }) => kind).join(', ')}.` },
  });
  return undefined;
};

export const repointShape = (catalog: PlanCatalog) =>
  z
    .strictObject(kindKeys(catalog.repoints))
    .transform(
      (entry, context): RepointSpec => theOneKind(entry, catalog.repoints, context) ?? (z.NEVER as RepointSpec),
    );

const gateWords = () => ({
  name: name(),
  failWhen: failWhen().optional(),
  window: duration('1s', '1d').default(300),
  period: duration('1s', '1h').default(60),
  datapointsToFail: mOfN().default({ m: 3, n: 5 }),
  minRequests: z.int().min(0).default(0).describe('Fewer requests than this in the window are no evidence'),
  noData: z.enum(['hold', 'fail', 'success']).default('hold'),
});

const limitOf = (kinds: readonly GateKind[], kind: string) => {
  const preset = kinds.find((known) => known.kind === kind)?.failWhen;
  return preset === undefined ? undefined : parseFailWhen(preset);
};

export const gateShape = (catalog: PlanCatalog) =>
  z.strictObject({ ...kindKeys(catalog.gates), ...gateWords() }).transform((entry, context) => {
    const kind = theOneKind(entry, catalog.gates, context);
    const limit = entry.failWhen ?? (kind && limitOf(catalog.gates, kind.kind));
    if (kind && !limit)
      context.addIssue({
        code: 'custom',
        message: 'does not say when it fails',
        params: { code: 'plan.missing-key', hint: 'Write failWhen, such as failWhen: "> 0.01".' },
      });
    if (!kind || !limit) return z.NEVER;
    return {
      name: entry.name,
      ...kind,
      failWhen: limit,
      windowSeconds: entry.window,
      periodSeconds: entry.period,
      datapointsToFail: entry.datapointsToFail.m,
      evaluationPoints: entry.datapointsToFail.n,
      minRequests: entry.minRequests,
      noData: entry.noData,
    };
  });

/** The small words of a plan, each checked once: durations, names, references to secrets. */
import { z } from 'zod';
import type { SecretRef } from '../../model/plan.ts';
import { parseBytes, parseDuration, parseFailWhen, parseMofN } from '../units.ts';

/** What a refused scalar says besides: the code of its diagnostic and what to write. */
export interface ScalarProblem {
  readonly code: string;
  readonly hint: string;
}

const written = z.union([z.string(), z.number()]);

const refuse = (context: z.core.$RefinementCtx, message: string, problem: ScalarProblem): never => {
  context.addIssue({ code: 'custom', message, params: { ...problem } });
  return z.NEVER;
};

/** Seconds. Both bounds are inclusive. */
export const duration = (least: string, most: string) => {
  const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  return written
    .transform((text, context): number => {
      const value = parseDuration(text);
      const problem = { code: 'plan.bad-duration', hint: 'Write 30s, 15m, 1h or 1h30m; a bare number is seconds.' };
      if (value === undefined) return refuse(context, 'is not a duration', problem);
      if (value < min || value > max)
        return refuse(context, 'is outside its limits', {
          ...problem,
          hint: `Write at least ${least}, at most ${most}.`,
        });
      return value;
    })
    .describe(`Duration such as 30s, 15m or 1h30m; from ${least} to ${most}`);
};

export const byteCount = () =>
  written
    .transform(
      (text, context): number =>
        parseBytes(text) ??
        refuse(context, 'is not a size', { code: 'plan.bad-size', hint: 'Write a size such as 512MiB or 10GiB.' }),
    )
    .describe('Size such as 512MiB or 10GiB');

/** Whole percent, more than 0: Route 53 weights are whole numbers, and a ladder starts by leaving 0. */
export const share = () =>
  written
    .transform((text, context): number => {
      const [, digits] = /^(\d{1,3})\s*%?$/.exec(String(text).trim()) ?? [];
      const percent = Number(digits ?? Number.NaN);
      return percent >= 1 && percent <= 100
        ? percent
        : refuse(context, 'is not a share', {
            code: 'plan.bad-share',
            hint: 'Write a whole percentage from 1 to 100, such as 25.',
          });
    })
    .describe('Share of the traffic in whole percent, 1 to 100');

export const failWhen = () =>
  z
    .string()
    .transform(
      (text, context) =>
        parseFailWhen(text) ??
        refuse(context, 'is not a comparison', {
          code: 'plan.bad-comparison',
          hint: 'Write >, >=, < or <= and a number, such as "> 0.01".',
        }),
    )
    .describe('Comparison under which a datapoint fails, such as "> 0.01"');

export const mOfN = () =>
  z
    .string()
    .transform((text, context) => {
      const problem = {
        code: 'plan.bad-datapoints',
        hint: 'Write how many of how many datapoints fail, such as 3 of 5.',
      };
      const value = parseMofN(text);
      if (value === undefined) return refuse(context, 'is not of the form M of N', problem);
      return value.m >= 1 && value.m <= value.n
        ? value
        : refuse(context, 'can never fail or always fails', {
            ...problem,
            hint: 'Write M of N with 1 <= M <= N, such as 3 of 5.',
          });
    })
    .describe('How many of how many datapoints must fail, such as "3 of 5"');

const matching = (pattern: RegExp, code: string, hint: string) =>
  z.string().refine((text) => pattern.test(text), { message: 'is not of the right form', params: { code, hint } });

/** Becomes part of AWS names, slot names, step ids and file names: only what all of them allow. */
export const name = () =>
  matching(
    /^(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
    'plan.bad-name',
    'Write lower case letters, digits and single hyphens between them, at most 40.',
  );

export const text = () => z.string().min(1).max(4096);

export const region = () =>
  matching(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, 'plan.bad-region', 'Write a region such as eu-west-1.');

export const arn = (service: string) =>
  matching(
    new RegExp(`^arn:aws[a-z-]*:${service}:[^\\s]+$`),
    'plan.bad-arn',
    `Write a full ARN that begins with arn:aws:${service}:`,
  );

/** Both a pattern and a name: what parseTableKey reads. */
export const tablePattern = () =>
  z.string().refine((pattern) => /^[^\s.]+(\.[^\s]+)?$/.test(pattern), {
    message: 'is not a table pattern',
    params: { code: 'plan.bad-pattern', hint: 'Write schema.table, with * and ? where names vary, such as shop.*' },
  });

export const hostName = () =>
  matching(
    /^(?=.{1,253}$)([a-z0-9_*]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_*]([a-z0-9_-]{0,61}[a-z0-9_])?$/i,
    'plan.bad-host',
    'Write a DNS name without a trailing dot.',
  );

/** Exactly one of the three. */
export const secretRef = () =>
  z
    .strictObject({
      secretsManager: text().optional().describe('Name or ARN of a secret in AWS Secrets Manager'),
      env: matching(/^[A-Za-z_]\w*$/, 'plan.bad-name', 'Write the name of an environment variable.').optional(),
      file: text().optional().describe('Path of a file that only you can read'),
    })
    .transform((ref, context): SecretRef => {
      const given = Object.values(ref).filter((value) => value !== undefined).length;
      if (given === 1 && ref.secretsManager !== undefined) return { kind: 'secretsManager', id: ref.secretsManager };
      if (given === 1 && ref.env !== undefined) return { kind: 'env', variable: ref.env };
      if (given === 1 && ref.file !== undefined) return { kind: 'file', path: ref.file };
      return refuse(context, 'must name one place', {
        code: 'plan.bad-secret-reference',
        hint: 'Write exactly one of secretsManager, env or file.',
      });
    });

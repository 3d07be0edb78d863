/** One entry of `traffic:` as it is written, and the defaults of what it leaves out. */
import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { duration, hostName, name, share, text } from './scalars.ts';

const record = () =>
  z.strictObject({
    zone: hostName(),
    name: hostName().describe('Name inside the zone, such as www'),
    type: z.enum(['A', 'AAAA', 'CNAME']).optional(),
    ttl: duration('0s', '1d').default(60),
  });

const side = () => z.strictObject({ id: text().max(128), value: text() });

const rung = () =>
  z
    .strictObject({
      share: share(),
      bake: duration('0s', '7d'),
      approval: z.enum(['required', 'none']).default('none'),
      unattended: z
        .enum(['ok', 'return'])
        .default('return')
        .describe('What a run does that needs an approval here and finds nobody'),
    })
    .transform((written) => ({
      sharePercent: written.share,
      bakeSeconds: written.bake,
      approval: written.approval === 'required',
      unattended: written.unattended === 'ok',
    }));

const metric = () =>
  z.strictObject({ namespace: text(), metric: text(), dimensions: z.record(text(), text()).default({}) });

/** The record type that an address asks for. */
const typeOf = (value: string) => (isIPv4(value) ? 'A' : isIPv6(value) ? 'AAAA' : 'CNAME');

/** Points between two rungs where the plan says nothing; reference: a quarter of the traffic at a time. */
export const defaultMaxStepPercent = 25;

export const trafficShape = () =>
  z
    .strictObject({
      record: record(),
      source: side(),
      target: side().extend({
        writes: z
          .array(name())
          .optional()
          .describe('Waves whose tables this side writes; all of the plan where it is left out'),
      }),
      after: z.array(name()).default([]),
      ladder: z.array(rung()).min(1),
      maxStep: share().optional(),
      allowLargeStep: z.boolean().default(false).describe('Allows steps of any size'),
      gates: z.array(name()).default([]),
      measure: z.strictObject({ source: metric(), target: metric() }).optional(),
    })
    .transform(({ record: { ttl, type, ...rest }, maxStep, allowLargeStep, measure, ...entry }) => ({
      record: { ...rest, type: type ?? typeOf(entry.target.value), ttlSeconds: ttl },
      source: entry.source,
      // A member that is not there must not become one that is undefined: the digest would not care, a comparison would.
      target: {
        id: entry.target.id,
        value: entry.target.value,
        ...(entry.target.writes ? { writes: entry.target.writes } : {}),
      },
      after: entry.after,
      ladder: entry.ladder,
      maxStepPercent: maxStep ?? (allowLargeStep ? 100 : defaultMaxStepPercent),
      gates: entry.gates,
      measure: measure ?? null,
    }));

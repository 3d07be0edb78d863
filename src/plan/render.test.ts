/** Plans written out and read again, and digests that layout does not change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { GateSpec, Plan, SecretRef, TrafficSpec, Wave } from '../model/plan.ts';
import { renderPlan } from './render.ts';
import { decode, planOf, planText } from './testing/plans.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,4})?$/);
/** Words that YAML would take for something else are among them: no, 1e3, ~, with colons, quotes and signs. */
const text = fc.oneof(
  fc.constantFrom(
    'no',
    '1e3',
    '~',
    'null',
    '0x10',
    'a: b',
    '- a',
    '# a',
    "it's",
    '"',
    '{',
    '&a',
    '*a',
    '!x',
    ' a ',
    'a\nb',
    'ü€😀',
  ),
  fc.string({ minLength: 1, maxLength: 12 }).filter((word) => !word.includes(':') && !word.includes('=')),
);
const seconds = (most: number) => fc.integer({ min: 1, max: most });
const table = fc.stringMatching(/^[a-z_*]{1,5}\.[a-zA-Z0-9_*?]{1,8}$/);
const secret: fc.Arbitrary<SecretRef> = fc.oneof(
  fc.record({ kind: fc.constant('secretsManager' as const), id: text }),
  fc.record({ kind: fc.constant('env' as const), variable: fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/) }),
  fc.record({ kind: fc.constant('file' as const), path: text }),
);

const wave: fc.Arbitrary<Wave> = fc.record({
  name,
  needs: fc.array(name, { maxLength: 2 }),
  source: name,
  target: name,
  order: fc.constant('database-first' as const),
  tables: fc.record({
    include: fc.array(table, { minLength: 1, maxLength: 3 }),
    exclude: fc.array(table, { maxLength: 2 }),
    rename: fc.dictionary(table, table, { maxKeys: 2, noNullPrototype: true }),
  }),
  schema: fc.constant({ convert: 'copy' as const }),
  replication: fc.record({
    use: fc.constant('dms' as const),
    instance: text,
    plugin: fc.constantFrom('test-decoding', 'pglogical'),
    lob: fc.record({ mode: fc.constantFrom('inline', 'full', 'limited'), maxKb: fc.integer({ min: 1, max: 102_400 }) }),
    batchApply: fc.boolean(),
    slotBudgetBytes: fc.integer({ min: 0, max: 2 ** 45 }),
  }),
  parity: fc.record({ require: fc.constant('equal' as const), maxAgeSeconds: fc.integer({ min: 10, max: 86_400 }) }),
  writers: fc.array(text, { maxLength: 2 }),
  accept: fc.array(fc.record({ edge: text, reason: text }), { maxLength: 2 }),
  cutover: fc.record({
    downtimeBudgetSeconds: seconds(3600),
    maxLagSeconds: fc.integer({ min: 100, max: 600_000 }).map((ms) => ms / 1000),
    repoint: fc.array(
      fc.record({
        kind: fc.constant('secretsManager'),
        settings: fc.record({ secret: text, source: text, target: text }, { noNullPrototype: true }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    appProbe: fc.option(fc.record({ as: text, statement: text, secret: fc.option(secret) })),
    gates: fc.array(name, { maxLength: 2 }),
    fallback: fc.constantFrom('reverse-replication', 'none'),
  }),
  range: fc.constant(null),
});

const metric = fc.record({
  namespace: text,
  metric: text,
  dimensions: fc.dictionary(text, text, { maxKeys: 2, noNullPrototype: true }),
});

const traffic: fc.Arbitrary<TrafficSpec> = fc.record({
  record: fc.record({
    zone: name,
    name,
    type: fc.constantFrom('A', 'AAAA', 'CNAME'),
    ttlSeconds: fc.integer({ min: 0, max: 86_400 }),
  }),
  source: fc.record({ id: text, value: text }),
  target: fc.record(
    { id: text, value: text, writes: fc.array(name, { maxLength: 2 }) },
    { requiredKeys: ['id', 'value'] },
  ),
  after: fc.array(name, { maxLength: 2 }),
  ladder: fc.array(
    fc.record({
      sharePercent: fc.integer({ min: 1, max: 100 }),
      bakeSeconds: seconds(604_800),
      approval: fc.boolean(),
      unattended: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  maxStepPercent: fc.integer({ min: 1, max: 100 }),
  gates: fc.array(name, { maxLength: 2 }),
  measure: fc.option(fc.record({ source: metric, target: metric })),
  range: fc.constant(null),
});

const gate: fc.Arbitrary<GateSpec> = fc
  .record({ m: fc.integer({ min: 1, max: 20 }), more: fc.integer({ min: 0, max: 20 }) })
  .chain(({ m, more }) =>
    fc.record({
      name,
      kind: fc.constant('alarm'),
      settings: fc.record({ name: text }, { noNullPrototype: true }),
      failWhen: fc.record({
        comparison: fc.constantFrom('>', '>=', '<', '<='),
        threshold: fc.integer({ min: -1000, max: 1000 }).map((n) => n / 1000),
      }),
      windowSeconds: seconds(86_400),
      periodSeconds: seconds(3600),
      datapointsToFail: fc.constant(m),
      evaluationPoints: fc.constant(m + more),
      minRequests: fc.integer({ min: 0, max: 1e6 }),
      noData: fc.constantFrom('hold', 'fail', 'success'),
      range: fc.constant(null),
    }),
  );

const plan: fc.Arbitrary<Plan> = fc.record({
  apiVersion: fc.constant('octank/v1' as const),
  name,
  file: fc.constant('shop.yaml'),
  digest: fc.constant(''),
  aws: fc.record({
    region: fc.constantFrom('eu-west-1', 'us-gov-east-1'),
    profile: fc.option(text),
    assumeRole: fc.option(fc.constant('arn:aws:iam::111122223333:role/octank')),
    tags: fc.dictionary(text, text, { maxKeys: 2, noNullPrototype: true }),
  }),
  state: fc.record({ backend: fc.constant('local' as const), path: text }),
  databases: fc
    .array(
      fc.record({
        name,
        engine: fc.constantFrom('postgres', 'aurora-postgresql'),
        connection: secret,
        replicationConnection: secret,
      }),
      { maxLength: 3 },
    )
    .map((specs) => Object.fromEntries(specs.map((spec) => [spec.name, spec]))),
  waves: fc.array(wave, { minLength: 1, maxLength: 2 }),
  traffic: fc.array(traffic, { maxLength: 2 }),
  gates: fc.array(gate, { maxLength: 2 }),
  approvals: fc.subarray(['cutover', 'traffic', 'no-fallback', 'local-state'] as const),
  notify: fc.record({ snsTopicArn: fc.option(fc.constant('arn:aws:sns:eu-west-1:111122223333:x')) }),
});

const withoutPlaces = (value: Plan | null) =>
  value && {
    ...value,
    digest: '',
    waves: value.waves.map((entry) => ({ ...entry, range: null })),
    traffic: value.traffic.map((entry) => ({ ...entry, range: null })),
    gates: value.gates.map((entry) => ({ ...entry, range: null })),
  };

describe('a plan written out', () => {
  it('decodes to the same plan, whatever its words are', () => {
    fc.assert(
      fc.property(plan, (wanted) => {
        const { plan: found, diagnostics } = decode(renderPlan(wanted));
        expect(diagnostics).toEqual([]);
        expect(withoutPlaces(found)).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the digest', () => {
  it('does not change with layout, quotes, comments or line ends', () => {
    const layout = fc.record({
      collectionStyle: fc.constantFrom('block' as const, 'flow' as const),
      indent: fc.integer({ min: 2, max: 8 }),
      defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
      lineWidth: fc.constantFrom(0, 40, 120),
    });
    const written: unknown = parse(planText);
    fc.assert(
      fc.property(layout, fc.boolean(), (style, isWindows) => {
        const commented = `# octank\n${stringify(written, style)}# end\n`;
        const other = isWindows ? commented.replaceAll('\n', '\r\n') : commented;
        expect(planOf(other).digest).toBe(planOf(planText).digest);
      }),
      { numRuns: 20 },
    );
  });
});

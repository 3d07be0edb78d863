/** Decoding: what a plan means, and that whatever is wrong with it is said with its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { canonicalJson } from '../model/canonical.ts';
import { decode, planOf, planText, planWith, read } from './testing/plans.ts';

/** Line and column (1-based) at which `text` stands in the file, after `from` other occurrences. */
const placeOf = (file: string, text: string): { line: number; column: number } => {
  const at = file.indexOf(text);
  expect(at).toBeGreaterThanOrEqual(0);
  const before = file.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
};

describe('what a plan means', () => {
  it('fills in what is not written', () => {
    const { waves, state, traffic, gates, databases } = planOf(planText);
    expect(state).toEqual({ backend: 'local', path: '.octank' });
    expect(databases.monolith?.replicationConnection).toEqual({ kind: 'secretsManager', id: 'octank/monolith' });
    expect(waves[0]).toMatchObject({
      order: 'database-first',
      tables: { include: ['shop.*'], exclude: [], rename: {} },
      replication: {
        use: 'dms',
        plugin: 'test-decoding',
        lob: { mode: 'inline', maxKb: 64 },
        slotBudgetBytes: 10 * 2 ** 30,
      },
      parity: { require: 'equal', maxAgeSeconds: 600 },
      cutover: { downtimeBudgetSeconds: 30, maxLagSeconds: 5, fallback: 'reverse-replication', appProbe: null },
    });
    expect(traffic[0]).toMatchObject({ maxStepPercent: 25, record: { type: 'A', ttlSeconds: 60 } });
    expect(traffic[0]?.ladder[3]).toEqual({ sharePercent: 100, bakeSeconds: 3600, approval: false, unattended: false });
    expect(gates[0]).toMatchObject({
      kind: 'cloudwatch',
      failWhen: { comparison: '>', threshold: 0.01 },
      windowSeconds: 300,
      periodSeconds: 60,
      datapointsToFail: 3,
      evaluationPoints: 5,
      noData: 'hold',
    });
  });

  it('keeps what a kind makes of its settings, its shorthand written out', () => {
    expect(planOf(planText).waves[0]?.cutover.repoint).toEqual([
      {
        kind: 'secretsManager',
        settings: { secret: 'octank/shop-db', source: 'octank/shop-db-source', target: 'octank/shop-db-target' },
      },
    ]);
  });

  it('writes out the schema that a short table name means, so that renames and patterns agree', () => {
    const text = planWith(['{ include: [shop.*] }', '{ include: [customer], rename: { customer: crm.customer } }']);
    expect(planOf(text).waves[0]?.tables).toEqual({
      include: ['public.customer'],
      exclude: [],
      rename: { 'public.customer': 'crm.customer' },
    });
  });

  it('follows aliases, and places what is wrong behind one where it is written', () => {
    const ladder = 'gates: [http-errors]\n    measure';
    const anchored = planWith(
      ['gates: [app-sessions]', 'gates: &gates [app-sessions]'],
      [ladder, 'gates: *gates\n    measure'],
    );
    const plain = planWith([ladder, 'gates: [app-sessions]\n    measure']);
    expect(planOf(anchored).digest).toBe(planOf(plain).digest);
    const broken = anchored.replace('&gates [app-sessions]', '&gates [7]');
    const { line } = placeOf(broken, '&gates');
    expect(decode(broken).diagnostics.map(({ code, range }) => [code, range?.line])).toEqual([
      ['plan.wrong-type', line],
      ['plan.wrong-type', line],
    ]);
  });

  it('has one digest whatever its comments, layout and order of keys', () => {
    const other = planWith(
      ['aws: { region: eu-west-1 }', '# where\naws:\n    region: "eu-west-1" # Ireland'],
      ['downtimeBudget: 30s', 'downtimeBudget: "30"'],
      ['    source: monolith\n    target: accounts\n', '    target: accounts\n    source: monolith\n'],
    );
    expect(planOf(other).digest).toBe(planOf(planText).digest);
    expect(planOf(planText).digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('has another digest for another meaning', () => {
    const other = planOf(planWith(['downtimeBudget: 30s', 'downtimeBudget: 31s']));
    expect(other.digest).not.toBe(planOf(planText).digest);
  });

  it('places waves, records and gates where they are written', () => {
    const { waves, gates } = planOf(planText);
    expect(waves[0]?.range).toMatchObject({ file: 'shop.yaml', ...placeOf(planText, 'shop\n    source') });
    expect(gates[0]?.range?.line).toBe(placeOf(planText, '- name: http-errors').line);
  });
});

interface Case {
  readonly danger: string;
  readonly from: string;
  readonly to: string;
  readonly code: string;
  /** Text at which the diagnostic must point. */
  readonly at: string;
  readonly hint: string;
}

const cases: readonly Case[] = [
  {
    danger: 'a mistyped key',
    from: 'downtimeBudget',
    to: 'downtimeBudgt',
    code: 'plan.unknown-key',
    at: 'downtimeBudgt',
    hint: 'Write downtimeBudget.',
  },
  {
    danger: 'a key in another spelling',
    from: 'minRequests',
    to: 'min_requests',
    code: 'plan.unknown-key',
    at: 'min_requests',
    hint: 'Write minRequests.',
  },
  {
    danger: 'a key far from all known ones',
    from: 'approvals:',
    to: 'zebra: 1\napprovals:',
    code: 'plan.unknown-key',
    at: 'zebra',
    hint: 'Known here: apiVersion',
  },
  {
    danger: 'a merge key, which plans do not have',
    from: 'aws: { region',
    to: 'aws: { <<: { x: 1 }, region',
    code: 'plan.unknown-key',
    at: '<<',
    hint: 'Known here',
  },
  {
    danger: 'a missing key',
    from: '    source: monolith\n',
    to: '',
    code: 'plan.missing-key',
    at: '  - name: shop',
    hint: 'Write source here',
  },
  {
    danger: 'a list written as a word',
    from: 'include: [shop.*]',
    to: 'include: shop.*',
    code: 'plan.wrong-type',
    at: 'shop.*',
    hint: 'Write a list.',
  },
  {
    danger: 'nothing after a colon',
    from: 'instance: octank-dms',
    to: 'instance:',
    code: 'plan.wrong-type',
    at: ' }\n    cutover',
    hint: 'Write a string.',
  },
  {
    danger: 'a duration without its unit',
    from: 'bake: 1h',
    to: 'bake: 1x',
    code: 'plan.bad-duration',
    at: '1x',
    hint: '1h30m',
  },
  {
    danger: 'a budget of a day',
    from: 'downtimeBudget: 30s',
    to: 'downtimeBudget: 1d',
    code: 'plan.bad-duration',
    at: '1d',
    hint: 'at most 1h',
  },
  {
    danger: 'a truth value as duration',
    from: 'bake: 1h',
    to: 'bake: true',
    code: 'plan.wrong-type',
    at: 'true }]',
    hint: 'a string or a number',
  },
  {
    danger: 'a share of 0',
    from: 'share: 25',
    to: 'share: 0',
    code: 'plan.bad-share',
    at: '0, bake',
    hint: '1 to 100',
  },
  {
    danger: 'a share over 100',
    from: 'share: 25',
    to: 'share: 110%',
    code: 'plan.bad-share',
    at: '110%',
    hint: '1 to 100',
  },
  {
    danger: 'half a percent, which weights cannot say',
    from: 'share: 25',
    to: 'share: 0.5',
    code: 'plan.bad-share',
    at: '0.5',
    hint: 'whole percentage',
  },
  {
    danger: 'a comparison without sign',
    from: '"> 0.01"',
    to: '"0.01"',
    code: 'plan.bad-comparison',
    at: '"0.01"',
    hint: '> 0.01',
  },
  {
    danger: 'M of N upside down',
    from: 'minRequests: 300',
    to: 'datapointsToFail: 5 of 3',
    code: 'plan.bad-datapoints',
    at: '5 of 3',
    hint: 'M <= N',
  },
  {
    danger: 'an engine nobody knows',
    from: 'engine: postgres,',
    to: 'engine: postgre,',
    code: 'plan.unknown-word',
    at: 'postgre,',
    hint: 'Write postgres.',
  },
  {
    danger: 'a gate of unknown kind',
    from: 'cloudwatch:',
    to: 'datadog:',
    code: 'plan.unknown-kind',
    at: 'datadog:',
    hint: 'Known kinds: cloudwatch, alarm, sessions.',
  },
  {
    danger: 'a repoint of unknown kind',
    from: '{ secretsManager: octank/shop-db }',
    to: '{ route35: {} }',
    code: 'plan.unknown-kind',
    at: 'route35',
    hint: 'Write route53.',
  },
  {
    danger: 'two kinds in one entry',
    from: '{ secretsManager: octank/shop-db }',
    to: '{ secretsManager: a, manual: b }',
    code: 'plan.one-kind',
    at: '{ secretsManager: a,',
    hint: 'exactly one of',
  },
  {
    danger: 'a key that the kind does not know',
    from: 'metric: HTTPCode_Target_5XX_Count',
    to: 'metrik: HTTPCode_Target_5XX_Count',
    code: 'plan.unknown-key',
    at: 'metrik',
    hint: 'Write metric.',
  },
  {
    danger: 'a gate that does not say when it fails',
    from: '    failWhen: "> 0.01"\n',
    to: '',
    code: 'plan.missing-key',
    at: 'name: http-errors\n    cloudwatch',
    hint: 'failWhen',
  },
  {
    danger: 'two places for one secret',
    from: '{ secretsManager: octank/orders }',
    to: '{ secretsManager: a, env: B }',
    code: 'plan.bad-secret-reference',
    at: 'connection: { secretsManager: a, env',
    hint: 'exactly one',
  },
  {
    danger: 'a name that AWS would refuse',
    from: 'name: octank-shop',
    to: 'name: Octank Shop',
    code: 'plan.bad-name',
    at: 'Octank Shop',
    hint: 'lower case',
  },
  {
    danger: 'an unknown apiVersion',
    from: 'octank/v1',
    to: 'octank/v2',
    code: 'plan.unknown-word',
    at: 'octank/v2',
    hint: 'Write octank/v1.',
  },
  {
    danger: 'infrastructure',
    from: 'approvals:',
    to: 'infrastructure: []\napprovals:',
    code: 'plan.not-built-yet',
    at: 'infrastructure',
    hint: 'CloudFormation',
  },
  {
    danger: 'application-first',
    from: '    target: accounts',
    to: '    target: accounts\n    order: application-first',
    code: 'plan.not-built-yet',
    at: 'order: app',
    hint: 'database-first',
  },
  {
    danger: 'together',
    from: '    target: accounts',
    to: '    target: accounts\n    order: together',
    code: 'plan.not-built-yet',
    at: 'order: tog',
    hint: 'database-first',
  },
  {
    danger: 'a converted schema',
    from: '    target: accounts',
    to: '    target: accounts\n    schema: { convert: files }',
    code: 'plan.not-built-yet',
    at: 'convert: files',
    hint: 'copy',
  },
  {
    danger: 'serverless replication',
    from: 'instance: octank-dms',
    to: 'instance: octank-dms, use: dms-serverless',
    code: 'plan.not-built-yet',
    at: 'use: dms-s',
    hint: 'use: dms',
  },
  {
    danger: 'state in DynamoDB',
    from: 'approvals:',
    to: 'state: { dynamodb: { table: t } }\napprovals:',
    code: 'plan.not-built-yet',
    at: 'dynamodb',
    hint: 'local',
  },
  {
    danger: 'another engine',
    from: 'engine: postgres,',
    to: 'engine: mysql,',
    code: 'plan.not-built-yet',
    at: 'engine: mysql',
    hint: 'postgres',
  },
  {
    danger: 'a key written twice',
    from: 'approvals:',
    to: 'name: again\napprovals:',
    code: 'plan.duplicate-key',
    at: 'name: again',
    hint: 'Keep one',
  },
  {
    danger: 'a second document',
    from: 'approvals: [cutover]\n',
    to: 'approvals: [cutover]\n---\nname: b\n',
    code: 'plan.multiple-documents',
    at: '---',
    hint: 'one plan per file',
  },
  {
    danger: 'a tag',
    from: 'name: octank-shop',
    to: 'name: !secret octank-shop',
    code: 'plan.unknown-tag',
    at: '!secret',
    hint: 'Remove the tag',
  },
  {
    danger: 'broken YAML',
    from: 'aws: { region: eu-west-1 }',
    to: 'aws: { region: eu-west-1',
    code: 'plan.yaml-syntax',
    at: 'databases',
    hint: 'indentation',
  },
];

describe('what is wrong is said with its place', () => {
  it.each(cases)('refuses $danger', ({ from, to, code, at, hint }) => {
    const text = planWith([from, to]);
    const { plan, diagnostics } = decode(text);
    expect(plan).toBeNull();
    const found = diagnostics.filter((diagnostic) => diagnostic.code === code);
    expect(diagnostics.map((d) => d.code)).toContain(code);
    const place = placeOf(text, at);
    // A list item's place may be its dash or its first key; the line is what people look for.
    expect(found.map(({ range }) => range?.line)).toContain(place.line);
    const exact = found.find(({ range }) => range?.line === place.line);
    if (!/^\s|^name: http|^connection/.test(at)) expect(exact?.range?.column).toBe(place.column);
    expect(exact?.hint).toContain(hint);
  });

  it('shows all problems at once, in the order of the file', () => {
    const { diagnostics } = decode(
      planWith(['region:', 'regoin:'], ['bake: 1h', 'bake: never'], ['approvals: [cutover]', 'approvals: [cut]']),
    );
    expect(diagnostics.map((d) => d.code)).toEqual([
      'plan.missing-key',
      'plan.unknown-key',
      'plan.bad-duration',
      'plan.unknown-word',
    ]);
    const lines = diagnostics.map((d) => d.range?.line ?? 0);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
  });

  it('does not let a word that is not performed yet hide other problems', () => {
    const { diagnostics } = decode(planWith(['engine: postgres,', 'engine: mysql,'], ['bake: 1h', 'bake: never']));
    expect(diagnostics.map((d) => d.code)).toEqual(['plan.not-built-yet', 'plan.bad-duration']);
  });

  it.each([
    ['an empty file', '', 'plan.empty'],
    ['only a comment', '# later\n', 'plan.empty'],
    ['a word', 'hello', 'plan.wrong-type'],
    ['a list', '- a\n- b\n', 'plan.wrong-type'],
    ['an unknown alias', 'name: *nobody\n', 'plan.alias'],
  ])('refuses %s', (_, text, code) => {
    const { plan, diagnostics } = decode(text);
    expect(plan).toBeNull();
    expect(diagnostics.map((d) => d.code)).toContain(code);
    expect(diagnostics[0]?.range).toMatchObject({ file: 'shop.yaml', line: 1, column: expect.any(Number) });
  });
});

describe('whatever is typed', () => {
  it('never makes decode throw, nor point outside the file', () => {
    const edit = fc.record({ at: fc.nat(planText.length), drop: fc.nat(6), put: fc.string({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const text = edits.reduce((now, { at, drop, put }) => now.slice(0, at) + put + now.slice(at + drop), planText);
        const { plan, diagnostics } = read(text);
        const lines = text.split('\n').length;
        for (const { range, detail, hint } of diagnostics) {
          expect(range?.line).toBeLessThanOrEqual(lines + 1);
          expect(detail.length + hint.length).toBeLessThan(1000);
        }
        expect(plan !== null || diagnostics.length > 0).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it('never makes decode throw, whatever values stand where', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(parse(planText))), fc.jsonValue(), (key, value) => {
        const { plan, diagnostics } = read(stringify({ ...parse(planText), [key]: value }));
        expect(plan !== null || diagnostics.length > 0).toBe(true);
      }),
      { numRuns: 80 },
    );
  });
});

describe('a small file cannot cost much', () => {
  const timed = (text: string) => {
    const startedAt = performance.now();
    const { plan, diagnostics } = decode(text);
    return { plan, codes: diagnostics.map((d) => d.code), seconds: (performance.now() - startedAt) / 1000 };
  };

  it('refuses a billion laughs', () => {
    const lines = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(9)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(', ')}]`,
    );
    const { plan, codes, seconds } = timed(lines.join('\n'));
    expect(plan).toBeNull();
    expect(codes).toContain('plan.alias');
    expect(seconds).toBeLessThan(2);
  });

  it.each([
    ['more than a mebibyte', `# ${'x'.repeat(1024 * 1024)}\n`, 'plan.too-large'],
    ['deep brackets', '['.repeat(100_000), 'plan.too-deep'],
    ['an alias of itself', 'a: &a [*a]\n', 'plan.alias'],
    ['deep blocks', `${'- '.repeat(20_000)}x\n`, 'plan.too-deep'],
    ['deep keys, which end the process if parsed', `${'? '.repeat(20_000)}x\n`, 'plan.too-deep'],
    ['deep keys with anchors between', Array.from({ length: 9000 }, (_, i) => `? &a${i} `).join(''), 'plan.too-deep'],
    ['deep lines', Array.from({ length: 1300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'plan.too-deep'],
  ])('refuses %s', (_, text, code) => {
    const { plan, codes, seconds } = timed(text);
    expect(plan).toBeNull();
    expect(codes).toContain(code);
    expect(seconds).toBeLessThan(2);
  });

  it('takes a name that JavaScript treats specially for a key like any other', () => {
    for (const key of ['__proto__', 'constructor', 'hasOwnProperty']) {
      const { plan, diagnostics } = decode(planWith(['approvals:', `${key}: { polluted: true }\napprovals:`]));
      expect(plan).toBeNull();
      expect(diagnostics.map((d) => d.code)).toEqual(['plan.unknown-key']);
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});

describe('secrets stay out', () => {
  it.each([
    ['a connection string', ['{ secretsManager: octank/orders }', '"postgres://bob:hunter2@db/x"']],
    ['a connection string as a secret id', ['octank/orders }', 'postgres://bob:hunter2@db/x }']],
    ['a password key', ['{ secretsManager: octank/orders }', '{ secretsManager: a, password: hunter2 }']],
    ['a libpq string', ['octank/shop-db', 'host=db password=hunter2 user=bob']],
    ['a comment', ['name: octank-shop', 'name: octank-shop # postgres://bob:hunter2@db/x']],
    ['an environment file pasted as a key', ['approvals:', '"PASSWORD=hunter2": 1\napprovals:']],
    ['a key word under a kind', ['{ secretsManager: octank/shop-db }', '{ manual: x, db_password: hunter2 }']],
  ] as const)('refuses %s and does not repeat it', (_, replacement) => {
    const { plan, diagnostics } = read(planWith(replacement));
    expect(plan).toBeNull();
    expect(diagnostics.map((d) => d.code)).toContain('lint.inline-secret');
    expect(canonicalJson(diagnostics)).not.toContain('hunter2');
  });

  it('refuses an AWS key', () => {
    const { diagnostics } = read(planWith(['approvals:', `# AKIA${'ABCDEFGH12345678'}\napprovals:`]));
    expect(diagnostics.map((d) => d.code)).toContain('lint.inline-secret');
  });

  it('takes a URL without a password for what it is', () => {
    const { plan } = read(planWith(['name: octank-shop', 'name: octank-shop # see https://wiki.octank.com/a:b@c']));
    expect(plan).not.toBeNull();
  });
});

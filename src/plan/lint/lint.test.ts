/** Each rule of the linter by the danger it stops, and what it must let pass. */
import { describe, expect, it } from 'vitest';
import { decode, planOf, planText, planWith, read } from '../testing/plans.ts';
import { lintPlan } from './index.ts';

type Replacement = readonly [from: string, to: string];

const secondWave = (more: string): Replacement => [
  'traffic:\n',
  `  - name: orders
    source: monolith
    target: orders
    replication: { instance: octank-dms }
    cutover: { downtimeBudget: 30s, repoint: [{ manual: change it }] }
${more}
traffic:
`,
];

const codesOf = (...replacements: readonly Replacement[]): string[] =>
  read(planWith(...replacements)).diagnostics.map(({ severity, code }) => `${severity} ${code}`);

describe('the plan of the tests', () => {
  it('has nothing to complain about, so that every other case has one reason', () => {
    expect(read(planText)).toMatchObject({ diagnostics: [], plan: { name: 'octank-shop' } });
  });
});

interface Case {
  readonly danger: string;
  readonly change: readonly Replacement[];
  readonly code: string;
}

const afterBoth: Replacement = ['after: [shop]', 'after: [shop, orders]'];

const oneWriter: readonly Case[] = [
  {
    danger: 'two waves over one table of one source',
    change: [secondWave('    tables: { include: [shop.orders] }'), afterBoth],
    code: 'error lint.one-writer',
  },
  {
    danger: 'two waves whose patterns may name one table',
    change: [['[shop.*]', '[shop.c*]'], secondWave('    tables: { include: ["shop.?art"] }'), afterBoth],
    code: 'error lint.one-writer',
  },
  {
    danger: 'a record that may leave 0 before a wave its target writes',
    change: [['[shop.*]', '[shop.c*]'], secondWave('    tables: { include: [shop.orders] }')],
    code: 'error lint.one-writer',
  },
  {
    danger: 'a record that waits for nothing',
    change: [['after: [shop]', 'after: []']],
    code: 'error lint.one-writer',
  },
  {
    danger: 'two waves in opposite directions',
    change: [
      secondWave('    tables: { include: [other.*] }'),
      ['source: monolith\n    target: orders', 'source: accounts\n    target: monolith'],
      afterBoth,
    ],
    code: 'error lint.circle',
  },
  {
    danger: 'tables that move on from where another wave brings them',
    change: [
      secondWave('    tables: { include: [shop.orders] }'),
      ['source: monolith\n    target: orders', 'source: accounts\n    target: orders'],
      afterBoth,
    ],
    code: 'error lint.one-writer',
  },
  {
    danger: 'two sources that write one table of one target',
    change: [
      secondWave('    tables: { include: [shop.orders] }'),
      ['source: monolith\n    target: orders', 'source: orders\n    target: accounts'],
      afterBoth,
    ],
    code: 'error lint.one-writer',
  },
];

const others: readonly Case[] = [
  {
    danger: 'a wave that needs an unknown one',
    change: [['    source: mono', '    needs: [shp]\n    source: mono']],
    code: 'error lint.unknown-name',
  },
  {
    danger: 'a wave that needs itself',
    change: [['    source: mono', '    needs: [shop]\n    source: mono']],
    code: 'error lint.wave-cycle',
  },
  { danger: 'an unknown database', change: [['target: accounts', 'target: acounts']], code: 'error lint.unknown-name' },
  {
    danger: 'an unknown gate on a ladder',
    change: [['gates: [http-errors]\n    measure', 'gates: [http-error]\n    measure']],
    code: 'error lint.unknown-name',
  },
  {
    danger: 'a wave moved onto itself',
    change: [['target: accounts', 'target: monolith']],
    code: 'error lint.same-database',
  },
  {
    danger: 'one database under two names',
    change: [['octank/accounts }', 'octank/monolith }']],
    code: 'error lint.database-twice',
  },
  {
    danger: 'a secret that DMS cannot read',
    change: [['{ secretsManager: octank/accounts }', '{ env: ACCOUNTS }']],
    code: 'error lint.replication-secret',
  },
  {
    danger: 'two waves of one name',
    change: [secondWave('    tables: { include: [b.*] }'), ['name: orders', 'name: shop']],
    code: 'error lint.name-twice',
  },
  {
    danger: 'a cutover gate that reads a side without traffic',
    change: [['gates: [app-sessions]', 'gates: [app-sessions, http-errors]']],
    code: 'warning lint.gate-without-traffic',
  },
  {
    danger: 'names that AWS would have to cut',
    change: [['name: octank-shop', `name: ${'a'.repeat(34)}`]],
    code: 'error lint.name-too-long',
  },
  {
    danger: 'two tables renamed to one',
    change: [['[shop.*]', '[shop.*], rename: { shop.a: x.a, shop.b: x.a }']],
    code: 'error lint.rename',
  },
  {
    danger: 'a rename onto a table that moves too',
    change: [['[shop.*]', '[shop.a, shop.b], rename: { shop.a: shop.b }']],
    code: 'error lint.rename',
  },
  {
    danger: 'a rename of a table that stays',
    change: [['[shop.*]', '[shop.*], rename: { crm.a: crm.b }']],
    code: 'error lint.rename',
  },
  {
    danger: 'a rename by wildcard',
    change: [['[shop.*]', '[shop.*], rename: { shop.*: crm.* }']],
    code: 'error lint.rename',
  },
  { danger: 'a ladder that falls', change: [['{ share: 50,', '{ share: 20,']], code: 'error lint.ladder' },
  { danger: 'a ladder that stands', change: [['{ share: 50,', '{ share: 25,']], code: 'error lint.ladder' },
  { danger: 'a step from half to all', change: [['{ share: 75, bake: 15m }, ', '']], code: 'error lint.ladder' },
  {
    danger: 'a first step to all',
    change: [[planText.slice(planText.indexOf('[{ share'), planText.indexOf('{ share: 100')), '[']],
    code: 'error lint.ladder',
  },
  { danger: 'a ladder that ends early', change: [[', { share: 100, bake: 1h }', '']], code: 'error lint.ladder' },
  {
    danger: 'a ladder without gates',
    change: [['    gates: [http-errors]\n    measure', '    measure']],
    code: 'warning lint.ladder-without-gates',
  },
  { danger: 'a bake too short for its gate', change: [['bake: 1h', 'bake: 1m']], code: 'warning lint.bake-too-short' },
  { danger: 'a TTL of an hour', change: [['ttl: 60', 'ttl: 1h']], code: 'warning lint.ttl' },
  {
    danger: 'an address of the wrong family',
    change: [['value: 203.0.113.10', 'value: "2001:db8::1"']],
    code: 'error lint.record-value',
  },
  {
    danger: 'a record that moves to where it is',
    change: [['198.51.100.20', '203.0.113.10']],
    code: 'error lint.record-value',
  },
  {
    danger: 'a record name that repeats its zone',
    change: [['name: www,', 'name: www.octank.com,']],
    code: 'error lint.record-name',
  },
  {
    danger: 'a name both repointed and weighted',
    change: [
      ['{ secretsManager: octank/shop-db }', '{ route53: { zone: octank.com, name: www, source: a, target: b } }'],
    ],
    code: 'error lint.record-twice',
  },
  {
    danger: 'a wave without way back, unapproved',
    change: [['repoint: [{ s', 'fallback: none\n      repoint: [{ s']],
    code: 'error lint.no-fallback',
  },
  {
    danger: 'a stale source that DNS may still answer',
    change: [
      ['repoint: [{ s', 'fallback: none\n      repoint: [{ s'],
      ['[cutover]', '[cutover, no-fallback]'],
    ],
    code: 'warning lint.weight-zero-trap',
  },
  { danger: 'a cutover on local state', change: [['approvals: [cutover]\n', '']], code: 'warning lint.local-state' },
  {
    danger: 'a window that cannot hold its datapoints',
    change: [['minRequests: 300', 'window: 4m']],
    code: 'error lint.gate-window',
  },
  {
    danger: 'an expression over an unnamed metric',
    change: [['FILL(m5xx,0)/mreq', 'FILL(m5x,0)/mreq']],
    code: 'error lint.gate-expression',
  },
  {
    danger: 'a metric that nothing uses',
    change: [['FILL(m5xx,0)/mreq', '1/mreq']],
    code: 'warning lint.gate-expression',
  },
  {
    danger: 'a floor of requests that nobody counts',
    change: [
      ['/mreq', '/total'],
      ['        mreq:', '        total:'],
    ],
    code: 'error lint.gate-volume',
  },
  {
    danger: 'silence taken for health',
    change: [
      ['/mreq', '/total'],
      ['        mreq:', '        total:'],
      ['minRequests: 300', 'noData: success'],
    ],
    code: 'error lint.gate-volume',
  },
  {
    danger: 'a percentile of a handful',
    change: [['HTTPCode_Target_5XX_Count }', 'TargetResponseTime, stat: p99 }']],
    code: 'info lint.gate-percentile',
  },
  {
    danger: 'a gate that guards nothing',
    change: [
      ['gates: [app-sessions]', 'gates: []'],
      ['    gates: [http-errors]\n    measure', '    measure'],
    ],
    code: 'warning lint.gate-unused',
  },
  {
    danger: 'a share that nobody measures',
    change: [[planText.slice(planText.indexOf('    measure:'), planText.indexOf('gates:\n  -')), '']],
    code: 'info lint.unmeasured',
  },
];

describe('what the linter stops', () => {
  it.each([...oneWriter, ...others])('$danger', ({ change, code }) => {
    expect(decode(planWith(...change)).diagnostics).toEqual([]);
    expect(codesOf(...change)).toContain(code);
  });

  it('refuses a plan with an error and keeps one with warnings', () => {
    expect(read(planWith(['after: [shop]', 'after: []'])).plan).toBeNull();
    expect(read(planWith(['ttl: 60', 'ttl: 1h'])).plan).not.toBeNull();
  });

  it('points into the text, and at the entry where there is none', () => {
    const text = planWith(['{ share: 50,', '{ share: 20,']);
    const { diagnostics } = read(text);
    const ladder = text.split('\n').findIndex((line) => line.includes('share: 20')) + 1;
    const column = (text.split('\n')[ladder - 1]?.indexOf('20,') ?? 0) + 1;
    expect(diagnostics.find(({ code }) => code === 'lint.ladder')?.range).toMatchObject({ line: ladder, column });
    const plan = planOf(text);
    expect(lintPlan(plan).find(({ code }) => code === 'lint.ladder')?.range).toEqual(plan.traffic[0]?.range);
  });

  it('names ways out that work', () => {
    const bold = planWith(['{ share: 75, bake: 15m }, ', '']);
    expect(
      read(
        bold.replace('    gates: [http-errors]\n    measure', '    maxStep: 50\n    gates: [http-errors]\n    measure'),
      ).diagnostics,
    ).toEqual([]);
    expect(
      read(
        bold.replace(
          '    gates: [http-errors]\n    measure',
          '    allowLargeStep: true\n    gates: [http-errors]\n    measure',
        ),
      ).diagnostics,
    ).toEqual([]);
  });
});

describe('what the linter lets pass', () => {
  const apart: Replacement = ['[shop.*]', '[shop.*], exclude: [shop.order*]'];

  it('waves kept apart by an exclude', () => {
    expect(codesOf(apart, secondWave('    tables: { include: [shop.orders, "shop.order_*"] }'), afterBoth)).toEqual([]);
  });

  it('a record whose wave needs the others', () => {
    const wave = secondWave('    tables: { include: [shop.orders] }\n    needs: [shop]');
    expect(codesOf(apart, wave, ['after: [shop]', 'after: [orders]'])).toEqual([]);
  });

  it('a record whose target says that it writes one wave only', () => {
    const says: Replacement = ['value: 198.51.100.20 }', 'value: 198.51.100.20, writes: [shop] }'];
    expect(codesOf(apart, secondWave('    tables: { include: [shop.orders] }'), says)).toEqual([]);
  });

  it('a wave without way back, approved and without traffic', () => {
    const text = planWith(
      ['repoint: [{ s', 'fallback: none\n      repoint: [{ s'],
      ['[cutover]', '[cutover, no-fallback]'],
    );
    const { diagnostics } = read(text.slice(0, text.indexOf('traffic:')) + text.slice(text.indexOf('gates:\n  -')));
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});

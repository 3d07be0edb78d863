/** What replication would cut, refuse or lose is named before anything is moved. */
import { describe, expect, it } from 'vitest';
import type { Wave } from '../model/plan.ts';
import type { Database } from '../ports/database.ts';
import type { Ports } from './contract.ts';
import { checkLobs, checkNumerics } from './live-checks.ts';
import type { WaveObserved } from './observed.ts';

const table = { schema: 's', table: 't' };

/** Only what these checks ask for. */
const input = (options: {
  readonly lob?: Wave['replication']['lob'];
  readonly maxBytes?: number;
  readonly maxScale?: number;
  readonly notNull?: boolean;
  readonly hasKey?: boolean;
}) => {
  const database: Pick<Database, 'lobSizes' | 'numericScales'> = {
    lobSizes: async () => [{ table, column: 'v', maxBytes: options.maxBytes ?? 0 }],
    numericScales: async () => [{ table, column: 'v', maxScale: options.maxScale ?? 0 }],
  };
  return {
    plan: {},
    wave: { name: 'w', source: 'a', range: null, replication: { lob: options.lob ?? { mode: 'inline', maxKb: 64 } } },
    ports: { database: async () => database },
    observed: {
      pairs: [{ source: table, target: table }],
      sourceTables: [{ name: table, hasKey: options.hasKey ?? true, isPartitioned: false }],
      sourceModel: {
        tables: [{ schema: 's', name: 't', columns: [{ name: 'v', notNull: options.notNull ?? false }] }],
      },
    },
  } as unknown as { plan: never; wave: Wave; ports: Ports; observed: WaveObserved };
};

const codes = (found: readonly { readonly code: string }[]): readonly string[] => found.map(({ code }) => code);

describe('large values', () => {
  const kb = 1024;
  it.each([
    ['fits: travels with its row', { maxBytes: 64 * kb, notNull: true, hasKey: false }, []],
    ['is loaded as NULL first, which NOT NULL refuses', { maxBytes: 65 * kb, notNull: true }, ['lob-not-null']],
    ['is set by key later, and there is no key', { maxBytes: 65 * kb, hasKey: false }, ['lob-without-key']],
    ['is set later, which is fine', { maxBytes: 65 * kb }, []],
    [
      'full mode sets every value later',
      { lob: { mode: 'full', maxKb: 64 }, maxBytes: 1, notNull: true },
      ['lob-not-null'],
    ],
    ['full mode, nothing there', { lob: { mode: 'full', maxKb: 64 }, maxBytes: 0, notNull: true }, []],
    ['limited mode truncates', { lob: { mode: 'limited', maxKb: 64 }, maxBytes: 64 * kb + 1 }, ['lob-truncated']],
    ['limited mode, NOT NULL is no matter', { lob: { mode: 'limited', maxKb: 64 }, maxBytes: kb, notNull: true }, []],
  ] as const)('%s', async (_name, options, expected) => {
    expect(codes(await checkLobs(input(options)))).toEqual(expected.map((code) => `preflight.${code}`));
  });

  it('says how large maxKb must be', async () => {
    const [found] = await checkLobs(input({ maxBytes: 100 * kb + 1, notNull: true }));
    expect(found?.hint).toContain('maxKb: 101');
  });
});

describe('numbers without precision', () => {
  it.each([
    [6, 0],
    [7, 1],
  ])('%i digits after the point: %i findings', async (maxScale, count) => {
    const found = await checkNumerics(input({ maxScale }));
    expect(found).toHaveLength(count);
    if (found[0]) expect(found[0]).toMatchObject({ code: 'preflight.numeric-rounded', severity: 'error' });
  });
});

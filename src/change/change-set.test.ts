/** Order, digest and staleness of change sets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { phaseNames } from '../model/phase.ts';
import { basisOf, changeSetDigest, makeChangeSet, staleParts } from './change-set.ts';
import { waveOrder } from './order.ts';
import { change } from './testing/changes.ts';

const plan = (...waves: readonly (readonly [name: string, ...needs: string[]])[]) => ({
  name: 'shop',
  digest: 'a'.repeat(64),
  waves: waves.map(([name, ...needs]) => ({ name, needs })),
});

const idsOf = (...given: Parameters<typeof makeChangeSet>): string[] =>
  makeChangeSet(...given).changes.map(({ id }) => id);

describe('the order of a change set', () => {
  it('verifies every wave before one is cut over, cuts over as needs says, and moves traffic last', () => {
    const changes = [
      change('traffic/www/5', { phase: 'traffic' }),
      ...['orders', 'catalog'].flatMap((wave) => [
        change(`cutover/${wave}/fence`, { phase: 'cutover', wave, section: wave }),
        change(`cutover/${wave}/open`, { phase: 'cutover', wave, section: wave }),
        change(`verify/${wave}`, { phase: 'verify', wave }),
      ]),
      change('preflight/traffic'),
    ];
    expect(idsOf({ plan: plan(['orders', 'catalog'], ['catalog']), changes, basis: {} })).toEqual([
      'preflight/traffic',
      'verify/catalog',
      'verify/orders',
      'cutover/catalog/fence',
      'cutover/catalog/open',
      'cutover/orders/fence',
      'cutover/orders/open',
      'traffic/www/5',
    ]);
  });

  it('keeps the order it was given where nothing asks for another', () => {
    const changes = ['b', 'a', 'c'].map((id) => change(id));
    expect(idsOf({ plan: plan(), changes, basis: {} })).toEqual(['b', 'a', 'c']);
  });

  it('refuses a circle of needs, two steps of one id, and a wave that the plan lacks', () => {
    expect(() => waveOrder(plan(['a', 'b'], ['b', 'a']).waves)).toThrow(/circle/);
    expect(() => idsOf({ plan: plan(), changes: [change('a'), change('a')], basis: {} })).toThrow(/twice/);
    expect(() => idsOf({ plan: plan(), changes: [change('a', { wave: 'x' })], basis: {} })).toThrow(/lacks/);
  });

  it('loses no step, keeps phases in order and each wave behind what it needs', () => {
    const names = ['a', 'b', 'c', 'd'];
    const step = fc.record({ phase: fc.constantFrom(...phaseNames), wave: fc.constantFrom(null, ...names) });
    // Each wave may need only later ones of the list: no circle, and never already in order.
    const needs = fc.tuple(...names.map((_, i) => fc.subarray(names.slice(i + 1))));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), needs, (steps, wanted) => {
        const changes = steps.map((fields, i) => change(`s${i}`, fields));
        const waves = names.map((name, i) => ({ name, needs: wanted[i] ?? [] }));
        const ordered = makeChangeSet({ plan: { ...plan(), waves }, changes, basis: {} }).changes;
        expect(ordered.map(({ id }) => id).sort()).toEqual(changes.map(({ id }) => id).sort());
        const phases = ordered.map(({ phase }) => phaseNames.indexOf(phase));
        expect(phases).toEqual([...phases].sort((a, b) => a - b));
        for (const [i, later] of ordered.entries())
          for (const earlier of ordered.slice(0, i))
            if (earlier.phase === later.phase && earlier.wave !== null && earlier.wave !== later.wave)
              expect(waves.find(({ name }) => name === earlier.wave)?.needs).not.toContain(later.wave);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the digest', () => {
  const made = (fields: Parameters<typeof change>[1], basis: Record<string, string> = {}) =>
    makeChangeSet({ plan: plan(), changes: [change('a', fields)], basis });

  it('changes with anything that is reviewed', () => {
    const digests = [
      made({}),
      made({ inputs: { tables: ['a'] } }),
      made({ inputs: { tables: ['b'] } }),
      made({ approval: 'cutover' }),
      made({ summary: 'other' }),
      made({}, { x: '1' }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('does not change with the order of keys, and fits what it is made of', () => {
    expect(made({ inputs: { a: 1, b: 2 } }).digest).toBe(made({ inputs: { b: 2, a: 1 } }).digest);
    const changeSet = made({});
    expect(changeSetDigest(changeSet)).toBe(changeSet.digest);
  });
});

describe('staleness', () => {
  const world = { 'full-load/shop/target': { tables: [] }, 'cutover/shop/source': { tables: ['a'] }, dns: 'x' };
  const basis = basisOf(world);
  const changeSet = makeChangeSet({ plan: plan(['shop']), changes: [], basis });

  it('sees a part that moved, appeared or went away', () => {
    expect(staleParts(changeSet, basis, [])).toEqual([]);
    expect(staleParts(changeSet, basisOf({ ...world, dns: 'y' }), [])).toEqual(['dns']);
    expect(staleParts(changeSet, { ...basis, more: 'z' }, [])).toEqual(['more']);
    const { dns: _, ...less } = basis;
    expect(staleParts(changeSet, less, [])).toEqual(['dns']);
  });

  it("does not count octank's own effects, nor those of another wave's phase as its own", () => {
    const loaded = basisOf({ ...world, 'full-load/shop/target': { tables: ['a'] } });
    expect(staleParts(changeSet, loaded, [])).toEqual(['full-load/shop/target']);
    expect(staleParts(changeSet, loaded, ['full-load'])).toEqual([]);
    expect(staleParts(changeSet, loaded, ['full-load/shop'])).toEqual([]);
    expect(staleParts(changeSet, loaded, ['full-load/sho', 'full', 'cutover'])).toEqual(['full-load/shop/target']);
  });
});

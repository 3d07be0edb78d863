import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inBand, maxWeight, settleSeconds, sharePercent, weightsFor } from './ladder.ts';
import { answeredShares, trappedByWeightZero } from './weighted-answers.ts';

const percent = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.double({ min: 0, max: 100, noNaN: true }));
const shareOf = (p: number): number => {
  const { source, target } = weightsFor(p);
  return sharePercent(source, target);
};

describe('weights', () => {
  it('never writes 0/0, stays in 0..255, and is 0 only at the ends', () => {
    fc.assert(
      fc.property(percent, (p) => {
        const { source, target } = weightsFor(p);
        for (const weight of [source, target]) {
          expect(Number.isInteger(weight)).toBe(true);
          expect(weight).toBeGreaterThanOrEqual(0);
          expect(weight).toBeLessThanOrEqual(maxWeight);
        }
        expect(source + target).toBeGreaterThan(0);
        if (p > 0) expect(target).toBeGreaterThan(0);
        if (p < 100) expect(source).toBeGreaterThan(0);
      }),
    );
  });

  it('gives the share that was asked for, and more for more', () => {
    fc.assert(
      fc.property(percent, percent, (a, b) => {
        if (a >= 1 / 2.56 && a <= 100 - 1 / 2.56) expect(Math.abs(shareOf(a) - a)).toBeLessThan(0.25);
        if (a <= b) expect(shareOf(a)).toBeLessThanOrEqual(shareOf(b));
      }),
    );
    for (let p = 0; p <= 100; p += 1) expect(weightsFor(p)).toEqual({ source: 100 - p, target: p });
  });

  it('refuses what is no share', () => {
    for (const bad of [-1, 101, Number.NaN]) expect(() => weightsFor(bad)).toThrow('not between');
  });

  it('reads 0/0 as what Route 53 makes of it', () => {
    expect(sharePercent(0, 0)).toBe(50);
  });

  it('waits at least the TTL', () => {
    expect(settleSeconds(60)).toBe(120);
  });
});

describe('inBand', () => {
  it.each([
    ['exact', 5, 95, 5, true],
    ['half of it off', 25, 87, 13, true],
    ['the other half off', 25, 610, 390, false],
    ['does not follow at all', 25, 1000, 0, false],
    ['no requests', 5, 0, 0, false],
    ['nothing seen on the target', 5, 50, 0, false],
    ['all on the target too early', 50, 0, 1000, false],
    ['few requests are noisy', 5, 27, 3, true],
    ['many are not', 5, 27_000, 3_000, false],
    ['after 100: nearly all', 100, 40, 960, true],
    ['after 100: a tenth stays', 100, 100, 900, false],
    ['back at 0', 0, 1000, 0, true],
  ])('%s', (_name, expectedPercent, sourceRequests, targetRequests, expected) => {
    expect(inBand({ expectedPercent, sourceRequests, targetRequests })).toBe(expected);
  });
});

describe('weight 0 is a standby, not off', () => {
  const pair = (source: boolean | null, target: boolean | null) => [
    { id: 'source', weight: 100, healthy: source },
    { id: 'target', weight: 0, healthy: target },
  ];
  it.each([
    [null, null, 0],
    [true, true, 0],
    [false, null, 100],
    [false, true, 100],
    [false, false, 0],
    [null, false, 0],
  ])('source %s, target %s: %i percent to the target', (source, target, share) => {
    expect(answeredShares(pair(source, target)).get('target')).toBe(share);
  });

  it('names who would be answered when checks fail', () => {
    const members = (hasHealthCheck: boolean) => [
      { id: 'source', weight: 100, hasHealthCheck },
      { id: 'target', weight: 0, hasHealthCheck: false },
    ];
    expect(trappedByWeightZero(members(true))).toEqual(['target']);
    expect(trappedByWeightZero(members(false))).toEqual([]);
  });

  it('answers sum to 100', () => {
    const member = fc.record({ weight: fc.integer({ min: 0, max: 255 }), healthy: fc.constantFrom(true, false, null) });
    fc.assert(
      fc.property(fc.array(member, { minLength: 1, maxLength: 5 }), (members) => {
        const shares = answeredShares(members.map((m, index) => ({ ...m, id: String(index) })));
        expect([...shares.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(100);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thinned } from './charts.ts';
import { ceiling, scale, shortCount, ticks, timeLabel, timeTicks } from './scale.ts';

const positive = fc.double({ min: 1e-3, max: 1e9, noNaN: true });

describe('axes', () => {
  it('place nothing outside the frame, whatever the values', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true }), (value, to) => {
        const place = scale([0, to], [64, 986]).place(value);
        expect(place).toBeGreaterThanOrEqual(64);
        expect(place).toBeLessThanOrEqual(986);
      }),
    );
  });

  it('have few ticks, in order, inside the span, each a number people would choose', () => {
    fc.assert(
      fc.property(positive, (to) => {
        const all = ticks(0, to, 5);
        expect(all.length).toBeGreaterThanOrEqual(2);
        expect(all.length).toBeLessThanOrEqual(7);
        expect(all).toEqual([...all].sort((a, b) => a - b));
        expect(all.at(-1)).toBeLessThanOrEqual(to * 1.000001);
        const step = (all[1] ?? 0) - (all[0] ?? 0);
        expect(String(Number((step / 10 ** Math.floor(Math.log10(step) + 1e-9)).toPrecision(3)))).toMatch(
          /^(1|2|5|10)$/,
        );
      }),
    );
  });

  it('reach over the highest value, and not far', () => {
    fc.assert(
      fc.property(positive, (value) => {
        expect(ceiling(value)).toBeGreaterThanOrEqual(value * 0.999999);
        expect(ceiling(value)).toBeLessThanOrEqual(value * 2.000001);
      }),
    );
    expect(ceiling(0)).toBe(1);
  });

  it('of time never crowd, from a fence of seconds to a load of weeks', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 60 * 86_400, noNaN: true }), (seconds) => {
        const all = timeTicks(seconds);
        expect(all.length).toBeLessThanOrEqual(10);
        expect(new Set(all.map((tick) => timeLabel(tick, seconds))).size).toBe(all.length);
      }),
    );
  });

  it.each([
    [30, 90, '30 s'],
    [0.5, 2, '0.5 s'],
    [90, 600, '1:30 min'],
    [7200, 36_000, '2 h'],
    [5400, 36_000, '1:30 h'],
    [172_800, 604_800, '2 d'],
  ])('%d s of %d reads %s', (seconds, span, text) => expect(timeLabel(seconds, span)).toBe(text));

  it('shorten counts', () => expect([0, 950, 1200, 2_500_000].map(shortCount)).toEqual(['0', '950', '1.2k', '2.5M']));
});

describe('thinning a curve', () => {
  it('keeps its peaks, its end and its order', () => {
    const values = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(values, (all) => {
        const points = all.map((y, x) => ({ x, y }));
        const kept = thinned(points, 50);
        expect(kept.length).toBeLessThanOrEqual(52);
        expect(Math.max(...kept.map((p) => p.y))).toBe(Math.max(...all));
        expect(Math.min(...kept.map((p) => p.y))).toBe(Math.min(...all));
        expect(kept.at(-1)).toBe(points.at(-1));
        expect(kept.map((p) => p.x)).toEqual(kept.map((p) => p.x).sort((a, b) => a - b));
      }),
    );
  });
});

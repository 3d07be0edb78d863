/** Durations, sizes and near words, as people write them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';
import { formatDuration, parseBytes, parseDuration, parseFailWhen, parseMofN } from './units.ts';

describe('durations', () => {
  it.each([
    ['90', 90],
    [90, 90],
    ['30s', 30],
    ['15m', 900],
    ['1h30m', 5400],
    ['250ms', 0.25],
    ['1d', 86_400],
    ['1.5h', 5400],
    [' 5m ', 300],
    ['', undefined],
    ['-5m', undefined],
    ['5 m', undefined],
    ['5M', undefined],
    ['m5', undefined],
    ['1e3', undefined],
    ['Infinity', undefined],
  ])('%s is %s seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it('are written so that they are read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms / 1000))).toBe(ms / 1000);
      }),
    );
  });
});

describe('other measures', () => {
  it.each([
    ['10GiB', 10 * 2 ** 30],
    ['512 MiB', 512 * 2 ** 20],
    ['1KB', 1000],
    [1024, 1024],
    ['ten', undefined],
    ['10gb', undefined],
  ])('%s is %s bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it('reads comparisons and M of N, and nothing near them', () => {
    expect(parseFailWhen('>=1')).toEqual({ comparison: '>=', threshold: 1 });
    expect(parseFailWhen('< -0.5')).toEqual({ comparison: '<', threshold: -0.5 });
    expect(parseFailWhen('= 1')).toBeUndefined();
    expect(parseFailWhen('> 1%')).toBeUndefined();
    expect(parseMofN('3 of 5')).toEqual({ m: 3, n: 5 });
    expect(parseMofN('3/5')).toBeUndefined();
  });
});

describe('the nearest word', () => {
  it.each([
    ['downtimeBudgt', 'downtimeBudget'],
    ['downtime-budget', 'downtimeBudget'],
    ['fallbcak', 'fallback'],
    ['down', 'downtimeBudget'],
    ['zebra', undefined],
  ])('%s: %s', (written, meant) => {
    expect(nearest(written, ['downtimeBudget', 'fallback', 'gates'])).toBe(meant);
  });
});

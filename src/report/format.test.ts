import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignColumns, formatPercent, formatSeconds, oneLine, plural, visible, wrap } from './format.ts';

describe('durations', () => {
  it.each([
    [0, '0 s'],
    [0.003, '<0.01 s'],
    [0.42, '0.42 s'],
    [0.999, '1.0 s'],
    [9.97, '10 s'],
    [119.4, '119 s'],
    [119.6, '2 min 0 s'],
    [179.7, '3 min 0 s'],
    [7199.6, '2 h 0 min'],
    [7500, '2 h 5 min'],
    [3 * 86_400 + 4 * 3600, '3 d 4 h'],
  ])('%d reads %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it('never shows sixty of a unit beside the next larger one', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (seconds) => {
        expect(formatSeconds(seconds)).not.toMatch(/ (60 s|60 min|24 h)$/);
      }),
    );
  });
});

describe('shares', () => {
  it('are never rounded to an end that was not reached', () => {
    expect([100, 99.97, 99.8, 12.34, 0.02, 0].map(formatPercent)).toEqual([
      '100 %',
      '99.9 %',
      '99.8 %',
      '12.3 %',
      '<0.1 %',
      '0 %',
    ]);
  });
});

describe('columns and lines', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/);

  it('columns begin at the same place in every row, and no cell is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 8 }), (rows) => {
        const lines = alignColumns(rows, [1]);
        const ends = new Set(lines.map((line, index) => line.length - (rows[index]?.[2]?.length ?? 0)));
        expect(ends.size).toBe(1);
        rows.forEach((row, index) => {
          expect(lines[index]?.split(/ +/).filter((cell) => cell !== '')).toEqual(row);
        });
      }),
    );
  });

  it('wrapping loses no word and keeps to the width unless one word is longer', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.integer({ min: 5, max: 40 }), (words, width) => {
        const lines = wrap(words.join(' '), width).split('\n');
        expect(lines.join(' ').split(' ').filter(Boolean)).toEqual(words);
        for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true);
      }),
    );
  });

  it('counts one in the singular', () =>
    expect([plural(1, 'row'), plural(0, 'row'), plural(2, 'entry', 'entries')]).toEqual([
      '1 row',
      '0 rows',
      '2 entries',
    ]));
});

describe("values that are anybody's text", () => {
  it('move no cursor and stay on their line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left.
        expect(oneLine(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
      }),
    );
  });

  it('that differ still differ when they are shown', () => {
    expect(visible('a\u202eb')).not.toBe(visible('ab'));
    expect(visible('a\u0000b')).toBe('a\\u0000b');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position } from '../model/position.ts';
import type { KeyOrder } from '../ports/rows.ts';
import { differingKeys, type KeyedState } from './difference.ts';
import { chunksOf, compareKeys, mayContain } from './key-order.ts';
import {
  boundTable,
  type ChunkLedger,
  isClean,
  keyText,
  markChange,
  mostPendingKeys,
  newChunk,
  newTable,
  rangesOf,
  type TableLedger,
} from './ledger.ts';
import { decodeLedger, encodeLedger } from './ledger-codec.ts';

const at = (number: number): Position => String(number).padStart(9, '0') as Position;
const compare = (a: Position, b: Position): number => Number(a) - Number(b);
const all = { from: null, to: null };

const table = (keyOrder: readonly KeyOrder[], bounds: readonly (readonly string[])[] | null): TableLedger => {
  const name = { schema: 'shop', table: 'item' };
  const read = {
    table: name,
    columns: ['id', 'v'],
    key: keyOrder.map((_, index) => (index === 0 ? 'id' : `k${index}`)),
  };
  const made = newTable({ pair: { source: name, target: name }, source: read, target: read, keyOrder });
  if (bounds) boundTable(made, rangesOf(all, bounds).map(newChunk), compare);
  return made;
};
const dirty = (ledger: TableLedger): readonly number[] =>
  ledger.chunks.flatMap((chunk, index) =>
    isClean(ledger, { ...chunk, isEqual: true, cleanSince: at(5) }, compare) ? [] : [index],
  );

describe('which chunk a key lies in', () => {
  it('never leaves the true chunk out, whatever order the database has', () => {
    // Each order agrees with its claim; "database" is any order at all, here by reversed text.
    const reversed = (text: string): string => [...text].reverse().join('');
    const truth: Record<KeyOrder, (a: string, b: string) => number> = {
      integer: (a, b) => Number(a) - Number(b),
      bytes: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
      database: (a, b) => (reversed(a) < reversed(b) ? -1 : reversed(a) > reversed(b) ? 1 : 0),
    };
    const part: Record<KeyOrder, fc.Arbitrary<string>> = {
      integer: fc.integer({ min: -30, max: 30 }).map(String),
      bytes: fc.stringMatching(/^[a-c]{0,3}$/),
      database: fc.stringMatching(/^[0-9a-b]{1,2}$/),
    };
    const orders = fc.array(fc.constantFrom<KeyOrder>('integer', 'bytes', 'database'), { minLength: 1, maxLength: 3 });
    const scenario = orders.chain((order) => {
      const key = fc.tuple(...order.map((o) => part[o]));
      return fc.record({
        order: fc.constant(order),
        key,
        bounds: fc.uniqueArray(key, { selector: keyText, maxLength: 8 }),
      });
    });
    fc.assert(
      fc.property(scenario, ({ order, key, bounds }) => {
        const real = (a: readonly string[], b: readonly string[]): number => {
          for (const [index, o] of order.entries()) {
            const compared = truth[o](a[index] ?? '', b[index] ?? '');
            if (compared !== 0) return compared;
          }
          return 0;
        };
        const ranges = rangesOf(all, [...bounds].sort(real)).map((range) => ({ range }));
        const { first, last } = chunksOf(order, ranges, key);
        const home = ranges.findIndex(({ range }) => range.to === null || real(key, range.to) <= 0);
        expect(first).toBeLessThanOrEqual(home);
        expect(last).toBeGreaterThanOrEqual(home);
        expect(mayContain(order, ranges[home]?.range ?? all, key)).toBe(true);
        if (!order.includes('database')) expect([first, last]).toEqual([home, home]);
      }),
    );
  });

  it('does not take text for numbers', () => {
    expect(compareKeys(['integer'], ['9'], ['10'])).toBeLessThan(0);
    expect(compareKeys(['integer'], ['9007199254740993'], ['9007199254740992'])).toBeGreaterThan(0);
    expect(compareKeys(['bytes'], ['9'], ['10'])).toBeGreaterThan(0);
    expect(compareKeys(['database'], ['9'], ['10'])).toBeNull();
    expect(compareKeys(['database'], ['9'], ['9'])).toBe(0);
    expect(compareKeys([], ['9'], ['10'])).toBeNull();
    // Above U+D7FF the order of JavaScript strings is not that of their bytes.
    expect(compareKeys(['bytes'], ['\uff5e'], ['\u{1f600}'])).toBeLessThan(0);
  });
});

describe('dirty chunks', () => {
  const change = (ledger: TableLedger, id: string | null, position: number): void =>
    markChange(ledger, id === null ? null : { id }, at(position), compare);

  it.each<[string, string | null, number, readonly number[]]>([
    ['marks the chunk of a change behind the proof', '15', 6, [1]],
    ['keeps a chunk clean whose change was on the target before', '15', 5, []],
    ['marks a bound in the chunk that it ends', '10', 6, [0]],
    ['marks the last chunk', '99', 6, [2]],
    ['marks the whole table when the key is not known', null, 6, [0, 1, 2]],
  ])('%s', (_name, id, position, expected) => {
    const ledger = table(['integer'], [['10'], ['20']]);
    change(ledger, id, position);
    expect(dirty(ledger)).toEqual(expected);
  });

  it('keeps the newest change, in whatever order they are told', () => {
    const ledger = table(['integer'], [['10']]);
    change(ledger, '1', 9);
    change(ledger, '1', 3);
    expect(ledger.chunks[0]?.lastChange).toBe(at(9));
  });

  it('puts what was seen before the chunks were known where it belongs', () => {
    const ledger = table(['integer'], null);
    change(ledger, '15', 6);
    change(ledger, '7', 4);
    boundTable(ledger, rangesOf(all, [['10'], ['20']]).map(newChunk), compare);
    expect(dirty(ledger)).toEqual([1]);
  });

  it('marks the table rather than forget a key', () => {
    const ledger = table(['integer'], null);
    for (let id = 0; id <= mostPendingKeys; id += 1) change(ledger, String(id), 6);
    expect(ledger.pending.size).toBe(mostPendingKeys);
    boundTable(ledger, rangesOf(all, [['1000000']]).map(newChunk), compare);
    expect(dirty(ledger)).toEqual([0, 1]);
  });

  it('is never clean without a proof of what the target had', () => {
    const ledger = table(['integer'], [['10']]);
    const chunk = newChunk(all);
    expect(isClean(ledger, { ...chunk, isEqual: true }, compare)).toBe(false);
    expect(isClean(ledger, { ...chunk, cleanSince: at(5) }, compare)).toBe(false);
  });
});

describe('the saved ledger', () => {
  const ledgers = fc
    .record({
      bounds: fc.uniqueArray(fc.integer(), { maxLength: 5 }).map((ids) => ids.sort((a, b) => a - b)),
      isBounded: fc.boolean(),
      isComplete: fc.boolean(),
      changes: fc.array(fc.tuple(fc.option(fc.integer()), fc.nat(99))),
    })
    .map(({ bounds, isBounded, isComplete, changes }): ChunkLedger => {
      const made = table(['integer'], isBounded ? bounds.map((id) => [String(id)]) : null);
      for (const [id, position] of changes)
        markChange(made, id === null ? null : { id: String(id) }, at(position), compare);
      return { isComplete, tables: [made] };
    });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(ledgers, (ledger) => {
        expect(decodeLedger(encodeLedger(ledger))).toEqual(ledger);
      }),
    );
  });

  it('is refused when a single character was changed or cut off', () => {
    fc.assert(
      fc.property(ledgers, fc.nat(), fc.boolean(), (ledger, where, isCut) => {
        const text = encodeLedger(ledger).trimEnd();
        const index = where % text.length;
        const broken = isCut ? text.slice(0, index) : `${text.slice(0, index)}~${text.slice(index + 1)}`;
        // The name of the format is not evidence of anything.
        fc.pre(isCut || index > text.indexOf('"sum"'));
        expect(() => decodeLedger(broken)).toThrow();
      }),
    );
  });

  it('says so when it is from a newer octank', () => {
    const newer = encodeLedger({ isComplete: true, tables: [] });
    expect(() => decodeLedger(newer.replace('"version":1', '"version":2'))).toThrow('cannot be trusted');
    expect(() => decodeLedger('')).toThrow('cannot be trusted');
  });
});

describe('differing keys', () => {
  it('are those of a naive comparison, in any order of rows', () => {
    const rows = fc.dictionary(fc.stringMatching(/^[a-d]$/), fc.constantFrom('1', '2'));
    const asMap = (given: Record<string, string>): Map<string, KeyedState> =>
      new Map(Object.entries(given).map(([key, state]) => [keyText([key]), { key: [key], state }]));
    fc.assert(
      fc.property(rows, rows, (source, target) => {
        const found = differingKeys(asMap(source), asMap(target)).map((row) => row.key[0]);
        const expected = [...new Set([...Object.keys(source), ...Object.keys(target)])].filter(
          (k) => source[k] !== target[k],
        );
        expect([...found].sort()).toEqual(expected.sort());
      }),
    );
  });

  it('keeps keys apart that join to one text', () => {
    expect(keyText(['a', 'b:c'])).not.toBe(keyText(['a:b', 'c']));
    expect(keyText(['1', '23'])).not.toBe(keyText(['12', '3']));
  });
});

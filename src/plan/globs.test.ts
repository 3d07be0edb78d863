/** Table patterns against names, and against each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, matchTables, meet } from './globs.ts';

const matches = (pattern: string, name: string): boolean => matchTables([pattern], [], [name]).matched.length === 1;

describe('table patterns', () => {
  it.each([
    ['shop.*', 'shop.customer', true],
    ['shop.*', 'shop.', true],
    ['shop.*', 'shopping.customer', false],
    ['shop.order?', 'shop.orders', true],
    ['shop.order?', 'shop.order', false],
    ['*.orders', 'shop.orders', true],
    ['*.*', 'shop.orders', true],
    ['customer', 'public.customer', true],
    ['customer', 'shop.customer', false],
    ['*', 'public.customer', true],
    ['*', 'shop.customer', false],
    ['shop.*', 'shop.a.b', true],
    ['s*', 'shop.a', false],
    ['shop.Customer', 'shop.customer', false],
    ['shop.a+b(c)[d]$^|{1}\\', 'shop.a+b(c)[d]$^|{1}\\', true],
    ['shop.a.b', 'shop.aXb', false],
    ['shop.größe', 'shop.größe', true],
    ['shop.a?b', 'shop.a😀b', true],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  it('names patterns that match nothing, excludes too, and keeps the order of the tables', () => {
    const names = ['shop.b', 'shop.a', 'crm.a'];
    expect(matchTables(['shop.*', 'hr.*'], ['shop.z', 'shop.b'], names)).toEqual({
      matched: ['shop.a'],
      unmatchedPatterns: ['hr.*', 'shop.z'],
    });
  });

  it('does not call a pattern unmatched because an exclude takes its tables', () => {
    expect(matchTables(['shop.a'], ['shop.*'], ['shop.a'])).toEqual({ matched: [], unmatchedPatterns: [] });
  });

  it('takes a thousand tables and hostile patterns in no time', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `shop.${'a'.repeat(50)}${i}`);
    const startedAt = performance.now();
    expect(matchTables(['shop.*a*a*a*a*b'], [], names).matched).toEqual([]);
    expect(meet(`shop.${'*a'.repeat(100)}*`, `shop.${'*b'.repeat(100)}`)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

const word = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 6 });
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 6 });

describe('patterns against each other', () => {
  it('never calls patterns apart that share a name', () => {
    fc.assert(
      fc.property(glob, glob, word, (a, b, name) => {
        if (matches(a, name) && matches(b, name)) expect(meet(a, b)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('never claims to cover what it does not match', () => {
    fc.assert(
      fc.property(glob, glob, word, (wide, narrow, name) => {
        if (covers(wide, narrow) && matches(narrow, name)) expect(matches(wide, name)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('covers itself, meets itself, and meets symmetrically', () => {
    fc.assert(
      fc.property(glob, glob, (a, b) => {
        expect(covers(a, a)).toBe(true);
        expect(meet(a, a)).toBe(true);
        expect(meet(a, b)).toBe(meet(b, a));
      }),
    );
  });
});

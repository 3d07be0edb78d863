/** Canonical JSON: one text for one value. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, digestOf } from './canonical.ts';

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, member] of Object.entries(value).reverse()) copy[key] = shuffled(member);
  return copy;
};

describe('canonical JSON', () => {
  it('is the same text whatever the order of keys, and means the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('does not lose a key that JavaScript treats specially', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
  });

  it('refuses numbers that JSON would turn into nothing', () => {
    expect(() => digestOf({ a: Number.NaN })).toThrow(/finite/);
    expect(() => digestOf([Number.POSITIVE_INFINITY])).toThrow(/finite/);
  });

  it('leaves out what is undefined, as a saved file would', () => {
    expect(digestOf({ a: 1, b: undefined })).toBe(digestOf({ a: 1 }));
  });
});

/** Which chunk a key lies in, decided here only where text alone can tell; otherwise several chunks are named, never too few. */
import type { KeyOrder, KeyRange } from '../ports/rows.ts';

const integerText = /^-?\d+$/;

/** Negative, zero, positive; null where only the database could tell. */
const comparePart = (order: KeyOrder, a: string, b: string): number | null => {
  if (a === b) return 0;
  if (order === 'integer' && integerText.test(a) && integerText.test(b)) {
    const [x, y] = [BigInt(a), BigInt(b)];
    if (x === y) return 0;
    return x < y ? -1 : 1;
  }
  // UTF-16 order and byte order part ways above U+D7FF, so the bytes themselves are compared.
  if (order === 'bytes') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return null;
};

/** Key tuples as the database orders them, or null where it is not known here. */
export const compareKeys = (orders: readonly KeyOrder[], a: readonly string[], b: readonly string[]): number | null => {
  for (const [index, part] of a.entries()) {
    const compared = comparePart(orders[index] ?? 'database', part, b[index] ?? '');
    if (compared !== 0) return compared;
  }
  return 0;
};

/** Whether the key can lie in the range: false only when it certainly does not. */
export const mayContain = (orders: readonly KeyOrder[], range: KeyRange, key: readonly string[]): boolean => {
  if (range.from !== null) {
    const above = compareKeys(orders, key, range.from);
    if (above !== null && above <= 0) return false;
  }
  if (range.to !== null) {
    const below = compareKeys(orders, key, range.to);
    if (below !== null && below > 0) return false;
  }
  return true;
};

/**
 * Indexes of the adjacent ascending ranges that may hold the key, as first and last. Ranges in doubt lie together:
 * what is certainly below and certainly above is cut off from both ends.
 */
export const chunksOf = (
  orders: readonly KeyOrder[],
  ranges: readonly { readonly range: KeyRange }[],
  key: readonly string[],
): { readonly first: number; readonly last: number } => {
  const cut = (isCertain: (range: KeyRange) => boolean): number => {
    // The number of leading ranges for which it is certain; certainty holds for a prefix.
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = ranges[middle];
      if (at && isCertain(at.range)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const isAbove = (range: KeyRange): boolean => {
    const compared = range.to === null ? -1 : compareKeys(orders, key, range.to);
    return compared !== null && compared > 0;
  };
  const mayReach = (range: KeyRange): boolean => {
    const compared = range.from === null ? 1 : compareKeys(orders, key, range.from);
    return compared === null || compared > 0;
  };
  return { first: cut(isAbove), last: cut(mayReach) - 1 };
};

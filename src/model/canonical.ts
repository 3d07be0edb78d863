/** One text for one value, and its digest: what plan digests, change-set digests and saved plans are computed over. */
import { createHash } from 'node:crypto';
import { assert } from './fault.ts';

const sorted = (value: unknown): unknown => {
  if (typeof value === 'number') assert(Number.isFinite(value), 'a canonical value has only finite numbers');
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  // Null prototype, so that a key called __proto__ is a key like any other and cannot vanish from the digest.
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, member] of entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) copy[key] = sorted(member);
  return copy;
};

/**
 * JSON without white space, keys in code-unit order, undefined members left out. Integer-like keys come first, as
 * JavaScript orders them; equal values still give equal text, which is all that is asked here.
 */
export const canonicalJson = (value: unknown): string => JSON.stringify(sorted(value)) ?? 'null';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** sha256, in hex, over the canonical JSON of plain data. */
export const digestOf = (value: unknown): string => sha256(canonicalJson(value));

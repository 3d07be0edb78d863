/** What is known of each chunk: its last equal check, and the last change the feed saw in it. Dirtiness is derived from the two. */
import { assert } from '../model/fault.ts';
import type { Position } from '../model/position.ts';
import { type TableName, type TablePair, tableKey } from '../model/table.ts';
import type { KeyOrder, KeyRange, RowSource } from '../ports/rows.ts';
import { chunksOf } from './key-order.ts';

export type ComparePositions = (a: Position, b: Position) => number;

export interface Chunk {
  readonly range: KeyRange;
  /** Of both sides, when they last agreed or were last read. */
  sourceRows: number;
  targetRows: number;
  isEqual: boolean;
  /**
   * All changes up to here were on the target *before* the equal check read it. Null: never proven, so the chunk
   * stays dirty. This, and not the time of the check, is what a later change is compared with: see README.
   */
  cleanSince: Position | null;
  /** Epoch ms of the last equal check on octank's clock. */
  checkedAt: number | null;
  lastChange: Position | null;
}

/** Keys seen before the chunks of their table are known. */
interface Pending {
  readonly key: readonly string[];
  position: Position;
}

export interface TableLedger {
  readonly pair: TablePair;
  readonly source: RowSource;
  readonly target: RowSource;
  readonly keyOrder: readonly KeyOrder[];
  chunks: readonly Chunk[];
  /** True when `chunks` cover every key. */
  isBounded: boolean;
  pending: Map<string, Pending>;
  /** Last change of which only the table is known: truncate, rows without a key, more pending keys than are kept. */
  lastChange: Position | null;
}

export interface ChunkLedger {
  readonly tables: readonly TableLedger[];
  /** The pass that made it came to its end and found every row equal; anything else is worth nothing after a restart. */
  isComplete: boolean;
}

/** More keys than this before the chunks are known are kept as "the whole table". */
export const mostPendingKeys = 20_000;

export const newer = (compare: ComparePositions, a: Position | null, b: Position | null): Position | null => {
  if (a === null || b === null) return a ?? b;
  return compare(a, b) >= 0 ? a : b;
};

/** A key as one map key: length-prefixed, so that two keys never share a text. */
export const keyText = (key: readonly string[]): string => key.map((part) => `${part.length}:${part}`).join('');

export const newTable = (options: {
  readonly pair: TablePair;
  readonly source: RowSource;
  readonly target: RowSource;
  readonly keyOrder: readonly KeyOrder[];
}): TableLedger => ({
  ...options,
  chunks: [],
  isBounded: false,
  pending: new Map(),
  lastChange: null,
});

export const newChunk = (range: KeyRange): Chunk => ({
  range,
  sourceRows: 0,
  targetRows: 0,
  isEqual: false,
  cleanSince: null,
  checkedAt: null,
  lastChange: null,
});

export const findTable = (ledger: ChunkLedger, source: TableName): TableLedger | undefined =>
  ledger.tables.find((table) => tableKey(table.pair.source) === tableKey(source));

const markTable = (table: TableLedger, position: Position, compare: ComparePositions): void => {
  table.lastChange = newer(compare, table.lastChange, position);
};

const markKey = (table: TableLedger, key: readonly string[], position: Position, compare: ComparePositions): void => {
  if (!table.isBounded) {
    const text = keyText(key);
    const known = table.pending.get(text);
    if (known) known.position = newer(compare, known.position, position) ?? position;
    else if (table.pending.size < mostPendingKeys) table.pending.set(text, { key, position });
    else markTable(table, position, compare);
    return;
  }
  const { first, last } = chunksOf(table.keyOrder, table.chunks, key);
  // Ascending ranges always leave one; should a wrong bound have left none, the whole table is the safe answer.
  if (first > last) markTable(table, position, compare);
  for (const chunk of table.chunks.slice(first, last + 1))
    chunk.lastChange = newer(compare, chunk.lastChange, position);
};

/** A row changed: its key where it is known in full, else null. */
export const markChange = (
  table: TableLedger,
  key: Readonly<Record<string, string>> | null,
  position: Position,
  compare: ComparePositions,
): void => {
  const parts = key === null ? [] : table.source.key.map((column) => key[column]);
  const tuple = parts.filter((part): part is string => part !== undefined);
  if (key === null || tuple.length === 0 || tuple.length !== table.source.key.length)
    markTable(table, position, compare);
  else markKey(table, tuple, position, compare);
};

/** The chunks are all known: what was pending is put where it belongs. */
export const boundTable = (table: TableLedger, chunks: readonly Chunk[], compare: ComparePositions): void => {
  assert(chunks.length > 0, 'a table has at least one chunk');
  assert(chunks[0]?.range.from === null && chunks.at(-1)?.range.to === null, 'chunks cover every key');
  table.chunks = chunks;
  table.isBounded = true;
  const pending = table.pending;
  table.pending = new Map();
  for (const { key, position } of pending.values()) markKey(table, key, position, compare);
};

/** Marks of one ledger carried over to another of the same tables: nothing that was seen is lost when they are exchanged. */
export const carryMarks = (from: ChunkLedger, to: ChunkLedger, compare: ComparePositions): void => {
  for (const table of to.tables) {
    const old = findTable(from, table.pair.source);
    if (!old) continue;
    if (old.lastChange !== null) markTable(table, old.lastChange, compare);
    // Chunks of the two need not be the same: what is known of a chunk only says that the table changed.
    for (const chunk of old.chunks) if (chunk.lastChange !== null) markTable(table, chunk.lastChange, compare);
    for (const { key, position } of old.pending.values()) markKey(table, key, position, compare);
  }
};

/** Nothing can have changed since the chunk was last seen equal on both sides. */
export const isClean = (table: TableLedger, chunk: Chunk, compare: ComparePositions): boolean => {
  if (!chunk.isEqual || chunk.cleanSince === null) return false;
  const last = newer(compare, table.lastChange, chunk.lastChange);
  return last === null || compare(last, chunk.cleanSince) <= 0;
};

/** Adjacent ranges from ascending upper bounds. */
export const rangesOf = (within: KeyRange, bounds: readonly (readonly string[])[]): readonly KeyRange[] => {
  const inner = bounds.filter((bound) => within.to === null || keyText(bound) !== keyText(within.to));
  return [...inner, within.to].map((to, index) => ({
    from: index === 0 ? within.from : (inner[index - 1] ?? null),
    to,
  }));
};

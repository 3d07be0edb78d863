/** The ledger as text beside the journal: versioned, with a checksum; unreadable is never read as "nothing is dirty". */
import { createHash } from 'node:crypto';
import { Fault } from '../model/fault.ts';
import type { Position } from '../model/position.ts';
import type { TablePair } from '../model/table.ts';
import type { KeyOrder, RowSource } from '../ports/rows.ts';
import { type Chunk, type ChunkLedger, keyText, mostPendingKeys, rangesOf, type TableLedger } from './ledger.ts';

export const ledgerVersion = 1;

/** One chunk as a tuple, its lower bound being the upper bound of the one before. */
type ChunkText = readonly [
  to: readonly string[] | null,
  sourceRows: number,
  targetRows: number,
  isEqual: boolean,
  cleanSince: string | null,
  checkedAt: number | null,
  lastChange: string | null,
];

interface TableText {
  readonly pair: TablePair;
  readonly source: RowSource;
  readonly target: RowSource;
  readonly keyOrder: readonly KeyOrder[];
  readonly isBounded: boolean;
  readonly lastChange: string | null;
  readonly pending: readonly (readonly [key: readonly string[], position: string])[];
  readonly chunks: readonly ChunkText[];
}

interface LedgerText {
  readonly version: number;
  readonly isComplete: boolean;
  readonly tables: readonly TableText[];
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const encodeChunk = (chunk: Chunk): ChunkText => [
  chunk.range.to,
  chunk.sourceRows,
  chunk.targetRows,
  chunk.isEqual,
  chunk.cleanSince,
  chunk.checkedAt,
  chunk.lastChange,
];

export const encodeLedger = (ledger: ChunkLedger): string => {
  const body: LedgerText = {
    version: ledgerVersion,
    isComplete: ledger.isComplete,
    tables: ledger.tables.map((table) => ({
      pair: table.pair,
      source: table.source,
      target: table.target,
      keyOrder: table.keyOrder,
      isBounded: table.isBounded,
      lastChange: table.lastChange,
      pending: [...table.pending.values()].map(({ key, position }) => [key, position] as const),
      chunks: table.chunks.map(encodeChunk),
    })),
  };
  const text = JSON.stringify(body);
  return `${JSON.stringify({ format: 'octank-ledger', sum: digest(text) }).slice(0, -1)},"ledger":${text}}\n`;
};

const unreadable = (detail: string): Fault =>
  new Fault({
    code: 'parity.ledger-unreadable',
    summary: 'The saved chunks of a parity check cannot be trusted.',
    detail,
    hint: 'Remove the file named parity-WAVE from the state folder; the wave is then checked in full again.',
  });

/** A position is opaque text outside the engine that made it; this is where the text becomes one again. */
const toPosition = (text: string | null): Position | null => text as Position | null;

const decodeTable = (text: TableText): TableLedger => {
  const ranges = rangesOf(
    { from: null, to: null },
    text.chunks.flatMap(([to]) => (to === null ? [] : [to])),
  );
  if (text.isBounded && ranges.length !== text.chunks.length) throw unreadable('Its chunks leave a gap.');
  const chunks = text.chunks.map(
    ([, sourceRows, targetRows, isEqual, cleanSince, checkedAt, lastChange], index): Chunk => ({
      range: ranges[index] ?? { from: null, to: null },
      sourceRows,
      targetRows,
      isEqual,
      cleanSince: toPosition(cleanSince),
      checkedAt,
      lastChange: toPosition(lastChange),
    }),
  );
  const pending = text.pending.slice(0, mostPendingKeys).map(([key, position]) => {
    const known = toPosition(position);
    if (known === null) throw unreadable('A pending key has no position.');
    return [keyText(key), { key, position: known }] as const;
  });
  return { ...text, chunks, pending: new Map(pending), lastChange: toPosition(text.lastChange) };
};

const parse = (text: string): LedgerText => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(`It is not whole JSON (${cause instanceof Error ? cause.message : String(cause)}).`);
  }
  if (typeof value !== 'object' || value === null || !('ledger' in value) || !('sum' in value))
    throw unreadable('It is not a ledger.');
  if (digest(JSON.stringify(value.ledger)) !== value.sum)
    throw unreadable('Its text was changed after it was written.');
  // The checksum has shown that this is what encodeLedger wrote.
  return value.ledger as LedgerText;
};

/** Faults: `parity.ledger-unreadable`, `parity.ledger-newer`. */
export const decodeLedger = (text: string): ChunkLedger => {
  const body = parse(text);
  if (body.version > ledgerVersion)
    throw new Fault({
      code: 'parity.ledger-newer',
      summary: 'The saved chunks were written by a newer octank.',
      detail: `They have version ${body.version}; this octank reads up to ${ledgerVersion}.`,
      hint: 'Run the command with the newer octank.',
    });
  return { isComplete: body.isComplete, tables: body.tables.map(decodeTable) };
};

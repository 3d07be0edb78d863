/** Journal records as text: one JSON document each, checksummed, chained to the one before. */
import { createHash } from 'node:crypto';
import { Fault } from '../model/fault.ts';
import type { JournalRecord } from './record.ts';

export const recordVersion = 1;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What the next record chains to. */
export const hashOf = (text: string): string => sha256(text);

export const encodeRecord = (record: JournalRecord): string => {
  const body = JSON.stringify(record);
  return `${JSON.stringify({ sum: sha256(body) }).slice(0, -1)},"record":${body}}\n`;
};

const unreadable = (number: number, detail: string): Fault =>
  new Fault({
    code: 'journal.unreadable',
    summary: 'A journal record cannot be trusted.',
    detail: `Record ${number}: ${detail}`,
    hint: 'Restore the state folder from a copy. Nothing was done; an unreadable journal is never read as an empty one.',
  });

const parse = (text: string, number: number): { sum: string; record: JournalRecord } => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'sum' in value && 'record' in value)
      return value as { sum: string; record: JournalRecord };
  } catch (cause) {
    throw unreadable(number, `it is not whole JSON (${cause instanceof Error ? cause.message : String(cause)}).`);
  }
  throw unreadable(number, 'it is not a journal record.');
};

/** Decodes and checks one record against its own sum and the record before. Faults: `journal.unreadable`, `journal.newer`. */
export const decodeRecord = (
  text: string,
  expected: { readonly number: number; readonly previous: string },
): JournalRecord => {
  const { sum, record } = parse(text, expected.number);
  if (sha256(JSON.stringify(record)) !== sum)
    throw unreadable(expected.number, 'its text was changed after it was written.');
  if (record.number !== expected.number) throw unreadable(expected.number, `it says it is record ${record.number}.`);
  if (record.previous !== expected.previous)
    throw unreadable(expected.number, 'it does not follow the record before it.');
  if (record.type === 'header' && record.version > recordVersion)
    throw new Fault({
      code: 'journal.newer',
      summary: 'The journal was written by a newer octank.',
      detail: `It has version ${record.version}; this octank reads up to ${recordVersion}.`,
      hint: 'Run the command with the newer octank.',
    });
  return record;
};

/** The journal as an outsider reads it: the chain is whole, and what it claims last is so in the world. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const envelope = z.object({
  sum: z.string(),
  record: z.looseObject({ number: z.number(), previous: z.string(), type: z.string(), at: z.number() }),
});

const writerRecord = z.object({ wave: z.string(), writer: z.enum(['source', 'none', 'target']) });
const returnRecord = z.object({ wave: z.string() });
const weightsRecord = z.object({
  record: z.string(),
  sourceWeight: z.number(),
  targetWeight: z.number(),
  why: z.enum(['observed', 'moved', 'moved-back']),
});

export interface JournalView {
  readonly records: number;
  /** Null when nothing is wrong with the chain. */
  readonly broken: string | null;
  /** The side that must refuse application writes by the newest record; null where the journal does not say. */
  readonly refuses: { readonly side: 'source' | 'target' | null; readonly number: number } | null;
  /** Newest move per record name. */
  readonly weights: ReadonlyMap<string, { readonly source: number; readonly target: number; readonly number: number }>;
}

/** `none` binds nobody for long: the fence is a lease, and lifts itself when octank dies. */
const otherSide = { source: 'target', target: 'source', none: null } as const;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const isRecordFile = (name: string): boolean => /^\d{8,}\.json$/.test(name);

/** The record's own text, between `"record":` and the closing brace of the document. */
const bodyOf = (text: string): string => text.trimEnd().slice(text.indexOf('"record":') + '"record":'.length, -1);

const safeJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

type Parsed = z.infer<typeof envelope>['record'];

/** Why a record's text cannot be what octank wrote after the one before; null when it can. */
const faultOf = (name: string, text: string, expected: { readonly number: number; readonly previous: string }) => {
  const parsed = envelope.safeParse(safeJson(text));
  if (!parsed.success) return `${name} is not a record`;
  const { record, sum } = parsed.data;
  if (record.number !== expected.number) return `${name} says that it is record ${record.number}`;
  if (record.previous !== expected.previous) return `${name} does not follow the record before it`;
  return sha256(bodyOf(text)) === sum ? null : `${name} does not match its sum`;
};

const refusalOf = (record: Parsed, wave: string): JournalView['refuses'] => {
  if (record.type === 'writer') {
    const claim = writerRecord.parse(record);
    return claim.wave === wave ? { side: otherSide[claim.writer], number: record.number } : null;
  }
  if (record.type === 'point-of-no-return' && returnRecord.parse(record).wave === wave)
    return { side: 'source', number: record.number };
  return null;
};

export interface JournalReader {
  /** Reads what is new. An absent folder is a run that has not begun. */
  read(): Promise<JournalView>;
}

/** Records never change, so each is read once. */
export const openJournalReader = (folder: string, wave: string): JournalReader => {
  let records = 0;
  let previous = '';
  let broken: string | null = null;
  let refuses: JournalView['refuses'] = null;
  const weights = new Map<string, { source: number; target: number; number: number }>();
  let tail: Promise<unknown> = Promise.resolve();

  const take = (name: string, text: string): void => {
    broken ??= faultOf(name, text, { number: records + 1, previous });
    records++;
    previous = sha256(text);
    const parsed = envelope.safeParse(safeJson(text));
    if (!parsed.success) return;
    const { record } = parsed.data;
    refuses = refusalOf(record, wave) ?? refuses;
    if (record.type !== 'weights') return;
    const claim = weightsRecord.parse(record);
    if (claim.why !== 'observed')
      weights.set(claim.record, { source: claim.sourceWeight, target: claim.targetWeight, number: record.number });
  };
  const readNew = async (): Promise<JournalView> => {
    const names = (await readdir(folder).catch(() => []))
      .filter(isRecordFile)
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    for (const name of names.slice(records)) take(name, await readFile(join(folder, name), 'utf8'));
    return { records, broken, refuses, weights: new Map(weights) };
  };

  return {
    read: () => {
      const next = tail.then(readNew);
      tail = next.catch(() => undefined);
      return next;
    },
  };
};

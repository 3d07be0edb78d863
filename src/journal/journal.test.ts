/** A journal that was damaged, edited, mixed with another or written by a newer octank is refused; one that is whole folds to the same run, however it is cut. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.ts';
import { createMigration, type Migration, runProcess, shortPlan } from '../phases/testing/migration.ts';
import { virtualClock } from '../ports/testing/clock.ts';
import { memoryJournal } from '../ports/testing/journal-store.ts';
import { decodeRecord, encodeRecord, hashOf, recordVersion } from './codec.ts';
import { type Journal, openJournal } from './journal.ts';
import type { JournalRecord, RecordBody } from './record.ts';
import { applyRecord, initialState, type RunState } from './run-state.ts';

const open = (texts: readonly string[], numbers?: readonly number[]): Promise<Journal> => {
  const store = memoryJournal();
  texts.forEach((text, index) => {
    store.texts.set(numbers?.[index] ?? index + 1, text);
  });
  return openJournal({ store, clock: virtualClock(), fencing: () => 1 });
};

const refusal = async (opening: Promise<Journal>): Promise<Fault> => {
  const error = await opening.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof Fault)) throw new Error(`it was read, or failed otherwise: ${String(error)}`);
  return error;
};

const recordOf = (text: string): JournalRecord => JSON.parse(text).record;

/** Writes these records again with sums and chain that fit: what somebody with time could do. */
const rechained = (records: readonly JournalRecord[]): string[] => {
  let previous = '';
  return records.map((record, index) => {
    const text = encodeRecord({ ...record, number: index + 1, previous });
    previous = hashOf(text);
    return text;
  });
};

const foldOf = (records: readonly JournalRecord[], from: RunState | null = null): RunState | null =>
  records.reduce<RunState | null>((state, record) => {
    const head = hashOf(encodeRecord(record));
    if (record.type === 'header') return initialState(record, head);
    return state === null ? null : applyRecord(state, record, head);
  }, from);

let migration: Migration;
let texts: readonly string[];
beforeAll(async () => {
  migration = createMigration(shortPlan());
  await runProcess(migration);
  texts = [...migration.store.texts.values()];
});

describe('the format, version 1', () => {
  const golden = (name: string): string[] =>
    readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => `${line}\n`);

  it('a journal that the first octank wrote is still read, and says the same', async () => {
    const journal = await open(golden('v1.jsonl'));
    // A field more is no break; one that reads otherwise is.
    expect(JSON.parse(JSON.stringify(journal.state()))).toMatchObject(
      JSON.parse(readFileSync(new URL('testdata/v1.state.json', import.meta.url), 'utf8')),
    );
  });

  it('is written as it was: bytes in, the same bytes out', () => {
    for (const text of golden('v1.jsonl')) expect(encodeRecord(recordOf(text))).toBe(text);
  });

  it('every kind of record is in the golden file, so that none changes unseen', () => {
    const kinds: Record<RecordBody['type'], true> = {
      header: true,
      'lock-taken': true,
      'step-intended': true,
      'step-done': true,
      'step-failed': true,
      'step-unknown': true,
      'undo-intended': true,
      'step-undone': true,
      'undo-failed': true,
      approved: true,
      captured: true,
      verdict: true,
      weights: true,
      share: true,
      lag: true,
      load: true,
      parity: true,
      writer: true,
      'point-of-no-return': true,
      diagnostic: true,
      note: true,
      held: true,
      finished: true,
    };
    expect(new Set(golden('v1.jsonl').map((text) => recordOf(text).type))).toEqual(new Set(Object.keys(kinds)));
  });
});

describe('a journal that cannot be trusted', () => {
  const edited = (at: number, change: (text: string) => string): string[] =>
    texts.map((text, index) => (index === at ? change(text) : text));

  it.each([
    ['a record cut short', (text: string) => text.slice(0, text.length / 2)],
    ['an empty record, as a full disk leaves it', () => ''],
    ['a record of zero bytes', (text: string) => '\0'.repeat(text.length)],
    ['a changed word', (text: string) => text.replace('"type"', '"tyqe"')],
    ['something else in its place', () => '{"some":"thing"}'],
  ])('%s', async (_, damage) => {
    for (const at of [0, 5, texts.length - 1]) {
      const fault = await refusal(open(edited(at, damage)));
      expect(fault).toMatchObject({ code: 'journal.unreadable', effect: 'none' });
      expect(fault.detail).toContain(`Record ${at + 1}`);
    }
  });

  it('an edited record with a sum that fits breaks the chain at the next one', async () => {
    const forged = edited(5, (text) => encodeRecord({ ...recordOf(text), at: 0 }));
    expect((await refusal(open(forged))).detail).toContain('Record 7');
  });

  it('a whole chain written anew is read, and only its head tells: that is why the report prints it', async () => {
    const records = texts.map(recordOf);
    const forged = rechained(records.map((record, index) => (index === 5 ? { ...record, at: 0 } : record)));
    const [honest, other] = await Promise.all([open(texts), open(forged)]);
    expect(other.state()?.head).not.toBe(honest.state()?.head);
  });

  it('a missing record', async () => {
    const numbers = texts.map((_, index) => index + 1).filter((number) => number !== 4);
    const without = texts.filter((_, index) => index !== 3);
    expect((await refusal(open(without, numbers))).detail).toContain('Record 4 is missing');
  });

  it('a missing beginning is not an empty journal', async () => {
    const fault = await refusal(
      open(
        texts.slice(1),
        texts.slice(1).map((_, index) => index + 2),
      ),
    );
    expect(fault.code).toBe('journal.unreadable');
  });

  it('a record that is there twice', async () => {
    const doubled = [...texts.slice(0, 6), texts[5] ?? '', ...texts.slice(6)];
    expect((await refusal(open(doubled))).detail).toContain('it says it is record 6');
  });

  it('two records in each other’s place', async () => {
    const swapped = [...texts.slice(0, 4), texts[5] ?? '', texts[4] ?? '', ...texts.slice(6)];
    expect((await refusal(open(swapped))).code).toBe('journal.unreadable');
  });

  it('records of another run behind this one’s', async () => {
    const other = createMigration(shortPlan());
    await other.world.clock.advance(1000);
    await runProcess(other, { until: 'convert-schema' });
    const mixed = [...texts.slice(0, 5), ...[...other.store.texts.values()].slice(5)];
    expect((await refusal(open(mixed))).detail).toContain('does not follow the record before it');
  });

  it('a second header, which would make it forget what was done', async () => {
    const records = texts.map(recordOf);
    const [header] = records;
    const forged = rechained([...records.slice(0, 8), ...(header ? [header] : [])]);
    expect((await refusal(open(forged))).detail).toContain('Record 9 is a second header');
  });

  it('records without a header', async () => {
    const forged = rechained(texts.map(recordOf).slice(1, 4));
    expect((await refusal(open(forged))).detail).toContain('before any header');
  });

  it('one of a newer octank is told apart from a broken one', async () => {
    const [header] = texts.map(recordOf);
    const newer = { ...header, version: recordVersion + 1 } as unknown as JournalRecord;
    expect(await refusal(open(rechained([newer])))).toMatchObject({ code: 'journal.newer' });
  });

  it('no bit of a record can turn unseen', () => {
    fc.assert(
      fc.property(fc.nat(texts.length - 1), fc.nat(), fc.integer({ min: 1, max: 127 }), (at, place, mask) => {
        const text = texts[at] ?? '';
        const index = place % (text.length - 1);
        const turned = String.fromCharCode(text.charCodeAt(index) ^ mask);
        const damaged = text.slice(0, index) + turned + text.slice(index + 1);
        const expected = { number: at + 1, previous: recordOf(text).previous };
        // What the damage leaves is refused, or it decodes to the very same record (a blank more, a 1 as a 1.0).
        try {
          expect(decodeRecord(damaged, expected)).toEqual(recordOf(text));
        } catch (error) {
          expect(error).toMatchObject({ code: 'journal.unreadable' });
        }
      }),
    );
  });
});

describe('appending', () => {
  const fresh = async () => {
    const store = memoryJournal();
    texts.slice(0, 3).forEach((text, index) => {
      store.texts.set(index + 1, text);
    });
    return { store, journal: await openJournal({ store, clock: virtualClock(), fencing: () => 7 }) };
  };

  it('calls that overlap are written one after the other, without a gap', async () => {
    const { store, journal } = await fresh();
    await Promise.all(Array.from({ length: 20 }, (_, n) => journal.append({ type: 'note', text: `${n}` })));
    expect(await store.numbers()).toEqual(Array.from({ length: 23 }, (_, index) => index + 1));
    const again = await openJournal({ store, clock: virtualClock(), fencing: () => 7 });
    expect(again.state()).toEqual(journal.state());
    expect(again.records().at(-1)?.fencing).toBe(7);
  });

  it('one that failed is not in the state, and does not poison the next', async () => {
    const { store, journal } = await fresh();
    const before = journal.state();
    store.failAt(4);
    await expect(journal.append({ type: 'note', text: 'lost' })).rejects.toMatchObject({ code: 'journal.unwritable' });
    expect(journal.state()).toBe(before);
    store.failAt(null);
    await journal.append({ type: 'note', text: 'kept' });
    const again = await openJournal({ store, clock: virtualClock(), fencing: () => 7 });
    expect(again.state()?.notes.map(({ text }) => text)).toContain('kept');
    expect(again.state()?.notes.map(({ text }) => text)).not.toContain('lost');
  });

  it('a second writer on the same journal collides instead of overwriting', async () => {
    const { store, journal } = await fresh();
    const stale = await openJournal({ store, clock: virtualClock(), fencing: () => 6 });
    await journal.append({ type: 'lock-taken', owner: 'new', command: 'apply' });
    await expect(stale.append({ type: 'note', text: 'late' })).rejects.toMatchObject({ code: 'journal.taken' });
    expect(journal.state()?.notes.some(({ text }) => text === 'late')).toBe(false);
  });
});

describe('the fold', () => {
  it('is the same in one go, in two, and as the runner saw it', async () => {
    const journal = await open(texts);
    const records = journal.records();
    const whole = foldOf(records);
    expect(whole).toEqual(journal.state());
    fc.assert(
      fc.property(fc.integer({ min: 1, max: records.length }), (cut) => {
        expect(foldOf(records.slice(cut), foldOf(records.slice(0, cut)))).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it('changes nothing that it was given', async () => {
    const records = (await open(texts)).records();
    const before = foldOf(records.slice(0, 30));
    const copy = structuredClone(before);
    foldOf(records.slice(30), before);
    expect(before).toEqual(copy);
  });

  it('a run that is taken up again after its end is running, not finished', async () => {
    const journal = await open(texts);
    expect(journal.state()).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    await journal.append({ type: 'lock-taken', owner: 'ann', command: 'rollback' });
    expect(journal.state()).toMatchObject({ outcome: 'running', exitCode: null });
    expect(journal.state()?.takings).toHaveLength(2);
    await journal.append({ type: 'finished', outcome: 'rolled-back', exitCode: 0 });
    expect(journal.state()).toMatchObject({ outcome: 'rolled-back', exitCode: 0 });
  });

  it('what follows `finished` still counts: a late measurement is not lost, and does not start the run again', async () => {
    const journal = await open(texts);
    await journal.append({ type: 'lag', wave: 'shop', seconds: 9 });
    expect(journal.state()?.lag.at(-1)?.seconds).toBe(9);
    expect(journal.state()?.outcome).toBe('succeeded');
  });

  it('of a step: each outcome leaves it where a resume must find it', async () => {
    const journal = await open(texts.slice(0, 2));
    const stepId = journal.state()?.steps[0]?.change.id ?? '';
    const fault = { code: 'x', summary: '', detail: '', hint: '', effect: 'unknown' } as const;
    const statusAfter = async (body: RecordBody): Promise<string | undefined> =>
      (await journal.append(body)).steps[0]?.status;
    expect(await statusAfter({ type: 'step-intended', stepId, attempt: 1 })).toBe('intended');
    expect(await statusAfter({ type: 'captured', stepId, data: { a: 1 } })).toBe('intended');
    expect(await statusAfter({ type: 'step-unknown', stepId, fault })).toBe('unknown');
    expect(await statusAfter({ type: 'step-failed', stepId, fault })).toBe('failed');
    expect(await statusAfter({ type: 'step-done', stepId, evidence: { b: 2 }, skipped: false })).toBe('done');
    expect(journal.state()?.steps[0]).toMatchObject({ fault: null, captured: { a: 1 }, attempts: 1 });
    expect(await statusAfter({ type: 'undo-intended', stepId, reason: '' })).toBe('undoing');
    expect(await statusAfter({ type: 'undo-failed', stepId, fault })).toBe('undoing');
    expect(await statusAfter({ type: 'step-undone', stepId })).toBe('undone');
    // Evidence of what is undone must not be read as evidence of what is there.
    expect(journal.state()?.steps[0]?.evidence).toEqual({});
  });
});

/** Opens, checks and appends to a run's journal; what is in memory is always the fold of what is durable. */
import { Fault } from '../model/fault.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalStore } from '../ports/journal-store.ts';
import { decodeRecord, encodeRecord, hashOf } from './codec.ts';
import type { JournalRecord, RecordBody } from './record.ts';
import { applyRecord, initialState, type RunState } from './run-state.ts';

export interface Journal {
  readonly location: string;
  /** Null before the header. */
  state(): RunState | null;
  /** All records so far, in order. */
  records(): readonly JournalRecord[];
  /** Durable when it resolves. Faults stop the run: a step that cannot be recorded must not be taken. */
  append(body: RecordBody): Promise<RunState>;
}

interface Loaded {
  readonly records: JournalRecord[];
  readonly state: RunState | null;
  readonly head: string;
}

const untrusted = (detail: string): Fault =>
  new Fault({
    code: 'journal.unreadable',
    summary: 'A journal record cannot be trusted.',
    detail,
    hint: 'Restore the state folder from a copy.',
  });

const fold = (state: RunState | null, record: JournalRecord, head: string): RunState => {
  if (state === null) {
    if (record.type !== 'header') throw untrusted(`Record ${record.number} comes before any header.`);
    return initialState(record, head);
  }
  // It would make the run forget everything that was done before.
  if (record.type === 'header') throw untrusted(`Record ${record.number} is a second header.`);
  return applyRecord(state, record, head);
};

const load = async (store: JournalStore): Promise<Loaded> => {
  const numbers = await store.numbers();
  const records: JournalRecord[] = [];
  let state: RunState | null = null;
  let previous = '';
  for (const [index, number] of numbers.entries()) {
    if (number !== index + 1) throw untrusted(`Record ${index + 1} is missing in ${store.location}.`);
    const text = await store.read(number);
    const record = decodeRecord(text, { number, previous });
    previous = hashOf(text);
    state = fold(state, record, previous);
    records.push(record);
  }
  return { records, state, head: previous };
};

/** `fencing` gives the number of the lease in force; reading commands pass 0 and never append. */
export const openJournal = async (options: {
  readonly store: JournalStore;
  readonly clock: Clock;
  readonly fencing: () => number;
}): Promise<Journal> => {
  const { store, clock } = options;
  const loaded = await load(store);
  let { state, head } = loaded;
  const { records } = loaded;
  // Appends come from the loop and from samplers beside it; they are written one after the other.
  let tail: Promise<unknown> = Promise.resolve();

  const write = async (body: RecordBody): Promise<RunState> => {
    const number = records.length + 1;
    const record: JournalRecord = {
      number,
      at: Math.round(clock.wall.now()),
      clockAt: Math.round(clock.now()),
      fencing: options.fencing(),
      previous: head,
      ...body,
    };
    const text = encodeRecord(record);
    await store.append(number, text);
    head = hashOf(text);
    state = fold(state, record, head);
    records.push(record);
    return state;
  };

  return {
    location: store.location,
    state: () => state,
    records: () => records,
    append: (body) => {
      const next = tail.then(() => write(body));
      // One failed append must not poison the queue: the runner stops on it, and a resume starts from what is durable.
      tail = next.catch(() => undefined);
      return next;
    },
  };
};

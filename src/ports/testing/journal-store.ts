/** Journal and checkpoints in memory: they outlive a process that a test kills, and an append can be made to fail. */
import { Fault } from '../../model/fault.ts';
import type { CheckpointStore, JournalStore } from '../journal-store.ts';

export interface MemoryJournal extends JournalStore {
  /** All records as they are on the disk, for tests that damage them. */
  readonly texts: Map<number, string>;
  /** Appends of this number fail, until called with null. `isWritten`: the record got to the disk all the same. */
  failAt(number: number | null, options?: { readonly isWritten: boolean }): void;
}

const unwritable = (number: number): Fault =>
  new Fault({
    code: 'journal.unwritable',
    summary: 'The journal cannot be written.',
    detail: `record ${number}: no space left on device`,
  });

export const memoryJournal = (): MemoryJournal => {
  const texts = new Map<number, string>();
  let failing: { readonly number: number; readonly isWritten: boolean } | null = null;
  return {
    texts,
    location: 'memory',
    failAt: (number, options) => {
      failing = number === null ? null : { number, isWritten: options?.isWritten ?? false };
    },
    numbers: async () => [...texts.keys()].sort((a, b) => a - b),
    read: async (number) => texts.get(number) ?? '',
    append: async (number, text) => {
      if (texts.has(number))
        throw new Fault({
          code: 'journal.taken',
          summary: 'Another octank wrote this record.',
          detail: String(number),
        });
      const fails = failing?.number === number;
      if (!fails || failing?.isWritten) texts.set(number, text);
      if (fails) throw unwritable(number);
    },
  };
};

export const memoryCheckpoints = (): CheckpointStore => {
  const texts = new Map<string, string>();
  return {
    load: async (name) => texts.get(name),
    save: async (name, text) => {
      texts.set(name, text);
    },
  };
};

/** The journal on this machine: one file per record, created exclusively, synced with its folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.ts';
import type { JournalStore } from '../../ports/journal-store.ts';
import { createWhole, ensureFolder, errnoOf, namesIn, sweepAside } from './files.ts';

const digits = 8;
const fileName = (number: number): string => `${String(number).padStart(digits, '0')}.json`;
const recordName = /^(\d{8,})\.json$/;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unwritable = (folder: string, error: unknown): Fault =>
  new Fault({
    code: 'journal.unwritable',
    summary: 'The journal cannot be written, so nothing more is done.',
    detail: `${folder}: ${reasonOf(error)}`,
    hint:
      errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT'
        ? 'Free space on that disk, then run the same command again: it continues.'
        : 'Make the folder writable for this user, on a file system with hard links; then run the same command again.',
    cause: error,
  });

const unreadable = (folder: string, error: unknown): Fault =>
  new Fault({
    code: 'journal.unreadable',
    summary: 'The journal cannot be read.',
    detail: `${folder}: ${reasonOf(error)}`,
    hint: 'Make the folder readable, or restore it from a copy. An unreadable journal is never read as an empty one.',
    cause: error,
  });

const taken = (folder: string, number: number): Fault =>
  new Fault({
    code: 'journal.taken',
    summary: 'Another octank wrote the next journal record.',
    detail: `Record ${number} in ${folder} is there already.`,
    hint: 'See octank migrate status: another run holds this state, or took it over.',
  });

export const createJournalStore = (options: { readonly folder: string }): JournalStore => {
  const { folder } = options;
  // Done once per process: it costs a read of the folder, and needs none again.
  let prepared: Promise<void> | undefined;
  const prepare = async (): Promise<void> => {
    await ensureFolder(folder);
    await sweepAside(folder);
  };

  return {
    location: folder,

    numbers: async () => {
      try {
        const names = await namesIn(folder);
        return names
          .flatMap((name) => recordName.exec(name)?.[1] ?? [])
          .map(Number)
          .sort((a, b) => a - b);
      } catch (error) {
        throw unreadable(folder, error);
      }
    },

    read: async (number) => {
      try {
        return await readFile(join(folder, fileName(number)), 'utf8');
      } catch (error) {
        throw unreadable(folder, error);
      }
    },

    append: async (number, text) => {
      try {
        prepared ??= prepare();
        await prepared;
      } catch (error) {
        prepared = undefined;
        throw unwritable(folder, error);
      }
      try {
        await createWhole(folder, fileName(number), text);
      } catch (error) {
        throw errnoOf(error) === 'EEXIST' ? taken(folder, number) : unwritable(folder, error);
      }
    },
  };
};

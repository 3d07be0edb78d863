/** Files kept next to the journal, too large for a record; each is replaced atomically. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.ts';
import type { CheckpointStore } from '../../ports/journal-store.ts';
import { ensureFolder, errnoOf, replaceWhole } from './files.ts';

/** Names come from waves and tables; what a file system would not take is escaped, injectively. */
const fileName = (name: string): string =>
  `${name.replaceAll(/[^a-z0-9.-]/gi, (c) => `_${c.codePointAt(0)?.toString(16)}_`)}.checkpoint`;

const fault = (action: 'read' | 'written', folder: string, error: unknown): Fault =>
  new Fault({
    code: action === 'read' ? 'checkpoint.unreadable' : 'checkpoint.unwritable',
    summary: action === 'read' ? 'A checkpoint cannot be read.' : 'A checkpoint cannot be written.',
    detail: `${folder}: ${error instanceof Error ? error.message : String(error)}`,
    hint: 'Look at the disk and at the rights of the folder, then run the same command again.',
    cause: error,
  });

export const createCheckpointStore = (options: { readonly folder: string }): CheckpointStore => ({
  load: async (name) => {
    try {
      return await readFile(join(options.folder, fileName(name)), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw fault('read', options.folder, error);
    }
  },
  save: async (name, text) => {
    try {
      await ensureFolder(options.folder);
      await replaceWhole(options.folder, fileName(name), text);
    } catch (error) {
      throw fault('written', options.folder, error);
    }
  },
});

/** Where a plan's state lies on this machine: `<path>/<plan>/lock`, and per run `runs/<number>/{journal,checkpoints}`. */
import { join, resolve } from 'node:path';
import { Fault } from '../../model/fault.ts';
import type { CheckpointStore, JournalStore } from '../../ports/journal-store.ts';
import type { Lock } from '../../ports/lock.ts';
import { createCheckpointStore } from './checkpoint-store.ts';
import { namesIn } from './files.ts';
import { createJournalStore } from './journal-store.ts';
import { createLock } from './lock.ts';

export interface RunStores {
  readonly number: number;
  readonly journal: JournalStore;
  readonly checkpoints: CheckpointStore;
}

export interface StateFolder {
  readonly path: string;
  readonly lock: Lock;
  /** Numbers of the runs that have a folder, ascending; the last one is the newest. */
  runs(): Promise<readonly number[]>;
  run(number: number): RunStores;
}

/** Plan names are free text; a folder's name must not climb out of its parent. */
const folderName = (plan: string): string => {
  const name = plan.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  return name.replace(/^\.+/, '') || 'plan';
};

export const openStateFolder = (options: {
  /** `state.path` of the plan. */
  readonly path: string;
  readonly plan: { readonly name: string; readonly file: string };
}): StateFolder => {
  const path = join(resolve(options.path), folderName(options.plan.name));
  const runFolder = (number: number): string => join(path, 'runs', String(number).padStart(4, '0'));
  return {
    path,
    lock: createLock({ folder: join(path, 'lock'), planFile: options.plan.file }),
    runs: async () => {
      try {
        const names = await namesIn(join(path, 'runs'));
        return names
          .filter((name) => /^\d{4,}$/.test(name))
          .map(Number)
          .sort((a, b) => a - b);
      } catch (error) {
        throw new Fault({
          code: 'journal.unreadable',
          summary: 'The state folder cannot be read.',
          detail: `${path}: ${error instanceof Error ? error.message : String(error)}`,
          hint: 'Make it readable. A state that cannot be read is never taken for an empty one.',
          cause: error,
        });
      }
    },
    run: (number) => ({
      number,
      journal: createJournalStore({ folder: join(runFolder(number), 'journal') }),
      checkpoints: createCheckpointStore({ folder: join(runFolder(number), 'checkpoints') }),
    }),
  };
};

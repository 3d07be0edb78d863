/** Finds a plan's runs in its state: the newest one, its journal, and whether it is over. */
import { openStateFolder, type RunStores, type StateFolder } from '../adapters/local/state-folder.ts';
import { type Journal, openJournal } from '../journal/journal.ts';
import type { RunState } from '../journal/run-state.ts';
import type { Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Settings } from './settings.ts';

export interface OpenedRun {
  readonly stores: RunStores;
  readonly journal: Journal;
  /** Null while the run's header was not written. */
  readonly state: RunState | null;
}

export const stateFolderOf = (plan: Plan, settings: Settings): StateFolder =>
  openStateFolder({ path: settings.stateRoot ?? plan.state.path, plan: { name: plan.name, file: plan.file } });

export const openRun = async (
  stores: RunStores,
  options: { readonly clock: Clock; readonly fencing: () => number },
): Promise<OpenedRun> => {
  const journal = await openJournal({ store: stores.journal, ...options });
  return { stores, journal, state: journal.state() };
};

/** The newest run; undefined when there is none. Faults: `journal.*` when it cannot be trusted. */
export const latestRun = async (
  folder: StateFolder,
  options: { readonly clock: Clock; readonly fencing: () => number },
): Promise<OpenedRun | undefined> => {
  const number = (await folder.runs()).at(-1);
  return number === undefined ? undefined : openRun(folder.run(number), options);
};

export const isFinished = (run: OpenedRun | undefined): boolean => run?.state?.outcome === 'succeeded';

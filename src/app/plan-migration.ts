/** Use case: what would be done, and everything that is wrong; optionally saved, so that exactly this is applied. */
import { open } from 'node:fs/promises';
import { encodeSavedPlan } from '../change/saved-plan.ts';
import { hasErrors } from '../model/diagnostic.ts';
import { type ExitCode, exitCodes, Fault } from '../model/fault.ts';
import { hasChanges, type PlanView } from '../report/plan-text.ts';
import { computeChangeSet } from './compute.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, noCheckpoints, openWorld, readOnly } from './world.ts';

export interface PlanOptions {
  readonly file: string;
  readonly offline: boolean;
  readonly out: string | null;
  readonly detailedExitCode: boolean;
}

export interface PlanOutcome {
  readonly view: PlanView;
  /** A run of this plan that is under way: its own change set is shown, with what is done. */
  readonly live: boolean;
  readonly exitCode: ExitCode;
}

const save = async (path: string, text: string): Promise<void> => {
  try {
    const handle = await open(path, 'w', 0o600);
    try {
      await handle.chmod(0o600);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Fault({
      code: 'saved-plan.unwritable',
      summary: 'The plan could not be saved.',
      detail: `${path}: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Name a file in a folder that exists and may be written.',
      cause: error,
    });
  }
};

const exitCodeOf = (view: PlanView, detailed: boolean): ExitCode => {
  const errors = view.diagnostics.filter((d) => d.severity === 'error');
  if (errors.some((d) => /^(plan|lint)\./.test(d.code))) return exitCodes.invalid;
  if (errors.length > 0) return exitCodes.fault;
  return detailed && hasChanges(view) ? exitCodes.changes : exitCodes.done;
};

export const planMigration = async (options: PlanOptions, settings: Settings): Promise<PlanOutcome> => {
  const opened = await openPlan(options.file);
  if (opened.plan === null || hasErrors(opened.diagnostics)) {
    const name = opened.plan?.name ?? options.file;
    const view: PlanView = {
      plan: { name, digest: opened.plan?.digest ?? '' },
      changeSet: null,
      diagnostics: opened.diagnostics,
      done: new Set(),
    };
    return { view, live: false, exitCode: exitCodes.invalid };
  }
  const plan = requirePlan(opened);
  const run = await latestRun(stateFolderOf(plan, settings), { clock: clockOf(settings), fencing: () => 0 });
  if (run?.state && run.state.changeSet.plan.digest === plan.digest) {
    const done = new Set(run.state.steps.filter((s) => s.status === 'done').map((s) => s.change.id));
    const view: PlanView = { plan, changeSet: run.state.changeSet, diagnostics: opened.diagnostics, done };
    return { view, live: true, exitCode: exitCodeOf(view, options.detailedExitCode) };
  }
  const world = options.offline
    ? null
    : openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const { changeSet, diagnostics } = await computeChangeSet(plan, world);
    const view: PlanView = { plan, changeSet, diagnostics: [...opened.diagnostics, ...diagnostics], done: new Set() };
    if (options.out !== null && changeSet !== null && !hasErrors(view.diagnostics))
      await save(
        options.out,
        encodeSavedPlan({
          planFile: opened.file,
          planText: opened.text,
          changeSet,
          octankVersion: settings.version,
          createdAt: new Date().toISOString(),
        }),
      );
    return { view, live: false, exitCode: exitCodeOf(view, options.detailedExitCode) };
  } finally {
    await world?.close();
  }
};

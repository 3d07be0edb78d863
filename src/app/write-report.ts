/** Use case: a run's report as one HTML file, Markdown or JSON: a fold of its journal, the same after a crash as at the end. */
import { mkdir, open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { JournalRecord } from '../journal/record.ts';
import type { RunState } from '../journal/run-state.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Plan } from '../model/plan.ts';
import { renderHtml } from '../report/html/index.ts';
import type { ResultJson, RollbackCost } from '../report/json-types.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { type Measured, resultOf } from '../report/summary.ts';
import { rollbackCost } from './live-facts.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, noCheckpoints, openWorld, readOnly } from './world.ts';

const writeWhole = async (path: string, text: string): Promise<void> => {
  try {
    await mkdir(dirname(path), { recursive: true });
    const aside = join(dirname(path), `.${basename(path)}.${process.pid}`);
    const handle = await open(aside, 'w', 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    throw new Fault({
      code: 'report.unwritable',
      summary: 'The report could not be written.',
      detail: `${path}: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'Name a file in a folder that may be written.',
      cause: error,
    });
  }
};

export interface ReportInput {
  readonly plan: Plan;
  readonly state: RunState;
  readonly rollback: RollbackCost;
  readonly result: ResultJson | null;
  readonly measured: Measured | null;
  readonly version: string;
  readonly records?: readonly JournalRecord[];
}

/** The form follows the file's ending: .html, .md or .json. */
export const writeReportFile = async (path: string, input: ReportInput): Promise<void> => {
  const given = {
    state: input.state,
    planName: input.plan.name,
    result: input.result,
    measured: input.measured,
    rollback: input.rollback,
    records: input.records,
    gates: input.plan.gates,
    generatedAt: Date.now(),
    octankVersion: input.version,
  };
  if (path.endsWith('.json')) return writeWhole(path, `${JSON.stringify(input.result ?? input.state, null, 2)}\n`);
  await writeWhole(path, path.endsWith('.md') ? renderMarkdown(given) : renderHtml(given));
};

export const reportMigration = async (file: string, out: string, settings: Settings): Promise<void> => {
  const plan = requirePlan(await openPlan(file));
  const run = await latestRun(stateFolderOf(plan, settings), { clock: clockOf(settings), fencing: () => 0 });
  if (!run?.state)
    throw new Fault({
      code: 'report.no-run',
      summary: 'There is no run to report on.',
      detail: plan.name,
      hint: `Start one: octank migrate apply ${file}`,
      exitCode: exitCodes.invalid,
    });
  const { state } = run;
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const rollback = await rollbackCost(world, plan, state);
    const result = resultOf({
      state,
      outcome: state.outcome === 'running' ? 'interrupted' : state.outcome,
      exitCode: state.exitCode ?? exitCodes.interrupted,
      fault: null,
      rollback,
      measured: null,
      clockRate: state.clockRate,
    });
    await writeReportFile(out, {
      plan,
      state,
      rollback,
      result,
      measured: null,
      version: settings.version,
      records: run.journal.records(),
    });
  } finally {
    await world.close();
  }
};

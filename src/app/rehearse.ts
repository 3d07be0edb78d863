/** Use case: the whole plan on the embedded AWS, under write load and traffic, with the invariant checker beside it. */
import { join } from 'node:path';
import type { RunState } from '../journal/run-state.ts';
import type { CheckerReport, Lab } from '../lab/index.ts';
import { type ExitCode, exitCodes, Fault } from '../model/fault.ts';
import type { Plan } from '../model/plan.ts';
import type { StepKind } from '../phases/contract.ts';
import type { Host } from '../ports/host.ts';
import { stopRehearsal } from '../rehearsal/lifecycle.ts';
import type { ResultJson } from '../report/json-types.ts';
import { writerOf } from '../report/run-facts.ts';
import { type Measured, resultOf } from '../report/summary.ts';
import { type ApplyOutcome, applyMigration } from './apply-migration.ts';
import { rollbackCost } from './live-facts.ts';
import { rehearsalRoot, type StartedRehearsal, startForPlan } from './rehearsal-control.ts';
import { firstWave, movingTables, openChecker, openLab, waitForWrites } from './rehearsal-lab.ts';
import { readSettings, type Settings } from './settings.ts';
import { noCheckpoints, openWorld, readOnly } from './world.ts';
import { writeReportFile } from './write-report.ts';

export interface RehearseOptions {
  readonly planFile: string;
  readonly root?: string;
  readonly rows: number | null;
  readonly rate: number | null;
  /** Leave the embedded AWS and its databases running afterwards. */
  readonly keep: boolean;
  readonly report: string | null;
  /** Steps that do less than they should, by kind: shows that the checker can fail. */
  readonly variants?: ReadonlyMap<string, StepKind>;
  /** For scenarios: called when the lab runs, before the plan is applied. */
  readonly onReady?: (started: StartedRehearsal, lab: Lab) => void | Promise<void>;
}

export interface RehearseOutcome {
  readonly result: ResultJson;
  readonly exitCode: ExitCode;
  readonly state: RunState | null;
  /** What stopped it, whole: an invalid plan carries all of its diagnostics. */
  readonly fault: Fault | null;
  readonly checker: CheckerReport;
}

/** Seconds of writes and traffic after the last step: the target must show that it goes on. */
const afterSeconds = 3;
/** The way back must bring both databases to agree within this time. */
const agreeSeconds = 30;

/** The rehearsal's environment and nothing of the user's: a stray profile or endpoint would redirect half of the calls. */
const enter = (environment: Readonly<Record<string, string>>): Settings => {
  for (const name of Object.keys(process.env))
    if (/^AWS_(PROFILE|SESSION_TOKEN|ENDPOINT_URL.*|DEFAULT_.*)$/.test(name)) delete process.env[name];
  Object.assign(process.env, environment);
  return readSettings(process.env);
};

const measuredOf = (report: CheckerReport, requests: { requests: number; failed: number } | null): Measured => ({
  writes: {
    acknowledged: report.writes.acknowledged,
    refused: report.writes.refused,
    indeterminate: report.writes.indeterminate,
    lost: report.writes.lost,
    duplicated: report.writes.duplicated,
  },
  databaseGapSeconds: report.databaseGapSeconds,
  clients: {
    medianDowntimeSeconds: report.clients.medianDowntimeSeconds,
    p99DowntimeSeconds: report.clients.p99DowntimeSeconds,
  },
  requests: requests?.requests ?? 0,
  failedRequests: requests?.failed ?? 0,
  violations: report.violations.map(({ code, detail, at }) => ({ code, detail, at: new Date(at).toISOString() })),
});

const costNow = async (plan: Plan, settings: Settings, state: RunState | null) => {
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    return await rollbackCost(world, plan, state);
  } finally {
    await world.close();
  }
};

const asFault = (error: unknown): Fault => {
  if (error instanceof Fault) return error;
  throw error;
};

export const rehearse = async (
  options: RehearseOptions,
  host: Host,
  log: (line: string) => void,
): Promise<RehearseOutcome> => {
  const started = await startForPlan({
    planFile: options.planFile,
    root: options.root ?? rehearsalRoot,
    fresh: true,
    rows: options.rows,
    rate: options.rate,
    log,
  });
  try {
    return await rehearseOn(started, options, host, log);
  } finally {
    if (!options.keep) await stopRehearsal(started.stateDir);
  }
};

const rehearseOn = async (
  started: StartedRehearsal,
  options: RehearseOptions,
  host: Host,
  log: (line: string) => void,
): Promise<RehearseOutcome> => {
  const settings = enter(started.environment);
  const { plan } = started;
  const wave = firstWave(plan);
  const moving = await movingTables(started, settings);
  const lab = await openLab(started, moving);
  const checker = await openChecker(started, settings, moving);
  let outcome: ApplyOutcome | null = null;
  let fault: Fault | null = null;
  try {
    await waitForWrites(lab);
    log('The application writes; the plan is applied.');
    await options.onReady?.(started, lab);
    outcome = await applyMigration(
      { file: options.planFile, until: null, wave: null, ...(options.variants ? { variants: options.variants } : {}) },
      settings,
      { host },
    );
    await new Promise((resolve) => setTimeout(resolve, afterSeconds * 1000));
  } catch (error) {
    fault = asFault(error);
  }
  // A workload that died proves nothing; what it wrote until then is still judged.
  const summary = await lab.stop().catch((error: unknown) => {
    fault ??= asFault(error);
    return null;
  });
  const state = outcome?.state ?? null;
  const reverse =
    outcome?.outcome === 'succeeded' &&
    state !== null &&
    writerOf(state, wave.name) === 'target' &&
    wave.cutover.fallback !== 'none';
  log('Proving every acknowledged write, and that both databases agree.');
  const report = await checker.stop({
    logs: summary?.logs ?? (await lab.logs()),
    rowsWithinSeconds: reverse ? agreeSeconds : null,
  });
  const measured = measuredOf(report, summary?.traffic ?? null);
  const rollback = outcome?.rollback ?? (await costNow(plan, settings, state));
  const failed = fault ?? outcome?.fault ?? null;
  const clean = measured.violations.length === 0;
  const exitCode: ExitCode = failed?.exitCode ?? outcome?.exitCode ?? exitCodes.fault;
  const finalExit: ExitCode = clean ? exitCode : exitCode === exitCodes.done ? exitCodes.fault : exitCode;
  const reportPath = options.report ?? join(started.stateDir, 'report.html');
  const result = resultOf({
    state,
    outcome: clean ? (outcome?.outcome ?? 'failed') : 'failed',
    exitCode: finalExit,
    fault: failed,
    rollback,
    measured,
    clockRate: settings.clock.rate,
    ...(state ? { report: reportPath } : {}),
  });
  if (state) await writeReportFile(reportPath, { plan, state, rollback, result, measured, version: settings.version });
  return { result, exitCode: finalExit, state, fault: failed, checker: report };
};

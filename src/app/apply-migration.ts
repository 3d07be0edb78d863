/** Use case: performs the reviewed change set, from its beginning or from where an earlier process stopped. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { basisOf, staleParts } from '../change/change-set.ts';
import { finishedPlan, stalePlan } from '../change/saved-plan.ts';
import type { Journal } from '../journal/journal.ts';
import { currentPhase, type RunState } from '../journal/run-state.ts';
import type { ChangeSet } from '../model/change.ts';
import { hasErrors } from '../model/diagnostic.ts';
import { exitCodes, Fault, toFault } from '../model/fault.ts';
import { comesBefore, type PhaseName, phaseNames } from '../model/phase.ts';
import type { Plan } from '../model/plan.ts';
import type { Measurement, Phase, StepKind } from '../phases/contract.ts';
import { gatherObserved } from '../phases/gather.ts';
import { phases } from '../phases/index.ts';
import { createLiveWaves } from '../phases/live.ts';
import type { Host } from '../ports/host.ts';
import { createTee } from '../report/hosts/tee.ts';
import type { RollbackCost } from '../report/json-types.ts';
import { createRunner, type RunResult } from '../runner/runner.ts';
import { computeChangeSet, observedParts } from './compute.ts';
import { type Interrupt, listenForInterrupt } from './interrupt.ts';
import { holdLease } from './lease.ts';
import { rollbackCost } from './live-facts.ts';
import { createNotices } from './notices.ts';
import { InvalidPlan, type OpenedPlan, openPlan, requirePlan } from './open-plan.ts';
import { isFinished, latestRun, type OpenedRun, openRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, noCheckpoints, openWorld, readOnly, type World } from './world.ts';

export interface ApplyOptions {
  readonly file: string;
  readonly until: PhaseName | null;
  readonly wave: string | null;
  /** Other steps in place of the product's, by kind, for the lab's proof that its checker can fail; the product passes none. */
  readonly variants?: ReadonlyMap<string, StepKind>;
}

export interface ApplyOutcome extends RunResult {
  readonly plan: Plan;
  readonly state: RunState | null;
  /** Measured while the heartbeats still beat; null where the run ended in a way that leaves no time for it. */
  readonly rollback: RollbackCost | null;
}

/** Phases of the run that are over for all waves: what they were computed from may have moved. */
const donePhases = (state: RunState): readonly string[] =>
  phaseNames.filter((phase) =>
    state.steps.filter((step) => step.change.phase === phase).every((step) => step.status === 'done'),
  );

const requireFresh = async (world: World, plan: Plan, changeSet: ChangeSet, done: readonly string[]): Promise<void> => {
  const now = basisOf(observedParts(await gatherObserved(plan, world.ports)));
  const moved = staleParts(changeSet, now, done);
  if (moved.length > 0) throw stalePlan(moved);
};

/** The change set of a new run: the saved one if the world is still as it was, else computed now. */
const changeSetFor = async (opened: OpenedPlan, plan: Plan, settings: Settings): Promise<ChangeSet> => {
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    if (opened.saved) {
      await requireFresh(world, plan, opened.saved.changeSet, []);
      return opened.saved.changeSet;
    }
    const { changeSet, diagnostics } = await computeChangeSet(plan, world);
    if (changeSet === null || hasErrors(diagnostics)) throw new InvalidPlan(diagnostics, exitCodes.fault);
    return changeSet;
  } finally {
    await world.close();
  }
};

const differentPlan = (file: string, state: RunState): Fault =>
  new Fault({
    code: 'journal.other-plan',
    summary: 'A run of another version of this plan is unfinished.',
    detail: `Run ${state.runId} performs change set ${state.changeSet.digest.slice(0, 12)}; ${file} is not what it was computed from.`,
    hint: 'Restore the plan as it was, or apply the saved plan of that run.',
    exitCode: exitCodes.stale,
  });

const offlinePlan = (file: string): Fault =>
  new Fault({
    code: 'change-set.offline',
    summary: 'The saved plan was computed offline and names no tables.',
    detail: file,
    hint: `Compute it with access to the databases: octank migrate plan ${file} --out plan.octank`,
    exitCode: exitCodes.stale,
  });

/** An unfinished run must be of this very plan; a finished one is not done again. */
const requireSameRun = (opened: OpenedPlan, plan: Plan, state: RunState): void => {
  const sameSaved = opened.saved === null || opened.saved.changeSet.digest === state.changeSet.digest;
  const samePlan = state.changeSet.plan.digest === plan.digest;
  if (state.outcome === 'succeeded') {
    if (samePlan || sameSaved) throw finishedPlan(state.changeSet.digest);
    return;
  }
  if (!samePlan || !sameSaved) throw differentPlan(plan.file, state);
};

const phasesWith = (variants: ReadonlyMap<string, StepKind> | undefined): readonly Phase[] =>
  variants === undefined
    ? phases
    : phases.map((phase) => ({ ...phase, steps: phase.steps.map((step) => variants.get(step.kind) ?? step) }));

export const applyMigration = async (
  options: ApplyOptions,
  settings: Settings,
  given: { readonly host: Host; readonly signal?: AbortSignal },
): Promise<ApplyOutcome> => {
  const opened = await openPlan(options.file);
  const plan = requirePlan(opened);
  if (options.wave !== null && !plan.waves.some((wave) => wave.name === options.wave))
    throw new Fault({
      code: 'usage.unknown-wave',
      summary: 'The plan has no such wave.',
      detail: options.wave,
      hint: `It has ${plan.waves.map((wave) => wave.name).join(', ')}.`,
      exitCode: exitCodes.invalid,
    });
  const { host } = given;
  const interrupt = listenForInterrupt({ file: options.file, say: (text) => host.notify({ type: 'note', text }) });
  given.signal?.addEventListener('abort', () => interrupt.abort(toFault(given.signal?.reason)), { once: true });
  const folder = stateFolderOf(plan, settings);
  try {
    const lease = await holdLease(folder.lock, {
      command: `octank migrate apply ${options.file}`,
      onLost: (fault) => interrupt.abort(fault),
    });
    try {
      return await applyLocked({ options, opened, plan, settings, host, interrupt, fencing: lease.fencing });
    } finally {
      await lease.release();
    }
  } finally {
    interrupt.dispose();
  }
};

interface Locked {
  readonly options: ApplyOptions;
  readonly opened: OpenedPlan;
  readonly plan: Plan;
  readonly settings: Settings;
  readonly host: Host;
  readonly interrupt: Pick<Interrupt, 'signal' | 'abort'>;
  readonly fencing: number;
}

/** The run to go on with, or a new one whose header is on disk before anything is done. */
const enterRun = async (locked: Locked): Promise<OpenedRun & { readonly resumed: boolean }> => {
  const { options, opened, plan, settings, host, fencing } = locked;
  const folder = stateFolderOf(plan, settings);
  const access = { clock: clockOf(settings), fencing: () => fencing };
  const latest = await latestRun(folder, access);
  if (latest?.state) {
    requireSameRun(opened, plan, latest.state);
    if (!isFinished(latest)) return { ...latest, resumed: true };
  }
  host.notify({ type: 'note', text: 'Reading both databases, replication and DNS.' });
  const changeSet = await changeSetFor(opened, plan, settings);
  if (plan.waves.length > 0 && Object.keys(changeSet.basis).length === 0) throw offlinePlan(options.file);
  // A folder without a header is a run that died before its first record: nothing was done in it, so it is used.
  const number = latest && latest.state === null ? latest.stores.number : ((await folder.runs()).at(-1) ?? 0) + 1;
  const run = await openRun(folder.run(number), access);
  await run.journal.append({
    type: 'header',
    format: 'octank-journal',
    version: 1,
    lineage: randomUUID(),
    runId: `${plan.name}-${number}`,
    planFile: opened.file,
    planText: opened.text,
    changeSet,
    startedBy: `${settings.user}@${hostname()}`,
    octankVersion: settings.version,
    clockRate: settings.clock.rate,
  });
  return { ...run, state: run.journal.state(), resumed: false };
};

const applyLocked = async (locked: Locked): Promise<ApplyOutcome> => {
  const { options, plan, settings, interrupt, fencing } = locked;
  const { stores, journal, resumed } = await enterRun(locked);
  const lineage = journal.state()?.lineage ?? '';
  await journal.append({
    type: 'lock-taken',
    owner: `${settings.user}@${hostname()}`,
    command: `octank migrate apply ${options.file}`,
  });
  const world = openWorld({
    plan,
    settings,
    fencing: { lineage, current: () => fencing },
    checkpoints: stores.checkpoints,
    announce: (text) => locked.host.notify({ type: 'note', text }),
  });
  const notices = createNotices({ plan: plan.name, notify: world.ports.notify });
  const host = createTee(notices, locked.host);
  const live = createLiveWaves({
    ports: world.ports,
    record: recorder(journal, host),
    stopRun: (fault) => interrupt.abort(fault),
  });
  try {
    const endpoints = await world.identity.endpoints();
    const state = journal.state();
    if (state && resumed) await requireFreshResume(world, plan, state);
    host.notify({
      type: 'run-started',
      runId: state?.runId ?? '',
      plan: plan.name,
      resumed,
      clockRate: settings.clock.rate,
      endpoints,
      changes: state?.changeSet.changes ?? [],
      done: state?.steps.filter((step) => step.status === 'done').map((step) => step.change.id) ?? [],
    });
    const runner = createRunner({
      plan,
      journal,
      ports: world.ports,
      host,
      live,
      phases: phasesWith(options.variants),
      signal: interrupt.signal,
      until: options.until,
      wave: options.wave,
    });
    const result = await runner.run();
    notices.send(`octank ${plan.name}: ${result.outcome}`, result.fault?.message ?? 'Every step is done.');
    const isCalm = result.outcome === 'succeeded' || result.outcome === 'held' || result.outcome === 'rolled-back';
    const rollback = isCalm ? await rollbackCost(world, plan, journal.state()) : null;
    return { ...result, plan, state: journal.state(), rollback };
  } finally {
    await live.stop();
    await notices.settle();
    await world.close();
  }
};

const recorder =
  (journal: Journal, host: Host) =>
  async (measurement: Measurement): Promise<void> => {
    await journal.append(measurement);
    if (measurement.type === 'diagnostic') host.notify({ type: 'diagnostic', diagnostic: measurement.diagnostic });
  };

/** What the remaining steps were computed from must still be so; once the load began, only steps themselves can tell. */
const requireFreshResume = async (world: World, plan: Plan, state: RunState): Promise<void> => {
  const phase = currentPhase(state);
  if (phase === null || !comesBefore(phase, 'convert-schema')) return;
  await requireFresh(world, plan, state.changeSet, donePhases(state));
};

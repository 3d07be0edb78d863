/** The only loop of the product: observe, intend, perform, confirm; resume and unwind are the same steps walked again. */
import type { Journal } from '../journal/journal.ts';
import type { FaultRecord, JournalRecord, RunOutcome } from '../journal/record.ts';
import { type RunState, type StepState, stepState } from '../journal/run-state.ts';
import type { Change } from '../model/change.ts';
import { type ExitCode, exitCodes, Fault, toFault } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import { comesBefore, type PhaseName } from '../model/phase.ts';
import type { Plan } from '../model/plan.ts';
import type { Observation, Phase, Ports, StepContext, StepKind } from '../phases/contract.ts';
import type { LiveWaves } from '../phases/live.ts';
import type { Host } from '../ports/host.ts';
import { runnerLimits } from './limits.ts';

export interface RunOptions {
  readonly plan: Plan;
  readonly journal: Journal;
  readonly ports: Ports;
  readonly host: Host;
  readonly live: LiveWaves;
  readonly phases: readonly Phase[];
  /** Ctrl-C, or the lease is lost. */
  readonly signal: AbortSignal;
  /** Stop after this phase; null runs to the end. */
  readonly until: PhaseName | null;
  /** Only this wave's steps (and those of no wave); null for all. */
  readonly wave: string | null;
}

export interface RunResult {
  readonly outcome: RunOutcome;
  readonly exitCode: ExitCode;
  readonly fault: Fault | null;
}

const record = (fault: Fault): FaultRecord => ({
  code: fault.code,
  summary: fault.summary,
  detail: fault.detail,
  hint: fault.hint,
  effect: fault.effect,
});

/** Records that say that a step went forward or back. */
const isMove = (type: JournalRecord['type']): boolean =>
  type.startsWith('undo-') || (type.startsWith('step-') && type !== 'step-unknown');

const isJournalFault = (fault: Fault): boolean => fault.code.startsWith('journal.');

const interruptedFault = (): Fault =>
  new Fault({
    code: 'run.interrupted',
    summary: 'The run was interrupted.',
    effect: 'none',
    exitCode: exitCodes.interrupted,
  });

/** One run over one journal; made fresh for each command. */
export const createRunner = (options: RunOptions) => {
  const { plan, journal, ports, host, live, phases, signal } = options;
  const kinds = new Map<string, StepKind>(
    phases.flatMap((phase) => phase.steps.map((step) => [step.kind, step] as const)),
  );

  const state = (): RunState => {
    const current = journal.state();
    if (current === null)
      throw new Fault({ code: 'journal.empty', summary: 'The journal has no header.', effect: 'none' });
    return current;
  };
  const stateOf = (change: Change): StepState => {
    const found = stepState(state(), change.id);
    if (!found)
      throw new Fault({ code: 'journal.unknown-step', summary: 'A step is not part of the run.', detail: change.id });
    return found;
  };
  const kindOf = (change: Change): StepKind => {
    const found = kinds.get(change.kind);
    if (!found)
      throw new Fault({
        code: 'run.unknown-kind',
        summary: 'The change set has a step that this octank cannot perform.',
        detail: `${change.id} is of kind ${change.kind}.`,
        hint: 'Compute the change set again with this octank: octank migrate plan.',
      });
    return found;
  };
  const phaseOf = (change: Change): Phase => {
    const found = phases.find((phase) => phase.name === change.phase);
    if (!found)
      throw new Fault({
        code: 'run.unknown-phase',
        summary: 'The change set has a phase that this octank lacks.',
        detail: change.phase,
      });
    return found;
  };

  /** The attempt that is under way, or the next one: what an earlier, walked-back attempt captured must not be taken for this one's. */
  const attemptOf = (change: Change): number => {
    const { status, attempts } = stateOf(change);
    return status === 'intended' || status === 'unknown' || status === 'done' ? attempts : attempts + 1;
  };

  const contextOf = (change: Change, unwindTo: Change | null = null): StepContext => ({
    plan,
    changeSet: state().changeSet,
    change,
    ports,
    live,
    get state() {
      return state();
    },
    // While unwinding, the interrupt has already happened: the way back must not be cut short by it.
    signal: unwinding || isPostponed(kinds.get(change.kind)) ? new AbortController().signal : signal,
    token: `${state().lineage}:${change.id}:${attemptOf(change)}`,
    unwindTo,
    evidence: (stepId) => {
      const step = stepState(state(), stepId);
      return step && step.status === 'done' ? step.evidence : undefined;
    },
    captured: () => stateOf(change).captured,
    capture: async (data: JsonObject) => {
      await journal.append({ type: 'captured', stepId: change.id, data });
    },
    record: async (measurement) => {
      await journal.append(measurement);
      if (measurement.type === 'verdict')
        host.notify({ type: 'verdict', stepId: measurement.stepId, verdict: measurement.verdict });
      if (measurement.type === 'diagnostic') host.notify({ type: 'diagnostic', diagnostic: measurement.diagnostic });
      if (measurement.type === 'note') host.notify({ type: 'note', text: measurement.text });
    },
    progress: (progress) => host.notify({ type: 'step-progress', progress: { stepId: change.id, ...progress } }),
  });

  let unwinding = false;

  /** Between a source that is fenced for good and the application's first write, only a lost lease may stop octank. */
  const isPostponed = (kind: StepKind | undefined): boolean =>
    kind?.atOnce === true && !(signal.reason instanceof Fault && signal.reason.code === 'lock.lost');

  const throwIfInterrupted = (kind: StepKind): void => {
    if (!signal.aborted || unwinding || isPostponed(kind)) return;
    throw signal.reason instanceof Fault ? signal.reason : interruptedFault();
  };

  const wait = async (kind: StepKind): Promise<void> => {
    const { limit } = kind;
    const timer = limit.timer === 'wall' ? ports.clock.wall : ports.clock;
    try {
      await timer.sleep(limit.intervalSeconds * 1000, unwinding || isPostponed(kind) ? undefined : signal);
    } catch (error) {
      throwIfInterrupted(kind);
      throw error;
    }
  };

  const drifted = (change: Change, observation: Extract<Observation, { state: 'drifted' }>): Fault =>
    new Fault({
      code: 'run.drifted',
      summary: 'The world differs from what the journal says.',
      detail: `${change.id}: ${observation.detail}`,
      hint: observation.hint,
      exitCode: exitCodes.held,
    });

  const overdue = (change: Change, kind: StepKind, seen: string): Fault =>
    new Fault({
      code: 'run.deadline',
      summary: 'A step was not seen done in time.',
      detail: `${change.id} after ${kind.limit.deadlineSeconds} s: ${seen} (${kind.limit.reason}).`,
      hint: 'Look at the cause named, then run the same command again: it continues.',
      effect: 'done',
    });

  /** Polls until the world shows the step done; the deadline is a fault with the last thing seen. */
  const confirm = async (change: Change, kind: StepKind, context: StepContext): Promise<JsonObject> => {
    const timer = kind.limit.timer === 'wall' ? ports.clock.wall : ports.clock;
    const deadline = timer.now() + kind.limit.deadlineSeconds * 1000;
    for (;;) {
      const observation = await kind.observe(context);
      if (observation.state === 'done') return observation.evidence;
      if (observation.state === 'drifted') throw drifted(change, observation);
      throwIfInterrupted(kind);
      if (timer.now() >= deadline) throw overdue(change, kind, observation.detail ?? 'nothing of it is there');
      if (observation.state === 'in-progress') context.progress({ text: observation.detail });
      await wait(kind);
    }
  };

  /** The first look; where something is under way already, the look after it: only then is it known whether there is anything to perform. */
  const looked = async (change: Change, kind: StepKind): Promise<Observation> => {
    const timer = kind.limit.timer === 'wall' ? ports.clock.wall : ports.clock;
    const deadline = timer.now() + kind.limit.deadlineSeconds * 1000;
    for (;;) {
      const context = contextOf(change);
      const observation = await kind.observe(context);
      if (observation.state !== 'in-progress' || !kind.perform) return observation;
      throwIfInterrupted(kind);
      if (timer.now() >= deadline) throw overdue(change, kind, observation.detail);
      context.progress({ text: observation.detail });
      await wait(kind);
    }
  };

  /** After an unknown outcome: what does the world say? Undefined when it cannot be read. */
  const askWorld = async (kind: StepKind, context: StepContext): Promise<Observation | undefined> => {
    for (let attempt = 1; attempt <= runnerLimits.settleUnknown.attempts; attempt += 1) {
      try {
        return await kind.observe(context);
      } catch (error) {
        if (attempt === runnerLimits.settleUnknown.attempts) return undefined;
        if (error instanceof Fault && error.exitCode === exitCodes.interrupted) throw error;
        await ports.clock.wall.sleep(runnerLimits.settleUnknown.intervalSeconds * 1000);
      }
    }
    return undefined;
  };

  const finish = async (change: Change, evidence: JsonObject, skipped: boolean, startedAt: number): Promise<void> => {
    await journal.append({ type: 'step-done', stepId: change.id, evidence, skipped });
    host.notify({ type: 'step-done', change, seconds: (ports.clock.wall.now() - startedAt) / 1000, skipped, evidence });
  };

  const fail = async (change: Change, fault: Fault): Promise<never> => {
    // The journal itself failing leaves nothing to write to: stop at once, what was intended is on disk.
    if (isJournalFault(fault)) throw fault;
    await journal.append({ type: 'step-failed', stepId: change.id, fault: record(fault) });
    host.notify({
      type: 'step-failed',
      change,
      code: fault.code,
      summary: fault.summary,
      detail: fault.detail,
      hint: fault.hint,
    });
    throw fault;
  };

  const settleUnknown = async (
    change: Change,
    kind: StepKind,
    context: StepContext,
    fault: Fault,
  ): Promise<JsonObject> => {
    await journal.append({ type: 'step-unknown', stepId: change.id, fault: record(fault) });
    const seen = await askWorld(kind, context);
    if (seen === undefined)
      throw new Fault({
        code: 'run.unknown-outcome',
        summary: 'An effect may or may not have happened, and the world cannot be read to tell.',
        detail: `${change.id}: ${fault.message}`,
        hint: `Restore access, then run the same command again: it looks first. The question: is "${change.summary}" done?`,
        effect: 'unknown',
        exitCode: exitCodes.held,
        cause: fault,
      });
    if (seen.state === 'done') return seen.evidence;
    if (seen.state === 'in-progress') return confirm(change, kind, context);
    if (seen.state === 'drifted') throw drifted(change, seen);
    throw new Fault({
      code: fault.code,
      summary: fault.summary,
      detail: fault.detail,
      hint: fault.hint,
      effect: 'none',
      exitCode: fault.exitCode,
      cause: fault,
    });
  };

  const perform = async (change: Change, kind: StepKind, startedAt: number): Promise<void> => {
    await journal.append({ type: 'step-intended', stepId: change.id, attempt: stateOf(change).attempts + 1 });
    const context = contextOf(change);
    let evidence: JsonObject;
    try {
      await kind.perform?.(context);
      evidence = await confirm(change, kind, context);
    } catch (error) {
      const fault = toFault(error);
      if (isJournalFault(fault)) throw fault;
      if (fault.effect !== 'unknown' || fault.exitCode === exitCodes.interrupted) return fail(change, fault);
      evidence = await settleUnknown(change, kind, context, fault).catch((unsettled: unknown) =>
        fail(change, toFault(unsettled, 'none')),
      );
    }
    await finish(change, evidence, false, startedAt);
  };

  /** An approval counts once, for the attempt that follows it: a step that failed and a section that was walked back ask again. */
  const isApproved = (change: Change): boolean => {
    const records = journal.records();
    const given = records.findLastIndex(
      (past) => past.type === 'approved' && past.stepId === change.id && past.approval === change.approval,
    );
    const section = new Set(change.section === null ? [] : sectionSteps(change.section).map(({ id }) => id));
    const spent = records.findLastIndex(
      (past) =>
        (past.type === 'step-intended' && past.stepId === change.id) ||
        (past.type === 'step-undone' && (past.stepId === change.id || section.has(past.stepId))),
    );
    return given > spent;
  };

  const approve = async (change: Change): Promise<void> => {
    if (change.approval === null) return;
    if (isApproved(change)) return;
    const planned = Array.isArray(change.inputs.approvalLines) ? change.inputs.approvalLines.map(String) : [];
    const asks = async (): Promise<readonly string[]> => (await kindOf(change).asks?.(contextOf(change))) ?? [];
    const measured = await asks().catch((error: unknown) => fail(change, toFault(error, 'none')));
    const answer = await host.approve({
      approval: change.approval,
      stepId: change.id,
      title: change.summary,
      lines: [...planned, ...measured],
    });
    if (answer === undefined)
      throw new Fault({
        code: 'approval.needed',
        summary: 'An approval is needed and nobody is there to give it.',
        detail: `${change.id}: ${change.summary}`,
        hint: `Run octank migrate apply ${plan.file} in a terminal, or with --auto-approve.`,
        exitCode: exitCodes.approvalNeeded,
      });
    if (!answer.approved)
      throw new Fault({
        code: 'approval.refused',
        summary: 'The approval was refused.',
        detail: `${change.id}, by ${answer.by}.`,
        hint: `Nothing more was done. Run octank migrate apply ${plan.file} to be asked again.`,
        exitCode: exitCodes.held,
      });
    await journal.append({ type: 'approved', stepId: change.id, approval: change.approval, by: answer.by });
    host.notify({ type: 'approved', stepId: change.id, approval: change.approval, by: answer.by });
  };

  const runStep = async (change: Change): Promise<void> => {
    const kind = kindOf(change);
    throwIfInterrupted(kind);
    const startedAt = ports.clock.wall.now();
    host.notify({ type: 'step-started', change });
    const observation = await looked(change, kind).catch((error: unknown) => fail(change, toFault(error, 'none')));
    if (observation.state === 'done') return finish(change, observation.evidence, true, startedAt);
    if (observation.state === 'drifted') return fail(change, drifted(change, observation));
    if (observation.state === 'absent') await approve(change);
    if (observation.state === 'absent' && kind.perform) return perform(change, kind, startedAt);
    const evidence = await confirm(change, kind, contextOf(change)).catch((error: unknown) =>
      fail(change, toFault(error, 'none')),
    );
    await finish(change, evidence, false, startedAt);
  };

  const sectionSteps = (section: string): readonly Change[] =>
    state().changeSet.changes.filter((change) => change.section === section);

  /** Undoes what a section did, newest first, down to but not including `to`. */
  const unwind = async (section: string, reason: string, to: Change | null = null): Promise<void> => {
    unwinding = true;
    try {
      const steps = sectionSteps(section);
      const from = to === null ? 0 : steps.indexOf(to) + 1;
      const failures: { readonly change: Change; readonly fault: Fault }[] = [];
      for (const change of steps.slice(from).reverse()) {
        const { status } = stateOf(change);
        if (status === 'pending' || status === 'undone') continue;
        await journal.append({ type: 'undo-intended', stepId: change.id, reason, to: to?.id ?? null });
        try {
          await kindOf(change).undo?.(contextOf(change, to));
        } catch (error) {
          const fault = toFault(error);
          if (isJournalFault(fault)) throw fault;
          await journal.append({ type: 'undo-failed', stepId: change.id, fault: record(fault) });
          // What is older is undone all the same: a task that does not start again must not keep a fence closed.
          failures.push({ change, fault });
          continue;
        }
        await journal.append({ type: 'step-undone', stepId: change.id });
        host.notify({ type: 'step-undone', change });
      }
      const [first] = failures;
      if (first)
        throw new Fault({
          code: 'run.unwind-incomplete',
          summary: 'Walking back was not completed.',
          detail: failures.map(({ change, fault }) => `${change.id}: ${fault.message}`).join('; '),
          hint: first.fault.hint || `Run octank migrate apply ${plan.file} again: it first completes the way back.`,
          exitCode: exitCodes.held,
          cause: first.fault,
        });
    } finally {
      unwinding = false;
    }
  };

  const isDone = (change: Change): boolean => stateOf(change).status === 'done';

  /**
   * A way back that was cut short, with the step it leads to: the last thing that moved in the section was undone, and
   * something newer than that step is not. One undo may have moved all of it, so no step need be in the middle of its own.
   */
  const openWayBack = (section: string): { readonly to: Change | null } | undefined => {
    const steps = sectionSteps(section);
    const ids = new Set(steps.map(({ id }) => id));
    const moves = journal.records().filter((past) => 'stepId' in past && ids.has(past.stepId) && isMove(past.type));
    const intent = moves.findLast((past) => past.type === 'undo-intended');
    const isLast = ['undo-intended', 'undo-failed', 'step-undone'].includes(moves.at(-1)?.type ?? '');
    if (!isLast || intent?.type !== 'undo-intended') return undefined;
    const to = steps.find(({ id }) => id === intent.to) ?? null;
    const open = steps.slice(to === null ? 0 : steps.indexOf(to) + 1).map((change) => stateOf(change).status);
    return open.every((status) => status === 'pending' || status === 'undone') ? undefined : { to };
  };

  /** A section that another process left half-done: past its last step it goes on, before it it is walked back first. */
  const settleSection = async (section: string): Promise<void> => {
    const steps = sectionSteps(section);
    const touched = steps.some((change) => stateOf(change).status !== 'pending' && stateOf(change).status !== 'undone');
    const last = steps.at(-1);
    if (!touched || last === undefined || isDone(last)) return;
    const phase = phaseOf(last);
    if (phase.onResume === 'continue') {
      // Before anything moves forward again: weights that are back already must not climb past rungs that still count as done.
      const open = openWayBack(section);
      if (open) await unwind(section, 'completing an earlier way back', open.to);
      return;
    }
    const lastStatus = stateOf(last).status;
    if (lastStatus === 'intended' || lastStatus === 'unknown' || lastStatus === 'failed') {
      const observation = await kindOf(last).observe(contextOf(last));
      if (observation.state === 'done') return finish(last, observation.evidence, false, ports.clock.wall.now());
    }
    host.notify({
      type: 'note',
      text: `An earlier run stopped inside ${section}; it is walked back before it starts again.`,
    });
    await unwind(section, 'resumed in the middle of a section');
  };

  /** The last step of the section that somebody approved and that is still done: unattended traffic returns there. */
  const lastApproved = (section: string): Change | null =>
    sectionSteps(section).findLast(
      (change) => isDone(change) && state().approvals.some((approval) => approval.stepId === change.id),
    ) ?? null;

  const onFault = async (change: Change, fault: Fault): Promise<void> => {
    if (change.section === null || isJournalFault(fault) || fault.code === 'lock.lost') return;
    const phase = phaseOf(change);
    if (fault.code === 'approval.needed') {
      const exposed = sectionSteps(change.section).some(isDone) && change.inputs.unattended !== true;
      if (exposed && phase.onResume === 'continue')
        await unwind(change.section, 'an approval is needed and nobody is there', lastApproved(change.section));
      else if (phase.onResume === 'restart') await unwind(change.section, 'an approval is needed and nobody is there');
      return;
    }
    if (phase.unwindsOn(fault)) await unwind(change.section, fault.summary);
  };

  const outcomeOf = (fault: Fault): RunOutcome => {
    if (fault.exitCode === exitCodes.interrupted) return 'interrupted';
    if (fault.exitCode === exitCodes.gateFailed) return 'rolled-back';
    if (fault.exitCode === exitCodes.held || fault.exitCode === exitCodes.approvalNeeded) return 'held';
    return 'failed';
  };

  const finishWith = async (fault: Fault, stepId: string): Promise<RunResult> => {
    const outcome = outcomeOf(fault);
    // A journal that cannot be written has no last word, and a lost lease must not write one.
    if (!isJournalFault(fault) && fault.code !== 'lock.lost') {
      if (outcome === 'held') {
        await journal.append({ type: 'held', stepId, reason: fault.message, hint: fault.hint });
        host.notify({ type: 'held', stepId, reason: fault.message, hint: fault.hint });
      }
      await journal.append({ type: 'finished', outcome, exitCode: fault.exitCode });
    }
    return { outcome, exitCode: fault.exitCode, fault };
  };

  const selected = (change: Change): boolean =>
    (options.until === null || !comesBefore(options.until, change.phase)) &&
    (options.wave === null || change.wave === null || change.wave === options.wave);

  /** Waves that must be through before this step, and are not: with `--wave`, steps of others were left out. */
  const waitsFor = (change: Change): readonly string[] => {
    const { after } = change.inputs;
    if (!Array.isArray(after)) return [];
    return after
      .map(String)
      .filter((wave) => state().changeSet.changes.some((other) => other.wave === wave && !isDone(other)));
  };

  /** Walks the change set to its end, or to the first thing that stops it. */
  const run = async (): Promise<RunResult> => {
    const changes = state().changeSet.changes.filter(selected);
    const settled = new Set<string>();
    const waiting = new Set<string>();
    for (const change of changes) {
      const missing = isDone(change) ? [] : waitsFor(change);
      if (missing.length > 0) {
        if (!waiting.has(change.phase))
          host.notify({ type: 'note', text: `${change.phase} waits: wave ${missing.join(', ')} is not through yet.` });
        waiting.add(change.phase);
        continue;
      }
      try {
        if (change.section !== null && !settled.has(change.section)) {
          settled.add(change.section);
          await settleSection(change.section);
        }
        if (isDone(change)) continue;
        await runStep(change);
      } catch (error) {
        let fault = toFault(error);
        try {
          await onFault(change, fault);
        } catch (second) {
          fault = toFault(second);
        }
        return finishWith(fault, change.id);
      }
    }
    const complete = state().changeSet.changes.every(isDone);
    await journal.append(
      complete
        ? { type: 'finished', outcome: 'succeeded', exitCode: exitCodes.done }
        : { type: 'note', text: 'Stopped where the command asked to; the rest is still to do.' },
    );
    return { outcome: 'succeeded', exitCode: exitCodes.done, fault: null };
  };

  return { run, unwind, sectionSteps };
};

export type Runner = ReturnType<typeof createRunner>;

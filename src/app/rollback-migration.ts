/** Use case: traffic goes back to the source side in one batch per record; the writer is never moved by this. */
import { hostname } from 'node:os';
import type { RunState } from '../journal/run-state.ts';
import { type ExitCode, exitCodes, Fault } from '../model/fault.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Plan } from '../model/plan.ts';
import { phases } from '../phases/index.ts';
import { createLiveWaves } from '../phases/live.ts';
import type { Host } from '../ports/host.ts';
import { createTee } from '../report/hosts/tee.ts';
import type { RollbackCost } from '../report/json-types.ts';
import { writerOf } from '../report/run-facts.ts';
import { createRunner } from '../runner/runner.ts';
import { listenForInterrupt } from './interrupt.ts';
import { holdLease } from './lease.ts';
import { rollbackCost } from './live-facts.ts';
import { createNotices } from './notices.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, openWorld } from './world.ts';

export interface RollbackOptions {
  readonly file: string;
  /** The phase to stand before afterwards. Weights only: `traffic`. */
  readonly to: PhaseName;
}

export interface RollbackOutcome {
  readonly plan: Plan;
  readonly state: RunState | null;
  readonly exitCode: ExitCode;
  readonly moved: readonly string[];
  readonly cost: RollbackCost;
}

const notYet = (to: PhaseName): Fault =>
  new Fault({
    code: 'rollback.not-built-yet',
    summary: 'This octank moves traffic back; it does not yet move the writer back.',
    detail: `Asked for: ${to}.`,
    hint: 'Use --to traffic. Before the point of no return a failed cutover goes back by itself.',
    exitCode: exitCodes.invalid,
  });

const trafficSections = (state: RunState): readonly string[] => [
  ...new Set(
    state.changeSet.changes.flatMap((change) =>
      change.phase === 'traffic' && change.section !== null ? [change.section] : [],
    ),
  ),
];

export const rollbackMigration = async (
  options: RollbackOptions,
  settings: Settings,
  given: { readonly host: Host },
): Promise<RollbackOutcome> => {
  const plan = requirePlan(await openPlan(options.file));
  if (options.to !== 'traffic') throw notYet(options.to);
  const folder = stateFolderOf(plan, settings);
  const { host } = given;
  const interrupt = listenForInterrupt({ file: options.file, say: (text) => host.notify({ type: 'note', text }) });
  const lease = await holdLease(folder.lock, {
    command: `octank migrate rollback ${options.file}`,
    onLost: (fault) => interrupt.abort(fault),
  });
  try {
    const run = await latestRun(folder, { clock: clockOf(settings), fencing: () => lease.fencing });
    if (!run?.state)
      throw new Fault({
        code: 'rollback.no-run',
        summary: 'There is no run to roll back.',
        detail: folder.path,
        hint: `See octank migrate status ${options.file}`,
        exitCode: exitCodes.invalid,
      });
    const { journal, stores } = run;
    await journal.append({
      type: 'lock-taken',
      owner: `${settings.user}@${hostname()}`,
      command: `octank migrate rollback ${options.file}`,
    });
    const world = openWorld({
      plan,
      settings,
      fencing: { lineage: run.state.lineage, current: () => lease.fencing },
      checkpoints: stores.checkpoints,
      announce: (text) => host.notify({ type: 'note', text }),
    });
    const notices = createNotices({ plan: plan.name, notify: world.ports.notify });
    const live = createLiveWaves({
      ports: world.ports,
      record: async (measurement) => void (await journal.append(measurement)),
    });
    try {
      const runner = createRunner({
        plan,
        journal,
        ports: world.ports,
        host: createTee(notices, host),
        live,
        phases,
        signal: interrupt.signal,
        until: null,
        wave: null,
      });
      const moved: string[] = [];
      for (const section of trafficSections(run.state)) {
        const begun = runner
          .sectionSteps(section)
          .some((change) =>
            journal
              .state()
              ?.steps.some(
                (step) => step.change.id === change.id && step.status !== 'pending' && step.status !== 'undone',
              ),
          );
        if (!begun) continue;
        await runner.unwind(section, 'octank migrate rollback');
        moved.push(section.slice('traffic/'.length));
      }
      await journal.append({ type: 'finished', outcome: 'rolled-back', exitCode: exitCodes.done });
      const state = journal.state();
      if (moved.length > 0) notices.send(`octank ${plan.name}: traffic moved back`, moved.join(', '));
      await notices.settle();
      return { plan, state, exitCode: exitCodes.done, moved, cost: await rollbackCost(world, plan, state) };
    } finally {
      await live.stop();
      await world.close();
    }
  } finally {
    await lease.release();
    interrupt.dispose();
  }
};

/** What a person should know before saying yes. */
export const rollbackLines = (plan: Plan, state: RunState): readonly string[] => [
  ...plan.traffic.map(
    (spec) =>
      `${spec.record.name}.${spec.record.zone}: all new lookups answer ${spec.source.id} (${spec.source.value}).`,
  ),
  ...plan.waves.map((wave) =>
    writerOf(state, wave.name) === 'target'
      ? `Wave ${wave.name}: ${wave.target} stays the writer; both stacks go on writing it.`
      : `Wave ${wave.name}: ${wave.source} stays the writer.`,
  ),
];

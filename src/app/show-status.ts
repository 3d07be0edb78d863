/** Use case: where the run stands, who writes, and what going back would cost now. Changes nothing. */
import { exitCodes, Fault } from '../model/fault.ts';
import type { StatusJson } from '../report/json-types.ts';
import { statusToJson } from '../report/status.ts';
import { readWeights, rollbackCost } from './live-facts.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, noCheckpoints, openWorld, readOnly } from './world.ts';

export const showStatus = async (
  file: string,
  settings: Settings,
): Promise<{ readonly name: string; readonly status: StatusJson }> => {
  const plan = requirePlan(await openPlan(file));
  const folder = stateFolderOf(plan, settings);
  const run = await latestRun(folder, { clock: clockOf(settings), fencing: () => 0 });
  const held = await folder.lock.holder();
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const state = run?.state ?? null;
    const status = statusToJson({
      planName: plan.name,
      state,
      lock: held
        ? { owner: `${held.holder.owner}@${held.holder.host}`, alive: held.alive, command: held.holder.command }
        : null,
      rollback: await rollbackCost(world, plan, state),
      liveWeights: await readWeights(world, plan),
    });
    return { name: plan.name, status };
  } finally {
    await world.close();
  }
};

/** Use case: the lock of a plan is taken away from whoever holds it. */
export const unlockMigration = async (file: string, settings: Settings): Promise<string> => {
  const plan = requirePlan(await openPlan(file));
  const { lock } = stateFolderOf(plan, settings);
  const held = await lock.holder();
  if (!held) return 'No lock is held.';
  if (held.alive)
    throw new Fault({
      code: 'lock.alive',
      summary: 'The process that holds the lock is alive.',
      detail: `${held.holder.owner}@${held.holder.host}, process ${held.holder.pid}: ${held.holder.command}`,
      hint: 'End it first (Ctrl-C there); the lock is then free by itself.',
      exitCode: exitCodes.locked,
    });
  await lock.breakLock();
  return `The lock of ${held.holder.owner}@${held.holder.host} (process ${held.holder.pid}) was removed.`;
};

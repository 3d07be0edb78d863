/** How far the way back of a wave has come, and what would not have come: measured, and unknown where it cannot be. */
import type { RunState } from '../journal/run-state.ts';
import type { Plan, Wave } from '../model/plan.ts';
import type { TableName } from '../model/table.ts';
import type { Ports } from '../phases/contract.ts';
import { taskName } from '../phases/dms-steps.ts';
import { waveInputs } from '../phases/wave.ts';
import type { Database } from '../ports/database.ts';
import type { ReverseFacts } from '../report/run-facts.ts';

/** An older heartbeat was written by nobody who is there now: its age says how long octank has been gone, not how far the source is behind. */
const freshSeconds = 10;
/** Statistics of a busy session move once a second. */
const paceMs = 1500;

/** What the source has is at most this old; null where nobody beats. */
export const tailOf = (ages: { readonly onTarget: number | null; readonly onSource: number | null }): number | null =>
  ages.onTarget === null || ages.onTarget > freshSeconds ? null : ages.onSource;

/** Rows that change within the tail at the pace of now: an estimate, and upwards. */
export const rowsWithin = (options: {
  readonly rows: number;
  readonly seconds: number;
  readonly tailSeconds: number;
}): number =>
  options.seconds <= 0 ? 0 : Math.ceil((Math.max(0, options.rows) / options.seconds) * options.tailSeconds);

const paceOf = async (database: Database, tables: readonly TableName[], wall: Ports['clock']['wall']) => {
  const from = wall.now();
  const before = await database.sessions.writeCount(tables);
  await wall.sleep(paceMs);
  const rows = (await database.sessions.writeCount(tables)) - before;
  return { rows, seconds: (wall.now() - from) / 1000 };
};

export const measureWayBack = async (ports: Ports, plan: Plan, wave: Wave, state: RunState): Promise<ReverseFacts> => {
  const task = await ports.replication.findTask(taskName(plan, wave, 'reverse'));
  const running = task?.status === 'running';
  const [source, target] = await Promise.all([ports.database(wave.source), ports.database(wave.target)]);
  const [onTarget, onSource] = await Promise.all([
    target.signals.heartbeatAge('reverse'),
    source.signals.heartbeatAge('reverse'),
  ]);
  const tailSeconds = tailOf({ onTarget, onSource });
  if (!running || tailSeconds === null) return { running, tailSeconds, rowsAtRisk: null };
  const tables = waveInputs(state.changeSet, wave.name).pairs.map((pair) => pair.target);
  return {
    running,
    tailSeconds,
    rowsAtRisk: rowsWithin({ ...(await paceOf(target, tables, ports.clock.wall)), tailSeconds }),
  };
};

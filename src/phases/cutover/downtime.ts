/** How long writers would be refused: predicted from what was measured a moment ago, and refused where the budget is smaller. */
import { Fault } from '../../model/fault.ts';
import type { Plan, Wave } from '../../model/plan.ts';
import type { TableLedger } from '../../parity/ledger.ts';
import type { StepContext } from '../contract.ts';
import type { LiveWave } from '../live.ts';
import { repointTail } from '../repoint-tail.ts';
import { openWave } from '../wave.ts';

/** A stop requested, sequences set, a slot moved, two fence rows flipped: a second is more than it took anywhere. */
const turnSeconds = 1;
/** Markers that need longer than this mean that nothing can be predicted. */
export const patienceSeconds = 60;

export interface Measured {
  /** One marker through replication. */
  readonly drainSeconds: number;
  /** The dirty chunks of just now, read on both sides. */
  readonly paritySeconds: number;
  /** Exact counts of every table, as final parity takes them. */
  readonly countSeconds: number;
  /** Until clients follow the repoint; null where nobody can know. */
  readonly tailSeconds: number | null;
}

export interface Prediction extends Measured {
  readonly totalSeconds: number;
}

export const predict = (measured: Measured): Prediction => ({
  ...measured,
  totalSeconds:
    measured.drainSeconds + measured.paritySeconds + measured.countSeconds + turnSeconds + (measured.tailSeconds ?? 0),
});

const shown = (seconds: number): string => `${seconds.toFixed(1)} s`;

export const predictionText = (prediction: Prediction, budgetSeconds: number): string => {
  const { drainSeconds, paritySeconds, countSeconds, tailSeconds, totalSeconds } = prediction;
  const tail =
    tailSeconds === null
      ? 'how long clients keep the old place nobody can know'
      : `clients follow within ${shown(tailSeconds)}`;
  return `Predicted downtime ${shown(totalSeconds)} of ${shown(budgetSeconds)}: drain ${shown(drainSeconds)}, final parity ${shown(paritySeconds)}, counts ${shown(countSeconds)}, turning ${shown(turnSeconds)}; ${tail}.`;
};

/** Faults: `cutover.over-budget`, before anything is fenced. */
export const requireWithinBudget = (prediction: Prediction, wave: Wave, plan: Pick<Plan, 'file'>): void => {
  const budgetSeconds = wave.cutover.downtimeBudgetSeconds;
  if (prediction.totalSeconds <= budgetSeconds) return;
  throw new Fault({
    code: 'cutover.over-budget',
    summary: 'The cutover would need longer than its budget, so nothing is fenced.',
    detail: predictionText(prediction, budgetSeconds),
    hint: `Cut over in a quieter hour, lower what is longest, or raise downtimeBudget in ${plan.file}.`,
  });
};

const counting = async (context: StepContext, tables: readonly TableLedger[]): Promise<void> => {
  const { source, target } = await openWave(context);
  for (const table of tables)
    await Promise.all([
      source.rows.count?.(table.source, context.signal),
      target.rows.count?.(table.target, context.signal),
    ]);
};

/** Chunks that no check has read for too long: reading them is not what the fenced look will do. */
const hasOldChunks = (context: StepContext, live: LiveWave, maxAgeSeconds: number): boolean => {
  const ledger = live.tracker.ledger();
  const since = context.ports.clock.now() - maxAgeSeconds * 1000;
  return (
    ledger === null ||
    !ledger.isComplete ||
    ledger.tables.some((table) => table.chunks.some((chunk) => chunk.checkedAt === null || chunk.checkedAt < since))
  );
};

/**
 * `proving`: two markers under way; markers travel while everything else is asked. `refresh` reads the dirty chunks on both sides,
 * as final parity will, and those that are old.
 */
export const measureDowntime = async (
  context: StepContext,
  live: LiveWave,
  { proving, refresh }: { readonly proving: Promise<number | null>; readonly refresh: () => Promise<void> },
): Promise<Prediction> => {
  const { wave } = await openWave(context);
  const { wall } = context.ports.clock;
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const from = wall.now();
    await work();
    return (wall.now() - from) / 1000;
  };
  const twoMarkers = await proving;
  // Interrupted markers did not come through either, and say nothing of replication.
  context.signal.throwIfAborted();
  if (twoMarkers === null)
    throw new Fault({
      code: 'cutover.lag',
      summary: 'Markers do not come through replication in time, so no downtime can be predicted.',
      detail: `${patienceSeconds} s.`,
      hint: 'Look at the forward task, then apply again.',
    });
  const hadOld = hasOldChunks(context, live, wave.parity.maxAgeSeconds);
  const first = await timed(refresh);
  // Where old chunks had to be read too, a second look reads what the fenced one will.
  const paritySeconds = hadOld ? await timed(refresh) : first;
  const countSeconds = await timed(() => counting(context, live.tracker.ledger()?.tables ?? []));
  return predict({
    drainSeconds: twoMarkers / 2,
    paritySeconds,
    countSeconds,
    tailSeconds: await repointTail(wave, context.ports),
  });
};

/** Questions that every rendering of a run asks of its state: phases, downtime, who writes, what a rollback would cost. Pure. */
import type { Writer } from '../journal/record.ts';
import type { RunState, StepState } from '../journal/run-state.ts';
import type { TableParity } from '../model/parity.ts';
import { type PhaseName, phaseNames } from '../model/phase.ts';
import type { RollbackCost } from './json-types.ts';

export interface PhaseSpan {
  readonly name: PhaseName;
  /** Wall clock, epoch ms; of the steps that have begun. */
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
  readonly steps: readonly StepState[];
}

const isFinished = (step: StepState): step is StepState & { startedAt: number; finishedAt: number } =>
  step.startedAt !== null && step.finishedAt !== null;

export const phaseSpans = (state: RunState): readonly PhaseSpan[] =>
  phaseNames.flatMap((name) => {
    const steps = state.steps.filter((step) => step.change.phase === name);
    const finished = steps.filter(isFinished);
    if (finished.length === 0) return [];
    const from = Math.min(...finished.map((step) => step.startedAt));
    const to = Math.max(...finished.map((step) => step.finishedAt));
    return [{ name, from, to, seconds: Math.max(0, to - from) / 1000, steps }];
  });

const stepOf = (state: RunState, wave: string, name: string): StepState | undefined =>
  state.steps.find((step) => step.change.id === `cutover/${wave}/${name}`);

/** Waves of the change set, in its order. */
export const waveNames = (state: RunState): readonly string[] => [
  ...new Set(state.steps.flatMap((step) => (step.change.wave === null ? [] : [step.change.wave]))),
];

export interface FenceWindow {
  readonly wave: string;
  /** Wall clock, epoch ms. */
  readonly from: number;
  /** Null while nobody can say that anyone may write again. */
  readonly to: number | null;
  readonly end: 'target-opened' | 'lifted' | 'not-ended';
}

/** The time in which a wave's writes were refused, by the journal: from asking for the fence to the opening being confirmed. */
export const fenceWindow = (state: RunState, wave: string): FenceWindow | null => {
  const fence = stepOf(state, wave, 'fence');
  const open = stepOf(state, wave, 'unfence-target');
  if (!fence || fence.startedAt === null) return null;
  const from = fence.startedAt;
  if (fence.status === 'undone') {
    const turned = state.pointOfNoReturn[wave];
    // Undone by a fallback long after: when the target had opened is no longer in the state, and hours would be wrong.
    if (fence.finishedAt === null || (turned !== undefined && turned > from)) return null;
    return { wave, from, to: fence.finishedAt, end: 'lifted' };
  }
  if (fence.status === 'done' && open?.status === 'done' && open.finishedAt !== null)
    return { wave, from, to: open.finishedAt, end: 'target-opened' };
  return { wave, from, to: null, end: 'not-ended' };
};

export const fenceWindows = (state: RunState): readonly FenceWindow[] =>
  waveNames(state)
    .map((wave) => fenceWindow(state, wave))
    .filter((window): window is FenceWindow => window !== null);

/** From the moment the source refused writes until they could be taken again. An application may need longer: it has to find the target first. */
export const downtimeSeconds = (state: RunState, wave: string): number | null => {
  const window = fenceWindow(state, wave);
  return window === null || window.to === null ? null : Math.max(0, window.to - window.from) / 1000;
};

export const totalDowntime = (state: RunState): number | null => {
  const all = waveNames(state)
    .map((wave) => downtimeSeconds(state, wave))
    .filter((seconds): seconds is number => seconds !== null);
  return all.length === 0 ? null : all.reduce((sum, seconds) => sum + seconds, 0);
};

export interface StepSpan {
  readonly step: StepState;
  readonly from: number;
  readonly to: number;
}

/** Found as wanted, so that nothing was done. A check that passes at its first look has been made all the same. */
export const wasAlreadySo = ({ skipped, status, change }: StepState): boolean =>
  skipped && status === 'done' && change.action !== 'read';

/** When steps ran, in the change set's order; steps that have not begun are left out. */
export const stepSpans = (state: RunState): readonly StepSpan[] => {
  let previous = state.startedAt;
  return state.steps.flatMap((step): readonly StepSpan[] => {
    if (step.startedAt === null) return [];
    const to = step.finishedAt ?? state.lastAt;
    // A wait is journaled only when it is over: it began when the step before it ended, or when this process took over.
    const taken = state.takings.findLast((taking) => taking.at <= to)?.at ?? state.startedAt;
    const isWait = step.startedAt === to && !step.skipped && step.attempts === 0;
    const from = isWait ? Math.min(to, Math.max(previous, taken)) : step.startedAt;
    previous = Math.max(previous, to);
    return [{ step, from, to }];
  });
};

export const writerOf = (state: RunState, wave: string): Writer => state.writers[wave] ?? 'source';

export interface LiveWeights {
  readonly source: number;
  readonly target: number;
  readonly targetSharePercent: number;
}

export const shareOf = (source: number, target: number): number =>
  source + target === 0 ? 50 : Number(((100 * target) / (source + target)).toFixed(2));

/** The newest journaled weights per record. */
export const weightsOf = (state: RunState): Readonly<Record<string, LiveWeights>> =>
  Object.fromEntries(
    state.weights.map((entry) => [
      entry.record,
      {
        source: entry.sourceWeight,
        target: entry.targetWeight,
        targetSharePercent: shareOf(entry.sourceWeight, entry.targetWeight),
      },
    ]),
  );

export const lagOf = (state: RunState, wave: string): number | null =>
  state.lag.findLast((sample) => sample.wave === wave)?.seconds ?? null;

export interface ParityTotals {
  readonly verdict: string;
  readonly tables: number;
  readonly rows: number;
  /** Missing, extraneous and mismatched. */
  readonly differing: number;
  readonly inFlight: number;
}

export const parityTotals = (state: RunState): ParityTotals | null => {
  const reports = Object.values(state.parity);
  if (reports.length === 0) return null;
  const tables = reports.flatMap((report) => report.tables);
  const sum = (of: (table: TableParity) => number): number => tables.reduce((total, table) => total + of(table), 0);
  const worst = reports.find((r) => r.verdict === 'different') ?? reports.find((r) => r.verdict === 'inconclusive');
  return {
    verdict: worst?.verdict ?? 'equal',
    tables: tables.length,
    rows: sum((table) => table.sourceRows),
    differing: sum((table) => table.missing + table.extraneous + table.mismatched),
    inFlight: sum((table) => table.inFlight),
  };
};

/** What was asked of the world just now; null where it was not or could not be asked. */
export interface ReverseFacts {
  /** Age of the newest change that has not come back yet, seconds. */
  readonly tailSeconds: number | null;
  /** Rows changed on the target that the source does not have yet. */
  readonly rowsAtRisk: number | null;
  readonly running: boolean;
}

const isExposed = (state: RunState): boolean =>
  Object.values(weightsOf(state)).some((weights) => weights.targetSharePercent > 0);

/** What going back would cost now. Every line of it is about data first, traffic second. */
export const rollbackCostOf = (
  state: RunState,
  options: { readonly reverse: ReverseFacts | null; readonly ttlSeconds: number; readonly fallbackNone: boolean },
): RollbackCost => {
  const moved = waveNames(state).filter((wave) => writerOf(state, wave) === 'target');
  const fenced = waveNames(state).filter((wave) => writerOf(state, wave) === 'none');
  const trafficTail = isExposed(state) ? options.ttlSeconds : 0;
  /** Only traffic can go back; the data stays where its writer is. */
  const trafficOnly = (rowsAtRisk: number | null, reason: string): RollbackCost => ({
    possible: isExposed(state),
    kind: isExposed(state) ? 'weights' : 'none',
    rowsAtRisk,
    tailSeconds: isExposed(state) ? options.ttlSeconds : null,
    reason: isExposed(state)
      ? `Traffic can move back; ${reason}`
      : `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`,
  });
  if (moved.length === 0 && fenced.length > 0)
    return {
      possible: true,
      kind: 'unfence',
      rowsAtRisk: 0,
      tailSeconds: 0,
      reason: `The fence of ${fenced.join(', ')} is lifted; the target has taken no write of an application.`,
    };
  if (moved.length === 0)
    return {
      possible: true,
      kind: isExposed(state) ? 'weights' : 'nothing-to-do',
      rowsAtRisk: 0,
      tailSeconds: trafficTail,
      reason: 'The source is the writer; nothing has to come back.',
    };
  if (options.fallbackNone)
    return trafficOnly(null, `the data of ${moved.join(', ')} stays on the target: its fallback is none.`);
  if (options.reverse === null) return trafficOnly(null, 'the way back for the data could not be looked at.');
  if (!options.reverse.running)
    return trafficOnly(
      options.reverse.rowsAtRisk,
      'the way back for the data is not running, so the writer stays on the target.',
    );
  const { tailSeconds, rowsAtRisk } = options.reverse;
  // Both stacks write the target, so weights alone put no row at risk; what a fallback would wait for is told beside it.
  if (isExposed(state))
    return {
      possible: true,
      kind: 'weights',
      rowsAtRisk: 0,
      tailSeconds: trafficTail,
      reason: `Weights move back in one batch and lose nothing: both stacks write the target. The way back for the data is open: ${onTheWay(rowsAtRisk, tailSeconds)}`,
    };
  return {
    possible: true,
    kind: 'fallback',
    rowsAtRisk,
    // A tail that nobody has seen is not a tail of nothing.
    tailSeconds: tailSeconds === null ? null : Math.ceil(tailSeconds),
    reason: 'Changes of the target flow back to the source, so the way back for the data is open.',
  };
};

const onTheWay = (rows: number | null, seconds: number | null): string =>
  rows === null || seconds === null
    ? 'how far it has come nobody measures now.'
    : `a fallback would first wait for about ${rows} rows, ${Math.ceil(seconds)} s.`;

export const runResultPhases = (state: RunState): readonly { readonly name: string; readonly seconds: number }[] =>
  phaseSpans(state).map(({ name, seconds }) => ({ name, seconds: Number(seconds.toFixed(2)) }));

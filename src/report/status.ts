/** Where a run stands: as JSON, and as the screen that an engineer looks at during the night. */
import { currentPhase, type RunState } from '../journal/run-state.ts';
import { formatPercent, formatSeconds } from './format.ts';
import type { RollbackCost, StatusJson } from './json-types.ts';
import { lagOf, waveNames, weightsOf, writerOf } from './run-facts.ts';
import { noStyle, type Style } from './style.ts';

export interface StatusInput {
  readonly planName: string;
  readonly state: RunState | null;
  readonly lock: StatusJson['lock'];
  readonly rollback: RollbackCost;
  /** Weights read from DNS just now, where that was possible; else the journaled ones are shown. */
  readonly liveWeights: StatusJson['weights'] | null;
}

const notStarted = (input: StatusInput): StatusJson => ({
  formatVersion: 1,
  run: null,
  outcome: 'not-started',
  phase: null,
  steps: [],
  writer: {},
  lagSeconds: {},
  weights: input.liveWeights ?? {},
  lock: input.lock,
  hold: null,
  rollback: input.rollback,
});

export const statusToJson = (input: StatusInput): StatusJson => {
  const { state } = input;
  if (state === null) return notStarted(input);
  const waves = waveNames(state);
  const hold = state.holds.at(-1);
  return {
    formatVersion: 1,
    run: {
      id: state.runId,
      lineage: state.lineage,
      plan: input.planName,
      startedAt: new Date(state.startedAt).toISOString(),
      head: state.head,
    },
    // A journal that nobody writes any more and that has no last word was interrupted.
    outcome: state.outcome === 'running' && !input.lock?.alive ? 'interrupted' : state.outcome,
    phase: currentPhase(state),
    steps: state.steps.map((step) => ({
      id: step.change.id,
      status: step.status,
      summary: step.change.summary,
      seconds: step.startedAt !== null && step.finishedAt !== null ? (step.finishedAt - step.startedAt) / 1000 : null,
      fault: step.fault && {
        code: step.fault.code,
        summary: step.fault.summary,
        detail: step.fault.detail,
        hint: step.fault.hint,
      },
    })),
    writer: Object.fromEntries(waves.map((wave) => [wave, writerOf(state, wave)])),
    lagSeconds: Object.fromEntries(waves.map((wave) => [wave, lagOf(state, wave)])),
    weights: input.liveWeights ?? weightsOf(state),
    lock: input.lock,
    hold: hold && state.outcome === 'held' ? { step: hold.stepId, reason: hold.reason, hint: hold.hint } : null,
    rollback: input.rollback,
  };
};

export const renderRollbackCost = (cost: RollbackCost): string => {
  const parts = [
    ...(cost.rowsAtRisk === null ? [] : [`${cost.rowsAtRisk} rows at risk`]),
    ...(cost.tailSeconds === null ? [] : [`${formatSeconds(cost.tailSeconds)} of tail`]),
  ];
  const head = cost.possible ? cost.kind : 'not possible';
  return `${head}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}. ${cost.reason}`;
};

const mark = { pending: ' ', intended: '>', done: 'v', failed: 'x', unknown: '?', undoing: '<', undone: '<' } as const;

/** A run that was told to stop after a phase was not cut off, and should not look as if it had been. */
const outcomeText = ({ outcome, steps }: StatusJson): string =>
  outcome === 'interrupted' && steps.every(({ status }) => status === 'done' || status === 'pending')
    ? 'stopped between two steps, resumable'
    : outcome;

export const renderStatus = (status: StatusJson, planName: string, style: Style = noStyle): string => {
  if (status.run === null) {
    const lock = status.lock ? [`locked by ${status.lock.owner}`] : [];
    return `${[style.bold(planName), 'No run has been started.', ...lock].join('\n')}\n`;
  }
  const done = status.steps.filter((step) => step.status === 'done').length;
  const lines = [
    `${style.bold(planName)}  ${outcomeText(status)}${status.phase ? `, phase ${status.phase}` : ''}, ${done} of ${status.steps.length} steps done`,
    style.dim(`run ${status.run.id} since ${status.run.startedAt}, journal head ${status.run.head.slice(0, 12)}`),
  ];
  for (const [wave, writer] of Object.entries(status.writer)) {
    const lag = status.lagSeconds[wave];
    lines.push(
      `wave ${wave}: writer ${style.bold(writer)}${lag === null || lag === undefined ? '' : `, last lag ${formatSeconds(lag)}`}`,
    );
  }
  for (const [record, weights] of Object.entries(status.weights))
    lines.push(
      `${record}: weights ${weights.source}/${weights.target}, ${formatPercent(weights.targetSharePercent)} to the target`,
    );
  if (status.lock)
    lines.push(`lock: ${status.lock.owner} (${status.lock.command})${status.lock.alive ? '' : ', no longer alive'}`);
  lines.push('');
  for (const step of status.steps)
    lines.push(
      `  ${mark[step.status]} ${step.id}${step.seconds === null ? '' : style.dim(`  ${formatSeconds(step.seconds)}`)}`,
      ...(step.fault && step.status !== 'done'
        ? [`      ${style.red(step.fault.code)} ${step.fault.summary} ${step.fault.detail}`]
        : []),
    );
  lines.push('');
  if (status.hold)
    lines.push(`${style.yellow('held')} at ${status.hold.step}: ${status.hold.reason}`, `  -> ${status.hold.hint}`);
  lines.push(`${style.bold('rollback now costs:')} ${renderRollbackCost(status.rollback)}`);
  return `${lines.join('\n')}\n`;
};

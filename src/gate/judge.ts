/** Samples to a verdict: M of N closed datapoints fail a gate, and only proven evidence passes it. */
import type { GateSpec } from '../model/plan.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Datapoint, Samples } from '../ports/health.ts';

/** A metric may be this many periods late before its silence is called stale; CloudWatch is 2 to 3 minutes late on its own. */
export const latePeriods = 3;

/** Kinds that read a state at an instant; all others aggregate over a period that has to be over first. */
const instantKinds: readonly string[] = ['sessions', 'alarm'];

const periodMs = (gate: GateSpec): number => gate.periodSeconds * 1000;

/** Epoch ms at which a datapoint was complete. */
const closedAt = (gate: GateSpec, at: number): number => (instantKinds.includes(gate.kind) ? at : at + periodMs(gate));

/**
 * What to ask a health source for: the gate's window, and as much more as a metric may be late, so that N closed
 * datapoints can be there at all. Never before the step: an earlier share's datapoints say nothing about this one.
 */
export const sampleWindow = (options: {
  readonly gate: GateSpec;
  readonly now: number;
  readonly stepStartedAt: number;
}): { readonly since: number; readonly until: number } => {
  const { gate, now, stepStartedAt } = options;
  const reachMs = gate.windowSeconds * 1000 + latePeriods * periodMs(gate);
  return { since: Math.max(stepStartedAt, now - reachMs), until: now };
};

const breaches = ({ comparison, threshold }: GateSpec['failWhen'], value: number): boolean => {
  switch (comparison) {
    case '>':
      return value > threshold;
    case '>=':
      return value >= threshold;
    case '<':
      return value < threshold;
    case '<=':
      return value <= threshold;
  }
};

interface JudgeInput {
  readonly gate: GateSpec;
  readonly samples: Samples;
  /** Epoch ms on octank's clock, like every time here. */
  readonly now: number;
  readonly stepStartedAt: number;
}

type Point = Verdict['datapoints'][number];

/** The newest N closed datapoints of the step. NaN and infinities are no evidence: `NaN > limit` is false, which would pass. */
const judgedPoints = ({ gate, samples, now, stepStartedAt }: JudgeInput): readonly Point[] => {
  const usable = (point: Datapoint): boolean =>
    Number.isFinite(point.value) && point.at >= stepStartedAt && closedAt(gate, point.at) <= now;
  const byTime = new Map(samples.datapoints.filter(usable).map((point) => [point.at, point.value]));
  return [...byTime]
    .sort(([a], [b]) => a - b)
    .slice(-gate.evaluationPoints)
    .map(([at, value]) => ({ at, value, breached: breaches(gate.failWhen, value) }));
};

type Answer = Pick<Verdict, 'result' | 'reason' | 'detail'>;

const inconclusive = (reason: Verdict['reason'], detail: string): Answer => ({
  result: 'inconclusive',
  reason,
  detail,
});

const limitText = (gate: GateSpec): string => `${gate.failWhen.comparison} ${gate.failWhen.threshold}`;

const countText = (gate: GateSpec, points: readonly Point[]): string => {
  const breached = points.filter((point) => point.breached).length;
  const newest = points.at(-1);
  return `${breached} of ${points.length} datapoints ${limitText(gate)} (fails at ${gate.datapointsToFail} of ${gate.evaluationPoints})${newest ? `, newest ${newest.value}` : ''}`;
};

/** A full window has passed, so silence is not just a step that began a moment ago. */
const isMature = ({ gate, now, stepStartedAt }: JudgeInput): boolean =>
  now - stepStartedAt >= Math.max(gate.windowSeconds * 1000, (latePeriods + 1) * periodMs(gate));

/** Requests are known, there were some, and as many as the gate asks for. */
const hasVolume = ({ gate, samples }: JudgeInput): boolean =>
  samples.requests !== null && samples.requests > 0 && samples.requests >= gate.minRequests;

const judgeSilence = (input: JudgeInput): Answer => {
  const { gate, samples } = input;
  if (!isMature(input)) return inconclusive('noData', 'no closed datapoint yet');
  if (gate.noData === 'fail')
    return { result: 'failure', reason: 'noData', detail: `no datapoint in ${gate.windowSeconds} s` };
  if (gate.noData === 'success' && hasVolume(input))
    return {
      result: 'success',
      reason: 'within-limit',
      detail: `no datapoint, with ${samples.requests} requests counted`,
    };
  return inconclusive('noData', `no datapoint in ${gate.windowSeconds} s`);
};

const judgeAnswer = (input: JudgeInput, points: readonly Point[]): Answer => {
  const { gate, samples, now } = input;
  if (samples.failure !== null) return { result: 'error', reason: 'provider-error', detail: samples.failure };
  const newest = points.at(-1);
  if (newest === undefined) return judgeSilence(input);
  // One error among three requests is a ratio, but not evidence.
  if (gate.minRequests > 0 && (samples.requests ?? 0) < gate.minRequests)
    return inconclusive(
      'insufficientSamples',
      `${samples.requests ?? 'an unknown number of'} requests, at least ${gate.minRequests} wanted`,
    );
  const breached = points.filter((point) => point.breached).length;
  const detail = countText(gate, points);
  if (breached >= gate.datapointsToFail) return { result: 'failure', reason: 'over-limit', detail };
  // A counter of errors is silent while there are none: its gaps are clean where the volume shows that somebody asked.
  if (gate.noData === 'success' && hasVolume(input) && isMature(input))
    return { result: 'success', reason: 'within-limit', detail };
  const ageSeconds = (now - closedAt(gate, newest.at)) / 1000;
  if (ageSeconds > latePeriods * gate.periodSeconds)
    return inconclusive('stale', `the newest datapoint is ${Math.round(ageSeconds)} s old; ${detail}`);
  // Success only when the datapoints that are missing could not make it a failure.
  if (breached + (gate.evaluationPoints - points.length) >= gate.datapointsToFail)
    return inconclusive('insufficientSamples', `too few datapoints to tell: ${detail}`);
  return { result: 'success', reason: 'within-limit', detail };
};

/** Pure. Failure is evidence of harm; whatever is missing, late or unreadable holds. */
export const judge = (input: JudgeInput): Verdict => {
  const points = judgedPoints(input);
  return { gate: input.gate.name, ...judgeAnswer(input, points), datapoints: points, judgedAt: input.now };
};

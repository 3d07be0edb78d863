/** M of N with missing data: the state that an alarm's points give. behaviour.md C7; the table of "Configuring how alarms treat missing data". Pure. */
import type { AlarmState } from './alarm-rule.ts';

export const comparisons = {
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
  LessThanOrEqualToThreshold: (value: number, threshold: number) => value <= threshold,
} as const;

export type Comparison = keyof typeof comparisons;
export const isComparison = (name: string): name is Comparison => Object.hasOwn(comparisons, name);

export const missingDataModes = ['missing', 'notBreaching', 'breaching', 'ignore'] as const;
export type MissingData = (typeof missingDataModes)[number];

/** How many periods are looked at: some more than decide, for points that came late. */
export const evaluationRange = (evaluationPeriods: number): number => evaluationPeriods + 2;

/** `points`: the evaluation range, oldest first; undefined where there is no data. */
export const decideState = (options: {
  readonly points: readonly (number | undefined)[];
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly isBreaching: (value: number) => boolean;
  readonly missingData: MissingData;
  readonly current: AlarmState;
}): AlarmState => {
  const { points, evaluationPeriods: n, datapointsToAlarm: m, isBreaching, missingData, current } = options;
  const known = points.flatMap((value, index) =>
    value === undefined ? [] : [{ age: points.length - index, breaching: isBreaching(value) }],
  );
  if (known.length === 0) {
    const states = { missing: 'INSUFFICIENT_DATA', notBreaching: 'OK', breaching: 'ALARM', ignore: current } as const;
    return states[missingData];
  }
  const deciding = known.slice(-n);
  const absent = n - deciding.length;
  const breaching = deciding.filter((point) => point.breaching).length;
  if (breaching >= m) return 'ALARM';
  if (absent <= 0 || missingData === 'notBreaching') return 'OK';
  if (missingData === 'breaching') return breaching + absent >= m ? 'ALARM' : 'OK';
  if (breaching < deciding.length) return 'OK';
  if (missingData === 'ignore') return current;
  // Only breaching points, the oldest as old as M: AWS alarms before all points are there.
  return (deciding[0]?.age ?? 0) >= m ? 'ALARM' : 'OK';
};

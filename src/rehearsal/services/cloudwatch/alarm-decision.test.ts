/** The tables of "Configuring how CloudWatch alarms treat missing data", row by row. */
import { describe, expect, it } from 'vitest';
import { decideState, type MissingData } from './alarm-decision.ts';
import type { AlarmState } from './alarm-rule.ts';

const modes: readonly MissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];

const decide = (row: string, m: number, missingData: MissingData, current: AlarmState): AlarmState =>
  decideState({
    points: row.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? 1 : 0)),
    evaluationPeriods: 3,
    datapointsToAlarm: m,
    isBreaching: (value) => value === 1,
    missingData,
    current,
  });

/** `KEEP`: whatever it was. In the order of `modes`. */
const rows: readonly [row: string, m: number, expected: readonly (AlarmState | 'KEEP')[]][] = [
  ['0 - X - X', 3, ['OK', 'OK', 'OK', 'OK']],
  ['0 - - - -', 3, ['OK', 'OK', 'OK', 'OK']],
  ['- - - - -', 3, ['INSUFFICIENT_DATA', 'KEEP', 'ALARM', 'OK']],
  ['0 X X - X', 3, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
  ['- - X - -', 3, ['ALARM', 'KEEP', 'ALARM', 'OK']],
  ['0 - X - X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
  ['0 0 X 0 X', 2, ['ALARM', 'ALARM', 'ALARM', 'ALARM']],
  ['0 - X - -', 2, ['OK', 'OK', 'ALARM', 'OK']],
  ['- - - - 0', 2, ['OK', 'OK', 'ALARM', 'OK']],
  ['- - - X -', 2, ['ALARM', 'KEEP', 'ALARM', 'OK']],
];

describe('M of N with missing data', () => {
  it.each(rows)('%s with %i of 3', (row, m, expected) => {
    for (const current of ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const)
      expect(modes.map((mode) => decide(row, m, mode, current))).toEqual(
        expected.map((state) => (state === 'KEEP' ? current : state)),
      );
  });
});

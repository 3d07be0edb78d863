import { describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.ts';
import { resultJson } from './json-types.ts';
import { renderSummary, resultOf } from './summary.ts';
import { failedRun, fold, measured, type Timed, wholeRun } from './testing/sample-run.ts';

const rollback = { possible: true, kind: 'weights', rowsAtRisk: 0, tailSeconds: 61, reason: 'Open.' } as const;

const result = (timed: readonly Timed[] | null, extra: Partial<Parameters<typeof resultOf>[0]> = {}) =>
  resultOf({
    state: timed && fold(timed).state,
    outcome: 'succeeded',
    exitCode: 0,
    fault: null,
    rollback,
    measured: null,
    clockRate: 120,
    ...extra,
  });

describe('the result line', () => {
  it.each([
    ['a rehearsal', result(wholeRun, { measured, report: 'report.html' })],
    ['a plain apply', result(wholeRun)],
    [
      'a run that never began',
      result(null, { outcome: 'failed', exitCode: 1, fault: new Fault({ code: 'a.b', summary: 'S.' }) }),
    ],
    ['a gate that failed', result(failedRun, { outcome: 'rolled-back', exitCode: 5 })],
  ])('of %s is what its schema promises', (_, line) => {
    expect(resultJson.strict().parse(line)).toEqual(line);
    expect(JSON.stringify(line)).not.toContain('\n');
  });

  it('claims nothing about writes that nobody counted', () => {
    expect(result(wholeRun).writes).toBeNull();
    expect(result(wholeRun).clients).toBeNull();
  });

  it('takes the downtime measured from outside over the one of the journal', () => {
    expect(result(wholeRun, { measured }).downtimeSeconds).toBe(1.512);
    expect(result(wholeRun).downtimeSeconds).toBe(1.56);
  });

  it('has the last share measured on each rung', () => {
    const shares = result(wholeRun).traffic?.shares ?? [];
    expect(shares.map((share) => share.expectedPercent)).toEqual([5, 25, 50, 75, 100]);
    expect(shares.every((share) => share.measuredPercent !== null)).toBe(true);
  });
});

describe('the summary', () => {
  const red = {
    bold: plain,
    dim: plain,
    red: (t: string) => `RED(${t})`,
    green: (t: string) => `GREEN(${t})`,
    yellow: plain,
    cyan: plain,
  };

  it('is not green when a promise was broken, whatever the outcome says', () => {
    const broken = { ...measured, violations: [{ code: 'two-writers', detail: 'both', at: '2026-11-24T17:00:00Z' }] };
    const text = renderSummary(result(wholeRun, { measured: broken }), red);
    expect(text).toContain('RED(succeeded)');
    expect(text).toContain('two-writers');
    expect(renderSummary(result(wholeRun, { measured }), red)).toContain('GREEN(succeeded)');
  });

  it('says that the clock ran faster, and only then', () => {
    expect(renderSummary(result(wholeRun))).toContain('120 times as fast');
    expect(renderSummary(result(wholeRun, { clockRate: 1 }))).not.toContain('as fast');
  });
});

function plain(text: string): string {
  return text;
}

import { describe, expect, it } from 'vitest';
import type { RunState } from '../journal/run-state.ts';
import {
  downtimeSeconds,
  fenceWindow,
  parityTotals,
  phaseSpans,
  type ReverseFacts,
  rollbackCostOf,
  stepSpans,
  totalDowntime,
} from './run-facts.ts';
import {
  abortedCutover,
  cutover,
  failedRun,
  fold,
  heldRun,
  record,
  startAt,
  type Timed,
  untilCutover,
  wholeRun,
} from './testing/sample-run.ts';

const stateOf = (timed: readonly Timed[]): RunState => fold(timed).state;
const open: ReverseFacts = { running: true, tailSeconds: 1.4, rowsAtRisk: 0 };
const cost = (state: RunState, reverse: ReverseFacts | null, fallbackNone = false) =>
  rollbackCostOf(state, { reverse, ttlSeconds: 60, fallbackNone });

describe('what going back costs', () => {
  const moved = stateOf([...untilCutover, ...cutover]);
  const exposed = stateOf(wholeRun);

  it('is nothing before the writer moves', () => {
    expect(cost(stateOf(untilCutover), null)).toMatchObject({ possible: true, kind: 'nothing-to-do', rowsAtRisk: 0 });
  });

  it('is the lifting of the fence while nobody writes', () => {
    expect(cost(stateOf([...untilCutover, ...cutover.slice(0, 3)]), null)).toMatchObject({
      possible: true,
      kind: 'unfence',
      rowsAtRisk: 0,
    });
  });

  it.each([
    ['was not asked', null, false],
    ['is not running', { ...open, running: false, rowsAtRisk: 12 }, false],
    ['was never built', open, true],
  ] as const)('never claims a way back for the data that %s', (_, reverse, fallbackNone) => {
    expect(cost(moved, reverse, fallbackNone)).toMatchObject({ possible: false, kind: 'none', tailSeconds: null });
    // Traffic can still move: that is said to be possible, and nothing more than that.
    const withTraffic = cost(exposed, reverse, fallbackNone);
    expect(withTraffic).toMatchObject({ possible: true, kind: 'weights', tailSeconds: 60 });
    expect(withTraffic.reason).not.toContain('is open');
    expect(withTraffic.rowsAtRisk).not.toBe(0);
  });

  it('is a fallback when changes flow back, and says how many seconds behind they are', () => {
    expect(cost(moved, open)).toMatchObject({ possible: true, kind: 'fallback', rowsAtRisk: 0, tailSeconds: 2 });
    expect(cost(exposed, { ...open, rowsAtRisk: 7 })).toMatchObject({
      possible: true,
      kind: 'weights',
      rowsAtRisk: 0,
      tailSeconds: 60,
      reason: expect.stringMatching(/wait for about 7 rows, 2 s/),
    });
    expect(cost(exposed, { ...open, tailSeconds: null }).reason).toMatch(/nobody measures/);
  });

  it('does not take a tail that nobody has seen for a tail of nothing', () => {
    expect(cost(moved, { ...open, tailSeconds: null }).tailSeconds).toBeNull();
    expect(cost(moved, { ...open, rowsAtRisk: null }).rowsAtRisk).toBeNull();
  });

  it('of a wave that has moved is not hidden by the fence of another', () => {
    const both: RunState = {
      ...moved,
      steps: [...moved.steps, ...moved.steps.map((s) => ({ ...s, change: { ...s.change, wave: 'orders' } }))],
      writers: { shop: 'target', orders: 'none' },
    };
    expect(cost(both, null)).toMatchObject({ possible: false, kind: 'none' });
  });
});

describe('downtime', () => {
  it('lasts from asking for the fence until the target was seen open', () => {
    expect(fenceWindow(stateOf(wholeRun), 'shop')).toMatchObject({ end: 'target-opened', from: startAt + 29_020 });
    expect(downtimeSeconds(stateOf(wholeRun), 'shop')).toBe(1.56);
  });

  it('counts an aborted cutover too: writes were refused', () => {
    expect(fenceWindow(stateOf(abortedCutover), 'shop')?.end).toBe('lifted');
    expect(totalDowntime(stateOf(abortedCutover))).toBe(1.63);
  });

  it('is not known while nobody has seen the fence lifted', () => {
    const state = stateOf([...untilCutover, ...cutover.slice(0, 3)]);
    expect(fenceWindow(state, 'shop')).toMatchObject({ end: 'not-ended', to: null });
    expect(totalDowntime(state)).toBeNull();
  });

  it('is not the hours until a fallback undid the fence', () => {
    const later: Timed = [9_000, { type: 'step-undone', stepId: 'cutover/shop/fence' }];
    expect(downtimeSeconds(stateOf([...untilCutover, ...cutover, later]), 'shop')).toBeNull();
  });

  it('is absent where there was no fence', () => expect(totalDowntime(stateOf(heldRun))).toBeNull());
});

describe('spans', () => {
  it('give a wait its length, though it is journaled only at its end', () => {
    const wait = stepSpans(stateOf(wholeRun)).find(({ step }) => step.change.id === 'cdc/shop/catch-up');
    expect(wait && wait.to - wait.from).toBe(5_400);
  });

  it('do not stretch a wait over the time in which no process ran', () => {
    const timed: readonly Timed[] = [
      ...untilCutover.filter(([seconds]) => seconds <= 17),
      [50_000, { type: 'lock-taken', owner: 'jon@ops-2', command: 'octank migrate apply plans/shop.yaml' }],
      [50_003, { type: 'step-done', stepId: 'cdc/shop/catch-up', evidence: {}, skipped: false }],
    ];
    const wait = stepSpans(stateOf(timed)).find(({ step }) => step.change.id === 'cdc/shop/catch-up');
    expect(wait && wait.to - wait.from).toBe(3_000);
  });

  it('never run backwards', () => {
    for (const timed of [wholeRun, failedRun, abortedCutover, heldRun]) {
      for (const { from, to } of stepSpans(stateOf(timed))) expect(to).toBeGreaterThanOrEqual(from);
      for (const { seconds } of phaseSpans(stateOf(timed))) expect(seconds).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('parity over waves', () => {
  it('is the worst of them, with the rows that differ counted once', () => {
    expect(parityTotals(stateOf(abortedCutover))).toMatchObject({ verdict: 'different', tables: 5, differing: 2 });
    expect(parityTotals(stateOf([...untilCutover]))?.verdict).toBe('equal');
    expect(parityTotals(stateOf(untilCutover.slice(0, 3)))).toBeNull();
  });

  it('of traffic that went back shows none on the target', () => {
    expect(stateOf(failedRun).weights.at(-1)).toMatchObject({ record, targetWeight: 0 });
  });
});

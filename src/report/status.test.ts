import { describe, expect, it } from 'vitest';
import { statusJson } from './json-types.ts';
import { renderStatus, type StatusInput, statusToJson } from './status.ts';
import { abortedCutover, failedRun, fold, heldRun, type Timed, untilCutover, wholeRun } from './testing/sample-run.ts';

const rollback: StatusInput['rollback'] = {
  possible: false,
  kind: 'none',
  rowsAtRisk: null,
  tailSeconds: null,
  reason: 'the way back for the data is not running.',
};
const lock = (alive: boolean): StatusInput['lock'] => ({
  owner: 'maria@ops-1',
  alive,
  command: 'octank migrate apply',
});

const input = (timed: readonly Timed[] | null, extra: Partial<StatusInput> = {}): StatusInput => ({
  planName: 'octank-shop',
  state: timed && fold(timed).state,
  lock: null,
  rollback,
  liveWeights: null,
  ...extra,
});

describe('status', () => {
  it('says interrupted when the journal has no last word and nobody alive holds the lock', () => {
    expect(statusToJson(input(untilCutover)).outcome).toBe('interrupted');
    expect(statusToJson(input(untilCutover, { lock: lock(false) })).outcome).toBe('interrupted');
    expect(statusToJson(input(untilCutover, { lock: lock(true) })).outcome).toBe('running');
  });

  it('does not call a run cut off that stopped between two steps, as --until does', () => {
    const [done, ...rest] = statusToJson(input(wholeRun)).steps;
    if (!done) throw new Error('the sample has no step');
    const stopped = { ...statusToJson(input(untilCutover)), outcome: 'interrupted' as const };
    const pending = rest.map((step) => ({ ...step, status: 'pending' as const }));
    expect(renderStatus({ ...stopped, steps: [done, ...pending] }, 'octank-shop')).toContain(
      'stopped between two steps',
    );
    const cut = { ...done, status: 'intended' as const };
    expect(renderStatus({ ...stopped, steps: [cut, ...pending] }, 'octank-shop')).toContain('octank-shop  interrupted');
  });

  it('shows live weights over journaled ones: somebody else may have moved them', () => {
    const live = { 'www.octank.com': { source: 10, target: 90, targetSharePercent: 90 } };
    expect(statusToJson(input(wholeRun)).weights['www.octank.com']?.targetSharePercent).toBe(100);
    expect(statusToJson(input(wholeRun, { liveWeights: live })).weights).toEqual(live);
  });

  it('shows a hold only while the run is held', () => {
    expect(statusToJson(input(heldRun)).hold?.step).toBe('cutover/shop/recheck');
    const [, ...rest] = untilCutover;
    const goneOn: readonly Timed[] = [...heldRun, ...rest.slice(0, 1).map(([, body]): Timed => [40, body])];
    expect(statusToJson(input(goneOn, { lock: lock(true) })).hold).toBeNull();
  });

  it.each([
    ['no run', null],
    ['a run under way', untilCutover],
    ['a whole run', wholeRun],
    ['a failed run', failedRun],
    ['an aborted cutover', abortedCutover],
    ['a held run', heldRun],
  ] as const)('of %s is what its schema promises', (_, timed) => {
    const status = statusToJson(input(timed));
    expect(statusJson.strict().parse(status)).toEqual(status);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });

  it('on the screen ends with what going back costs, and promises nothing', () => {
    const text = renderStatus(statusToJson(input(abortedCutover)), 'octank-shop');
    expect(text.trimEnd().split('\n').at(-1)).toBe(
      'rollback now costs: not possible. the way back for the data is not running.',
    );
    expect(text).toContain('parity.different');
  });

  it('without a run still says who holds the lock', () => {
    expect(renderStatus(statusToJson(input(null, { lock: lock(true) })), 'octank-shop')).toContain('maria@ops-1');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GateSpec } from '../model/plan.ts';
import type { Samples } from '../ports/health.ts';
import { judge, sampleWindow } from './judge.ts';

const gate: GateSpec = {
  name: 'http-errors',
  kind: 'cloudwatch',
  settings: {},
  failWhen: { comparison: '>', threshold: 1 },
  windowSeconds: 300,
  periodSeconds: 60,
  datapointsToFail: 3,
  evaluationPoints: 5,
  minRequests: 300,
  noData: 'hold',
  range: null,
};
const start = Date.UTC(2026, 0, 1);
const minute = 60_000;
const now = start + 10 * minute;

/** Values of the newest closed periods, oldest first, the last one ending at `now`. */
const samples = (values: readonly number[], more: Partial<Samples> = {}): Samples => ({
  datapoints: values.map((value, index) => ({ at: now - (values.length - index) * minute, value })),
  requests: 1000,
  failure: null,
  ...more,
});
const ask = (given: Samples, change: Partial<GateSpec> = {}, at = now, stepStartedAt = start) => {
  const { result, reason } = judge({ gate: { ...gate, ...change }, samples: given, now: at, stepStartedAt });
  return `${result} ${reason}`;
};

describe('judge', () => {
  it.each<[string, Samples, Partial<GateSpec>, string]>([
    ['passes clean evidence', samples([0, 0, 0, 0, 0]), {}, 'success within-limit'],
    ['fails on M of N, not consecutive', samples([9, 0, 9, 0, 9]), {}, 'failure over-limit'],
    ['does not fail on fewer than M', samples([9, 0, 9, 0, 0]), {}, 'success within-limit'],
    ['looks at the newest N only', samples([9, 9, 9, 0, 0, 0, 0, 0]), {}, 'success within-limit'],
    ['does not promote on no data', samples([]), {}, 'inconclusive noData'],
    [
      'does not promote on no data where zero would be fine',
      samples([], { requests: null }),
      { noData: 'success' },
      'inconclusive noData',
    ],
    [
      'does not take silence for health without requests',
      samples([], { requests: 0 }),
      { noData: 'success', minRequests: 0 },
      'inconclusive noData',
    ],
    ['takes silence for health where volume is proven', samples([]), { noData: 'success' }, 'success within-limit'],
    [
      'needs the floor of requests for that too',
      samples([], { requests: 299 }),
      { noData: 'success' },
      'inconclusive noData',
    ],
    ['fails on silence where the plan says so', samples([]), { noData: 'fail' }, 'failure noData'],
    [
      'does not fail on one error at near-zero traffic',
      samples([9, 9, 9, 9, 9], { requests: 3 }),
      {},
      'inconclusive insufficientSamples',
    ],
    [
      'does not pass on unknown volume',
      samples([0, 0, 0, 0, 0], { requests: null }),
      {},
      'inconclusive insufficientSamples',
    ],
    [
      'ignores volume without a floor',
      samples([0, 0, 0, 0, 0], { requests: null }),
      { minRequests: 0 },
      'success within-limit',
    ],
    ['does not pass while missing points could fail it', samples([0, 0]), {}, 'inconclusive insufficientSamples'],
    ['passes when missing points could not fail it', samples([0, 0, 0]), {}, 'success within-limit'],
    [
      'does not read NaN as below the limit',
      samples([Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN]),
      {},
      'inconclusive noData',
    ],
    ['calls a broken provider an error', samples([], { failure: 'timeout' }), {}, 'error provider-error'],
    [
      'calls a broken provider an error before anything else',
      samples([], { failure: 'timeout' }),
      { noData: 'fail' },
      'error provider-error',
    ],
  ])('%s', (_name, given, change, expected) => {
    expect(ask(given, change)).toBe(expected);
  });

  it('does not fail on silence before a full window has passed', () => {
    expect(ask(samples([]), { noData: 'fail' }, now, now - 2 * minute)).toBe('inconclusive noData');
  });

  it('does not promote on datapoints that stopped coming', () => {
    expect(ask(samples([0, 0, 0, 0, 0]), {}, now + 4 * minute)).toBe('inconclusive stale');
    expect(ask(samples([0, 0, 0, 0, 0]), {}, now + 3 * minute)).toBe('success within-limit');
  });

  it('still fails on breaches that are old', () => {
    expect(ask(samples([9, 9, 9, 9, 9]), {}, now + 4 * minute)).toBe('failure over-limit');
  });

  it('ignores a period that is not over', () => {
    const open = { datapoints: [{ at: now - 30_000, value: 0 }], requests: 1000, failure: null };
    expect(ask(open)).toBe('inconclusive noData');
  });

  it('ignores datapoints of the share before', () => {
    expect(ask(samples([9, 9, 9, 9, 9]), {}, now, now - minute)).toBe('inconclusive insufficientSamples');
  });

  it('reads an alarm as a state at an instant: without a reading it is not OK', () => {
    const alarm = {
      kind: 'alarm',
      failWhen: { comparison: '>=', threshold: 1 },
      minRequests: 0,
      datapointsToFail: 1,
      evaluationPoints: 1,
    } as const;
    const reading = (value: number): Samples => ({
      datapoints: [{ at: now - 1000, value }],
      requests: null,
      failure: null,
    });
    expect(ask(reading(0), alarm)).toBe('success within-limit');
    expect(ask(reading(1), alarm)).toBe('failure over-limit');
    expect(ask({ datapoints: [], requests: null, failure: null }, alarm)).toBe('inconclusive noData');
  });

  it('asks for enough that N late datapoints can be seen, and never for the step before', () => {
    expect(sampleWindow({ gate, now, stepStartedAt: start })).toEqual({ since: now - 8 * minute, until: now });
    expect(sampleWindow({ gate, now, stepStartedAt: now - minute }).since).toBe(now - minute);
  });

  it('never turns to success by losing evidence', () => {
    const value = fc.constantFrom(0, 9);
    fc.assert(
      fc.property(fc.array(value, { maxLength: 5 }), fc.array(fc.nat(4), { maxLength: 5 }), (values, dropped) => {
        const whole = samples(values);
        const less = { ...whole, datapoints: whole.datapoints.filter((_, index) => !dropped.includes(index)) };
        if (ask(less).startsWith('success')) expect(ask(whole)).not.toMatch(/^failure/);
      }),
    );
  });
});

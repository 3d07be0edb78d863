/** Dangers of series: a page not read, a part taken for the whole, an open period judged, composite alarms left out. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrivalMs, closedPeriods, createMetrics } from './cloudwatch.ts';
import { type Answer, type Asked, clientsAt, type Stub, startStub } from './testdata/stub.ts';

let stub: Stub;
beforeAll(async () => {
  stub = await startStub(() => ({ body: '{}' }));
});
afterAll(() => stub.close());

const start = 1_795_000_020_000;
const request = {
  queries: { hits: { namespace: 'N', metric: 'M', dimensions: {}, stat: 'Sum' } },
  periodSeconds: 60,
  start,
  end: start + 300_000,
};
const page = (minutes: readonly number[], more: object = {}, result: object = {}): Answer => ({
  body: JSON.stringify({
    MetricDataResults: [
      {
        Id: 'hits',
        StatusCode: 'Complete',
        Timestamps: minutes.map((minute) => start / 1000 + minute * 60),
        Values: minutes.map((minute) => minute * 10),
        ...result,
      },
    ],
    ...more,
  }),
});
const answering = (...answers: readonly Answer[]) => {
  const left = [...answers];
  (stub.asked as Asked[]).length = 0;
  stub.answer = () => left.shift() ?? 'reset';
  return createMetrics(clientsAt(stub.url));
};

describe('series', () => {
  it('are read to the last page and put in order', async () => {
    const metrics = answering(
      page([3, 4], { NextToken: 'more' }, { StatusCode: 'PartialData' }),
      page([0, 1], { NextToken: 'still more' }, { StatusCode: 'PartialData' }),
      page([2]),
    );
    const { hits } = await metrics.series(request);
    expect(hits?.map(({ value }) => value)).toEqual([0, 10, 20, 30, 40]);
    expect(stub.asked.map(({ body }) => JSON.parse(body).NextToken)).toEqual([undefined, 'more', 'still more']);
  });

  it.each(['PartialData', 'InternalError', 'Forbidden'])('that end as %s are no evidence', async (StatusCode) => {
    await expect(answering(page([1], {}, { StatusCode })).series(request)).rejects.toMatchObject({
      code: 'cloudwatch.incomplete',
    });
  });

  it('hold nothing from outside the window, and none where nothing was answered', async () => {
    const { hits } = await answering(page([-1, 0, 4, 5])).series(request);
    expect(hits?.map(({ value }) => value)).toEqual([0, 40]);
    expect(await answering({ body: '{}' }).series(request)).toEqual({ hits: [] });
  });

  it('are not followed for ever', async () => {
    const metrics = answering(page([1], { NextToken: 'same' }), page([2], { NextToken: 'same' }));
    await expect(metrics.series(request)).rejects.toMatchObject({ code: 'aws.endless-list' });
  });
});

it('asks for composite alarms by name, which AWS otherwise leaves out', async () => {
  const metrics = answering({ body: JSON.stringify({ CompositeAlarms: [{ AlarmName: 'all', StateValue: 'OK' }] }) });
  expect(await metrics.alarm('all')).toMatchObject({ composite: true, state: 'OK' });
  expect(JSON.parse(stub.asked[0]?.body ?? '{}').AlarmTypes).toEqual(['MetricAlarm', 'CompositeAlarm']);
});

it('takes whole periods only, of which the data have arrived', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e12 }),
      fc.nat(5e6),
      fc.constantFrom(10, 60, 300),
      (since, length, seconds) => {
        const until = since + length;
        const { start: from, end } = closedPeriods({ since, until }, seconds);
        expect(from % (seconds * 1000)).toBe(0);
        expect((end - from) % (seconds * 1000)).toBe(0);
        expect(from).toBeGreaterThanOrEqual(since);
        expect(end === from || end <= until - arrivalMs).toBe(true);
        // And all of them: one more period would be too early or too late.
        expect(from - seconds * 1000 < since).toBe(true);
        expect(end + seconds * 1000 > until - arrivalMs).toBe(true);
      },
    ),
  );
});

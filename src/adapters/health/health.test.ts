/** Dangers of gate sources: an alarm that is OK on one old point, silence read as health, a defect hidden as a bad provider. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Fault } from '../../model/fault.ts';
import type { GateSpec } from '../../model/plan.ts';
import type { Datapoint } from '../../ports/health.ts';
import type { AlarmView, Metrics } from '../aws/cloudwatch.ts';
import { createHealth, healthSources } from './index.ts';

const minute = 60_000;
const now = 1_795_000_020_000;
const window = { since: now - 5 * minute, until: now };

const gate = (kind: string, settings: GateSpec['settings']): GateSpec => ({
  name: `${kind}-gate`,
  kind,
  settings,
  failWhen: { comparison: '>=', threshold: 1 },
  windowSeconds: 300,
  periodSeconds: 60,
  datapointsToFail: 3,
  evaluationPoints: 5,
  minRequests: 0,
  noData: 'hold',
  range: null,
});

const metricAlarm = (name: string, state: AlarmView['state'], metric = name): AlarmView => ({
  name,
  state,
  reason: '',
  metrics: [{ namespace: 'N', metric, dimensions: {}, stat: 'Sum', periodSeconds: 60 }],
  composite: false,
});
const composite = (name: string, state: AlarmView['state']): AlarmView => ({
  ...metricAlarm(name, state),
  metrics: [],
  composite: true,
});

/** Metrics whose newest datapoints are as old as told, and alarms as told. */
const fakeMetrics = (options: {
  readonly alarms: readonly AlarmView[];
  readonly newest?: Readonly<Record<string, number>>;
  readonly children?: Readonly<Record<string, readonly string[]>>;
}): Metrics => ({
  series: async ({ queries, start, end }) =>
    Object.fromEntries(
      Object.entries(queries).map(([id, query]): [string, Datapoint[]] => {
        const at = 'metric' in query ? options.newest?.[query.metric] : undefined;
        return [id, at !== undefined && at >= start && at < end ? [{ at, value: 0 }] : []];
      }),
    ),
  alarm: async (name) => options.alarms.find((alarm) => alarm.name === name),
  children: async (name) => options.alarms.filter((alarm) => options.children?.[name]?.includes(alarm.name)),
});

const sample = (metrics: Metrics, name: string) =>
  createHealth({ metrics, countSessions: async () => 0 }).sample(gate('alarm', { name }), window);

describe('alarm', () => {
  it.each([
    ['in ALARM fails at every moment, fresh or not', 'ALARM', null, 1],
    ['OK with a datapoint of the last minute', 'OK', 1, 0],
    ['OK with a datapoint that ended a minute ago', 'OK', 2, 0],
    ['OK on a datapoint that ended three minutes ago is no evidence', 'OK', 4, null],
    ['OK without any datapoint is no evidence', 'OK', null, null],
    ['INSUFFICIENT_DATA is no evidence', 'INSUFFICIENT_DATA', 1, null],
  ] as const)('%s', async (_, state, minutesAgo, value) => {
    const newest: Record<string, number> =
      minutesAgo === null ? {} : { a: Math.floor(now / minute) * minute - minutesAgo * minute };
    const { datapoints, failure } = await sample(fakeMetrics({ alarms: [metricAlarm('a', state)], newest }), 'a');
    expect(failure).toBeNull();
    if (value === null) expect(datapoints).toEqual([]);
    else expect(datapoints.length).toBeGreaterThanOrEqual(5);
    expect(datapoints.every((point) => point.value === value)).toBe(true);
    expect(datapoints.every(({ at }) => at >= window.since && at <= window.until)).toBe(true);
  });

  it('of alarms is as fresh as the stalest of its children', async () => {
    const alarms = [composite('all', 'OK'), composite('half', 'OK'), metricAlarm('a', 'OK'), metricAlarm('b', 'OK')];
    const children = { all: ['half', 'a'], half: ['b'] };
    const fresh = Math.floor(now / minute) * minute - minute;
    expect(
      (await sample(fakeMetrics({ alarms, children, newest: { a: fresh, b: fresh } }), 'all')).datapoints.length,
    ).toBeGreaterThan(0);
    expect((await sample(fakeMetrics({ alarms, children, newest: { a: fresh } }), 'all')).datapoints).toEqual([]);
    expect((await sample(fakeMetrics({ alarms, newest: { a: fresh, b: fresh } }), 'all')).datapoints).toEqual([]);
  });

  it('that contains itself comes to an end', async () => {
    const metrics = fakeMetrics({ alarms: [composite('loop', 'OK')], children: { loop: ['loop'] } });
    expect((await sample(metrics, 'loop')).datapoints).toEqual([]);
  });
});

describe('sessions', () => {
  it('keeps one look a period, so that M of N has something to count, and only of this window', async () => {
    let count = 0;
    const health = createHealth({ metrics: fakeMetrics({ alarms: [] }), countSessions: async () => count });
    const one = gate('sessions', { database: 'accounts', role: 'shop_app' });
    const look = async (until: number, sessions: number, since = now - 5 * minute) => {
      count = sessions;
      return (await health.sample(one, { since, until })).datapoints.map(({ value }) => value);
    };
    expect(await look(now, 0)).toEqual([0]);
    expect(await look(now + 1000, 3)).toEqual([3]);
    expect(await look(now + minute, 4)).toEqual([3, 4]);
    expect(await look(now + 2 * minute, 5, now + minute)).toEqual(expect.arrayContaining([5]));
    expect(await look(now + 2 * minute, 5, now + 2 * minute - 1000)).toEqual([5]);
  });

  it('tells why a database could not be asked, and lets a defect of ours through', async () => {
    const asking = (error: Error) =>
      createHealth({ metrics: fakeMetrics({ alarms: [] }), countSessions: () => Promise.reject(error) }).sample(
        gate('sessions', { database: 'accounts', role: 'shop_app' }),
        window,
      );
    const unreachable = new Fault({ code: 'database.unreachable', summary: 'A database cannot be reached.' });
    expect(await asking(unreachable)).toEqual({ datapoints: [], requests: null, failure: unreachable.message });
    await expect(asking(new TypeError('oops'))).rejects.toThrow('oops');
  });
});

describe.each(healthSources.map((source) => [source.kind, source] as const))('%s', (kind, source) => {
  it('has settings that an editor can be told, and refuses others', () => {
    expect(z.toJSONSchema(source.settings, { io: 'input' })).toMatchObject({ type: 'object' });
    expect(source.settings.safeParse({ unknown: true }).success).toBe(false);
  });

  it('answers settings it cannot read with a failure, never with samples', async () => {
    const health = createHealth({ metrics: fakeMetrics({ alarms: [] }), countSessions: async () => 1 });
    const samples = await health.sample(gate(kind, { unknown: true }), window);
    expect(samples).toMatchObject({ datapoints: [], requests: null });
    expect(samples.failure).toContain(kind);
  });
});

/** behaviour.md, section CloudWatch, by the real SDK on a fast clock. */
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  ListMetricsCommand,
  type MetricDataQuery,
  type MetricDatum,
  PutCompositeAlarmCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type TestRehearsal, testRehearsal } from '../../testing.ts';

const minute = 60_000;
let test: TestRehearsal;
let client: CloudWatchClient;
/** The start of a minute an hour ago: data before it are all in closed periods. */
let base: number;

beforeAll(async () => {
  test = await testRehearsal({ topics: ['alarms'] });
  // Alarms are made faster here than the account may: the SDK retries what is throttled.
  client = new CloudWatchClient({ ...test.client, maxAttempts: 8 });
  // Aligned to five minutes: a period of 300 s then holds minutes 0 to 4, whenever the test runs.
  base = Math.floor(test.now() / (5 * minute)) * 5 * minute - 60 * minute;
});
afterAll(() => test.stop());

const put = (MetricData: MetricDatum[], Namespace = 'Octank/Test') =>
  client.send(new PutMetricDataCommand({ Namespace, MetricData }));

const at = (minutes: number): Date => new Date(base + minutes * minute);

const stat = (Id: string, MetricName: string, Stat = 'Sum', Period = 60): MetricDataQuery => ({
  Id,
  MetricStat: { Metric: { Namespace: 'Octank/Test', MetricName }, Period, Stat },
});
const math = (Id: string, Expression: string): MetricDataQuery => ({ Id, Expression });
const hidden = (query: MetricDataQuery): MetricDataQuery => ({ ...query, ReturnData: false });

const get = async (queries: MetricDataQuery[], minutes = 10) =>
  client.send(
    new GetMetricDataCommand({
      MetricDataQueries: queries,
      StartTime: at(0),
      EndTime: at(minutes),
      ScanBy: 'TimestampAscending',
    }),
  );

/** Minute -> value of the last query, once something is there. */
const values = async (queries: MetricDataQuery[], minutes = 10): Promise<Record<number, number>> => {
  const { MetricDataResults = [] } = await get(queries, minutes);
  const last = MetricDataResults.at(-1);
  return Object.fromEntries(
    (last?.Timestamps ?? []).map((time, index) => [
      (time.getTime() - base) / minute,
      last?.Values?.[index] ?? Number.NaN,
    ]),
  );
};

/** Each datum becomes readable in its own time: asked for by datapoints, or by all samples in them. */
const readable = (name: string, points = 1, samples = 0) =>
  eventually(
    () => values([stat('m', name, 'SampleCount')]),
    (found) =>
      Object.keys(found).length >= points && Object.values(found).reduce((sum, value) => sum + value, 0) >= samples,
  );

const fill = async (name: string, points: Record<number, number>): Promise<void> => {
  await put(
    Object.entries(points).map(([minutes, Value]) => ({ MetricName: name, Value, Timestamp: at(Number(minutes)) })),
  );
  await readable(name, Object.keys(points).length);
};

describe('data', () => {
  it('C1 C4 computes every statistic from values, counts and statistic sets, by gzip too', async () => {
    await put([
      {
        MetricName: 'latency',
        Timestamp: at(1),
        Values: Array.from({ length: 100 }, (_, index) => index + 1),
        Counts: Array.from({ length: 100 }, () => 1),
      },
      { MetricName: 'latency', Timestamp: at(2), StatisticValues: { SampleCount: 4, Sum: 10, Minimum: 1, Maximum: 4 } },
    ]);
    await readable('latency', 2);
    const one = async (Stat: string) => values([stat('m', 'latency', Stat)]);
    expect(await one('Sum')).toEqual({ 1: 5050, 2: 10 });
    expect(await one('SampleCount')).toEqual({ 1: 100, 2: 4 });
    expect(await one('Average')).toEqual({ 1: 50.5, 2: 2.5 });
    expect(await one('Minimum')).toEqual({ 1: 1, 2: 1 });
    expect(await one('Maximum')).toEqual({ 1: 100, 2: 4 });
    // The set hides its values: no percentile, not a wrong one.
    expect(await one('p99')).toEqual({ 1: 99 });
    expect(await values([stat('m', 'latency', 'p50', 300)])).toEqual({});
    await expect(one('tm99')).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
    // Over 10 KiB the SDK compresses.
    await put(Array.from({ length: 400 }, (_, index) => ({ MetricName: 'many', Value: 1, Timestamp: at(index % 5) })));
    expect(await readable('many', 5, 400)).toEqual({ 0: 80, 1: 80, 2: 80, 3: 80, 4: 80 });
  });

  const bad: readonly [string, MetricDatum, string][] = [
    ['NaN', { MetricName: 'bad', Value: Number.NaN }, 'InvalidParameterValueException'],
    ['no value', { MetricName: 'bad' }, 'MissingRequiredParameterException'],
    ['two kinds of value', { MetricName: 'bad', Value: 1, Values: [1] }, 'InvalidParameterCombinationException'],
    [
      '151 values',
      { MetricName: 'bad', Values: Array.from({ length: 151 }, (_, index) => index) },
      'InvalidParameterValueException',
    ],
    ['fewer counts than values', { MetricName: 'bad', Values: [1, 2], Counts: [1] }, 'InvalidParameterValueException'],
    [
      'a time three weeks ago',
      { MetricName: 'bad', Value: 1, Timestamp: new Date(Date.now() - 21 * 86_400_000) },
      'InvalidParameterValueException',
    ],
  ];
  it.each(bad)('C1 refuses %s and stores nothing of the call', async (_name, datum, name) => {
    await expect(put([{ MetricName: 'good', Value: 1, Timestamp: at(1) }, datum])).rejects.toMatchObject({ name });
  });

  it('C1 stored nothing of refused calls', async () => {
    await fill('after', { 1: 1 });
    expect(await values([stat('m', 'good')])).toEqual({});
  });

  it('C2 does not show a datum at once', async () => {
    const slow = await testRehearsal({ clock: { rate: 20, originMs: Date.now() } });
    try {
      const own = new CloudWatchClient(slow.client);
      const now = slow.now();
      const ask = async () =>
        (
          await own.send(
            new GetMetricDataCommand({
              MetricDataQueries: [stat('m', 'fresh')],
              StartTime: new Date(now - 5 * minute),
              EndTime: new Date(now + 5 * minute),
            }),
          )
        ).MetricDataResults?.[0];
      await own.send(
        new PutMetricDataCommand({
          Namespace: 'Octank/Test',
          MetricData: [{ MetricName: 'fresh', Value: 1, Timestamp: new Date(now) }],
        }),
      );
      expect(await ask()).toMatchObject({ Values: [], StatusCode: 'Complete' });
      await eventually(ask, (result) => result?.Values?.length === 1);
    } finally {
      await slow.stop();
    }
  });

  it('C3 pages by MaxDatapoints, newest first unless asked otherwise, and loses no point', async () => {
    await fill('paged', { 0: 10, 1: 11, 2: 12, 3: 13, 4: 14 });
    const seen: number[] = [];
    const states: string[] = [];
    let NextToken: string | undefined;
    do {
      const page: {
        NextToken?: string | undefined;
        MetricDataResults?: { Values?: number[] | undefined; StatusCode?: string | undefined }[] | undefined;
      } = await client.send(
        new GetMetricDataCommand({
          MetricDataQueries: [stat('a', 'paged'), stat('none', 'nothing'), stat('b', 'paged')],
          StartTime: at(0),
          EndTime: at(10),
          MaxDatapoints: 3,
          ...(NextToken ? { NextToken } : {}),
        }),
      );
      for (const result of page.MetricDataResults ?? []) {
        seen.push(...(result.Values ?? []));
        states.push(result.StatusCode ?? '');
      }
      NextToken = page.NextToken;
    } while (NextToken);
    expect(seen).toEqual([14, 13, 12, 11, 10, 14, 13, 12, 11, 10]);
    expect(states.filter((state) => state === 'Complete').length).toBe(3);
  });

  it('C3 includes the start, not the end, and matches dimensions exactly', async () => {
    const Dimensions = [{ Name: 'Site', Value: 'cloud' }];
    await put([0, 1, 2, 3].map((index) => ({ MetricName: 'edges', Value: index, Timestamp: at(index), Dimensions })));
    await put([{ MetricName: 'edges', Value: 99, Timestamp: at(2) }]);
    await readable('edges');
    const withSite: MetricDataQuery = {
      Id: 'm',
      MetricStat: { Metric: { Namespace: 'Octank/Test', MetricName: 'edges', Dimensions }, Period: 60, Stat: 'Sum' },
    };
    await eventually(
      () => values([withSite]),
      (found) => Object.keys(found).length === 4,
    );
    expect(await values([withSite], 3)).toEqual({ 0: 0, 1: 1, 2: 2 });
    expect(await values([stat('m', 'edges')])).toEqual({ 2: 99 });
    const { Metrics = [] } = await client.send(
      new ListMetricsCommand({ Namespace: 'Octank/Test', MetricName: 'edges', Dimensions: [{ Name: 'Site' }] }),
    );
    expect(Metrics).toEqual([{ Namespace: 'Octank/Test', MetricName: 'edges', Dimensions }]);
  });
});

describe('math', () => {
  beforeAll(async () => {
    await fill('req', { 0: 100, 1: 200, 2: 0, 4: 400 });
    await fill('err', { 1: 2, 4: 8 });
  });

  const req = hidden(stat('req', 'req'));
  const err = hidden(stat('err', 'err'));
  const cases: readonly [string, Record<number, number>][] = [
    ['err / req', { 1: 0.01, 4: 0.02 }],
    ['FILL(err, 0) / req', { 0: 0, 1: 0.01, 4: 0.02 }],
    ['FILL(err,0)/IF(req>0,req,1)', { 0: 0, 1: 0.01, 2: 0, 4: 0.02 }],
    ['FILL(req, REPEAT) * 1', { 0: 100, 1: 200, 2: 0, 3: 0, 4: 400 }],
    ['100 - 2 ^ 3 * 2 + -req', { 0: -16, 1: -116, 2: 84, 4: -316 }],
    ['SUM([req, err])', { 0: 100, 1: 202, 2: 0, 4: 408 }],
    ['MAX([req, err]) - MIN([req, err])', { 0: 0, 1: 198, 2: 0, 4: 392 }],
    ['AVG(METRICS())', { 0: 100, 1: 101, 2: 0, 4: 204 }],
    ['SUM(METRICS("req"))', { 0: 100, 1: 200, 2: 0, 4: 400 }],
    ['req / SUM(req)', { 0: 100 / 700, 1: 200 / 700, 2: 0, 4: 400 / 700 }],
    ['RATE(req)', { 1: 100 / 60, 2: -200 / 60, 4: 400 / 120 }],
    ['IF(req > 150 AND req < 500, req)', { 1: 200, 4: 400 }],
    ['IF(err, 1, 0)', { 1: 1, 4: 1 }],
    ['req / PERIOD(req)', { 0: 100 / 60, 1: 200 / 60, 2: 0, 4: 400 / 60 }],
  ];
  it.each(cases)('C5 %s', async (expression, expected) => {
    const found = await values([req, err, math('e', expression)], 5);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) expect(found[Number(key)]).toBeCloseTo(value, 9);
  });

  it.each([
    'req +',
    'req / nothing',
    'FOO(req)',
    'SUM(req)',
    '1 + 1',
    'FILL(req)',
    'e',
    '(req',
    'req "x"',
    `${'('.repeat(80)}req`,
  ])('C5 refuses %s', async (expression) => {
    await expect(get([req, math('e', expression)])).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining("Error in expression 'e'"),
    });
  });

  it('C5 keeps a metric without data empty, so that absence does not read as health', async () => {
    const { MetricDataResults } = await get([stat('none', 'nothing'), math('e', 'none / 2')]);
    expect(MetricDataResults?.map(({ Values, StatusCode }) => [Values, StatusCode])).toEqual([
      [[], 'Complete'],
      [[], 'Complete'],
    ]);
  });
});

describe('alarms', () => {
  const alarm = { EvaluationPeriods: 1, Threshold: 5, ComparisonOperator: 'GreaterThanThreshold' } as const;
  const plain = (AlarmName: string, MetricName: string, extra = {}) =>
    client.send(
      new PutMetricAlarmCommand({
        AlarmName,
        Namespace: 'Octank/Test',
        MetricName,
        Statistic: 'Sum',
        Period: 60,
        ...alarm,
        ...extra,
      }),
    );
  const state = async (name: string) =>
    (
      await client
        .send(new DescribeAlarmsCommand({ AlarmNames: [name], AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] }))
        .then((answer) => [...(answer.MetricAlarms ?? []), ...(answer.CompositeAlarms ?? [])])
    )[0]?.StateValue;
  const reaches = (name: string, wanted: string) =>
    eventually(
      () => state(name),
      (now) => now === wanted,
      { everyMs: 150 },
    );
  /** The clock runs an hour in 1.2 s: data now and for a while ahead keep coming into closed periods. */
  const from = (MetricName: string, Value: number) =>
    put(
      Array.from({ length: 110 }, (_, index) => ({
        MetricName,
        Value,
        Timestamp: new Date(test.now() - 5 * minute + index * minute),
      })),
    );

  it('C7 C10 go to ALARM and back on their own data, tell the topic, and write history', async () => {
    const topic = 'arn:aws:sns:eu-west-1:111122223333:alarms';
    await from('bad', 9);
    await plain('bad', 'bad', { AlarmActions: [topic] });
    await reaches('bad', 'ALARM');
    await eventually(
      async () => await (await test.control('messages')).text(),
      (text) => text.includes('ALARM: \\"bad\\"'),
    );
    const { AlarmHistoryItems = [] } = await client.send(
      new DescribeAlarmHistoryCommand({ AlarmName: 'bad', HistoryItemType: 'StateUpdate' }),
    );
    expect(AlarmHistoryItems.at(-1)?.HistorySummary).toBe('Alarm updated from INSUFFICIENT_DATA to ALARM');
  });

  it('C7 without data: INSUFFICIENT_DATA, or what TreatMissingData says, never OK by itself', async () => {
    await plain('absent', 'nobody');
    await plain('absent-breaching', 'nobody', { TreatMissingData: 'breaching' });
    await reaches('absent-breaching', 'ALARM');
    expect(await state('absent')).toBe('INSUFFICIENT_DATA');
  });

  it('C8 DescribeAlarms leaves composite alarms out unless asked', async () => {
    await plain('child', 'nobody');
    await client.send(new PutCompositeAlarmCommand({ AlarmName: 'parent', AlarmRule: 'ALARM("child") OR NOT TRUE' }));
    const bare = await client.send(new DescribeAlarmsCommand({ AlarmNames: ['parent', 'child'] }));
    expect([bare.MetricAlarms?.length, bare.CompositeAlarms?.length]).toEqual([1, 0]);
    const children = await client.send(new DescribeAlarmsCommand({ ChildrenOfAlarmName: 'parent' }));
    expect(children.MetricAlarms?.map((one) => one.AlarmName)).toEqual(['child']);
  });

  it('C9 C10 composite alarms follow their children, refuse strangers and cycles, and keep their children', async () => {
    await plain('forced', 'nobody', { TreatMissingData: 'ignore' });
    await client.send(
      new PutCompositeAlarmCommand({ AlarmName: 'top', AlarmRule: 'ALARM(forced) AND NOT OK("forced")' }),
    );
    await client.send(new SetAlarmStateCommand({ AlarmName: 'forced', StateValue: 'ALARM', StateReason: 'test' }));
    await reaches('top', 'ALARM');
    await client.send(new SetAlarmStateCommand({ AlarmName: 'forced', StateValue: 'OK', StateReason: 'test' }));
    await reaches('top', 'OK');
    const composite = (AlarmName: string, AlarmRule: string) =>
      client.send(new PutCompositeAlarmCommand({ AlarmName, AlarmRule }));
    await expect(composite('x', 'ALARM(stranger)')).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(composite('x', 'ALARM(forced) AND')).rejects.toMatchObject({ name: 'ValidationException' });
    await composite('upper', 'OK(top)');
    await expect(composite('top', 'OK(upper)')).rejects.toThrow('cycle');
    await expect(client.send(new DeleteAlarmsCommand({ AlarmNames: ['forced'] }))).rejects.toThrow('used by');
    await client.send(new DeleteAlarmsCommand({ AlarmNames: ['forced', 'top', 'upper'] }));
    expect(await state('top')).toBeUndefined();
  });

  it('names an alarm that is not there', async () => {
    await expect(
      client.send(new SetAlarmStateCommand({ AlarmName: 'no', StateValue: 'OK', StateReason: 'x' })),
    ).rejects.toMatchObject({ name: 'ResourceNotFound' });
  });
});

/** CloudWatch: series of closed periods, read to the last page, and alarms with what they are computed from. */
import type { CompositeAlarm, MetricAlarm, MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { Fault } from '../../model/fault.ts';
import type { Datapoint } from '../../ports/health.ts';
import type { AwsClients } from './clients.ts';
import { type AwsCall, calling } from './faults.ts';
import { allPages } from './pages.ts';

const read = (operation: string): AwsCall => ({ service: 'CloudWatch', operation, mutates: false });

export interface MetricStat {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly stat: string;
}

export interface Expression {
  readonly expression: string;
}

export interface SeriesRequest {
  /** By id; ids start with a lower-case letter. */
  readonly queries: Readonly<Record<string, (MetricStat | Expression) & { readonly hidden?: boolean }>>;
  readonly periodSeconds: number;
  /** Epoch ms, aligned to periods: start inclusive, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface AlarmView {
  readonly name: string;
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
  readonly reason: string;
  /** Metrics a metric alarm is computed from, with their periods; empty for composite alarms. */
  readonly metrics: readonly (MetricStat & { readonly periodSeconds: number })[];
  readonly composite: boolean;
}

export interface Metrics {
  /** Datapoints per id, oldest first; an id without data has none. Faults: `cloudwatch.incomplete`. */
  series(request: SeriesRequest): Promise<Readonly<Record<string, readonly Datapoint[]>>>;
  alarm(name: string): Promise<AlarmView | undefined>;
  /** Direct children of a composite alarm. */
  children(name: string): Promise<readonly AlarmView[]>;
}

/**
 * Data of a period arrive within about a minute of its end, each metric when it likes. Read earlier, an error ratio lacks its
 * numerator and looks healthy, and of two ends the one that publishes later looks smaller.
 */
export const arrivalMs = 60_000;

/** Periods that lie wholly inside a window and whose data have arrived: those still open are neither many nor few, they are unfinished. */
export const closedPeriods = (
  window: { readonly since: number; readonly until: number },
  periodSeconds: number,
): { readonly start: number; readonly end: number } => {
  const period = periodSeconds * 1000;
  const start = Math.ceil(window.since / period) * period;
  return { start, end: Math.max(start, Math.floor((window.until - arrivalMs) / period) * period) };
};

const encodeQuery = (id: string, query: SeriesRequest['queries'][string], period: number): MetricDataQuery => ({
  Id: id,
  ReturnData: query.hidden !== true,
  ...('expression' in query
    ? { Expression: query.expression, Period: period }
    : {
        MetricStat: {
          Metric: {
            Namespace: query.namespace,
            MetricName: query.metric,
            Dimensions: Object.entries(query.dimensions).map(([Name, Value]) => ({ Name, Value })),
          },
          Period: period,
          Stat: query.stat,
        },
      }),
});

interface Page {
  readonly id: string;
  readonly status: string;
  readonly messages: readonly string[];
  readonly points: readonly Datapoint[];
}

/** Pages of one series are parts of it; only the last page's status speaks for the whole. */
const merge = (pages: readonly Page[]): Record<string, readonly Datapoint[]> => {
  const merged: Record<string, readonly Datapoint[]> = {};
  const last = new Map<string, Page>();
  for (const page of pages) {
    merged[page.id] = [...(merged[page.id] ?? []), ...page.points];
    last.set(page.id, page);
  }
  for (const page of last.values())
    if (page.status !== 'Complete')
      throw new Fault({
        code: 'cloudwatch.incomplete',
        summary: 'CloudWatch returned a series that is not complete.',
        detail: `${page.id}: ${page.status} ${page.messages.join(' ')}`.trim(),
        hint: 'Look at the expression and at the permissions on its metrics.',
      });
  for (const id of Object.keys(merged)) merged[id] = [...(merged[id] ?? [])].sort((a, b) => a.at - b.at);
  return merged;
};

type PlainAlarm = Pick<MetricAlarm & CompositeAlarm, 'AlarmName' | 'StateValue' | 'StateReason'>;

const view = (alarm: PlainAlarm, composite: boolean, metrics: AlarmView['metrics']): AlarmView => ({
  name: alarm.AlarmName ?? '',
  // What CloudWatch does not call OK or ALARM is no evidence.
  state: alarm.StateValue === 'OK' || alarm.StateValue === 'ALARM' ? alarm.StateValue : 'INSUFFICIENT_DATA',
  reason: alarm.StateReason ?? '',
  metrics,
  composite,
});

const dimensionsOf = (list: readonly { Name?: string | undefined; Value?: string | undefined }[] | undefined) =>
  Object.fromEntries((list ?? []).map(({ Name, Value }) => [Name ?? '', Value ?? '']));

/** A plain alarm names one metric, one with metric math a list of queries. */
const metricsOf = (alarm: MetricAlarm): AlarmView['metrics'] => {
  const queried = (alarm.Metrics ?? []).flatMap(({ MetricStat: stat }) =>
    stat?.Metric
      ? [
          {
            namespace: stat.Metric.Namespace ?? '',
            metric: stat.Metric.MetricName ?? '',
            dimensions: dimensionsOf(stat.Metric.Dimensions),
            stat: stat.Stat ?? 'Sum',
            periodSeconds: stat.Period ?? 60,
          },
        ]
      : [],
  );
  if (alarm.MetricName === undefined) return queried;
  return [
    {
      namespace: alarm.Namespace ?? '',
      metric: alarm.MetricName,
      dimensions: dimensionsOf(alarm.Dimensions),
      stat: alarm.Statistic ?? alarm.ExtendedStatistic ?? 'Sum',
      periodSeconds: alarm.Period ?? 60,
    },
  ];
};

export const createMetrics = (clients: AwsClients): Metrics => {
  const describe = async (
    selector: { readonly AlarmNames: string[] } | { readonly ChildrenOfAlarmName: string },
  ): Promise<readonly AlarmView[]> => {
    const { sdk, client } = await clients.get('cloudWatch');
    return allPages((NextToken) =>
      calling(read('DescribeAlarms'), async () => {
        // Composite alarms are left out unless asked for; children cannot be asked for together with a type.
        const types =
          'AlarmNames' in selector ? { AlarmTypes: ['MetricAlarm' as const, 'CompositeAlarm' as const] } : {};
        const answer = await client.send(new sdk.DescribeAlarmsCommand({ ...selector, ...types, NextToken }));
        return {
          items: [
            ...(answer.MetricAlarms ?? []).map((alarm) => view(alarm, false, metricsOf(alarm))),
            ...(answer.CompositeAlarms ?? []).map((alarm) => view(alarm, true, [])),
          ],
          next: answer.NextToken,
        };
      }),
    );
  };

  return {
    series: async ({ queries, periodSeconds, start, end }) => {
      const ids = Object.keys(queries).filter((id) => queries[id]?.hidden !== true);
      const none = Object.fromEntries(ids.map((id) => [id, []]));
      if (end <= start) return none;
      const { sdk, client } = await clients.get('cloudWatch');
      const pages = await allPages<Page>((NextToken) =>
        calling(read('GetMetricData'), async () => {
          const answer = await client.send(
            new sdk.GetMetricDataCommand({
              MetricDataQueries: Object.entries(queries).map(([id, query]) => encodeQuery(id, query, periodSeconds)),
              StartTime: new Date(start),
              EndTime: new Date(end),
              ScanBy: 'TimestampAscending',
              NextToken,
            }),
          );
          const items = (answer.MetricDataResults ?? []).map((result) => ({
            id: result.Id ?? '',
            status: result.StatusCode ?? 'InternalError',
            messages: (result.Messages ?? []).map(({ Value }) => Value ?? ''),
            points: (result.Timestamps ?? []).flatMap((at, index) => {
              const value = result.Values?.[index];
              // Only what the window asked for: nothing of a period that is still open.
              const inside = at.getTime() >= start && at.getTime() < end;
              return value === undefined || Number.isNaN(value) || !inside ? [] : [{ at: at.getTime(), value }];
            }),
          }));
          return { items, next: answer.NextToken };
        }),
      );
      return { ...none, ...merge(pages) };
    },
    alarm: async (name) => (await describe({ AlarmNames: [name] })).find((alarm) => alarm.name === name),
    children: (name) => describe({ ChildrenOfAlarmName: name }),
  };
};

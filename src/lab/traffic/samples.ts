/** Counts requests per minute of octank's clock and sends closed minutes to CloudWatch, as load balancers do. */
import type { CloudWatchClient, MetricDatum } from '@aws-sdk/client-cloudwatch';
import { type AwsConfig, clientOptions } from '../secret.ts';
import type { MetricName, SiteConfig } from './config.ts';

const minuteMs = 60_000;

interface Minute {
  requests: number;
  serverErrors: number;
  /** Seconds, rounded, -> count. */
  readonly times: Map<number, number>;
}

/** Two significant digits: at most a few dozen distinct values, and CloudWatch takes 150 in one datum. */
const rounded = (seconds: number): number => Number(Math.max(seconds, 0.0001).toPrecision(2));

export interface Samples {
  count(request: { readonly at: number; readonly seconds: number; readonly failed: boolean }): void;
  /** Minutes that are over at `now`, oldest first; they are forgotten here. */
  take(now: number): readonly { readonly metric: MetricName; readonly datum: MetricDatum }[];
}

const datum = (metric: MetricName, at: number, rest: Partial<MetricDatum>) => ({
  metric,
  datum: {
    MetricName: metric.name,
    Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Timestamp: new Date(at),
    ...rest,
  },
});

const ofMinute = (site: SiteConfig, at: number, minute: Minute) => {
  const { requests, serverErrors, responseTime } = site.metrics;
  const times = [...minute.times].slice(0, 150);
  return [
    datum(requests, at, { Value: minute.requests, Unit: 'Count' }),
    ...(serverErrors && minute.serverErrors > 0
      ? [datum(serverErrors, at, { Value: minute.serverErrors, Unit: 'Count' })]
      : []),
    ...(responseTime
      ? [
          datum(responseTime, at, {
            Values: times.map(([value]) => value),
            Counts: times.map(([, count]) => count),
            Unit: 'Seconds',
          }),
        ]
      : []),
  ];
};

export const createSamples = (site: SiteConfig): Samples => {
  const minutes = new Map<number, Minute>();
  return {
    count: ({ at, seconds, failed }) => {
      const start = Math.floor(at / minuteMs) * minuteMs;
      const minute = minutes.get(start) ?? { requests: 0, serverErrors: 0, times: new Map() };
      minutes.set(start, minute);
      minute.requests++;
      if (failed) minute.serverErrors++;
      const value = rounded(seconds);
      minute.times.set(value, (minute.times.get(value) ?? 0) + 1);
    },
    take: (now) => {
      const closed = [...minutes].filter(([start]) => start + minuteMs <= now).sort(([a], [b]) => a - b);
      for (const [start] of closed) minutes.delete(start);
      return closed.flatMap(([start, minute]) => ofMinute(site, start, minute));
    },
  };
};

export interface Publisher {
  /** Stops, after what is complete has been sent. */
  stop(): Promise<void>;
  failures(): number;
}

/** At most one round a second, whatever the clock's rate. */
export const startPublisher = (options: {
  readonly aws: AwsConfig;
  readonly sites: readonly Samples[];
  readonly clock: { readonly rate: number; readonly now: () => number };
}): Publisher => {
  let client: CloudWatchClient | undefined;
  let failures = 0;
  let tail: Promise<void> = Promise.resolve();

  const send = async (): Promise<void> => {
    const taken = options.sites.flatMap((site) => [...site.take(options.clock.now())]);
    if (taken.length === 0) return;
    const { CloudWatchClient: Client, PutMetricDataCommand } = await import('@aws-sdk/client-cloudwatch');
    client ??= new Client({ ...clientOptions(options.aws), requestHandler: { requestTimeout: 3000 } });
    for (const namespace of new Set(taken.map(({ metric }) => metric.namespace))) {
      const MetricData = taken.filter(({ metric }) => metric.namespace === namespace).map((one) => one.datum);
      await client.send(new PutMetricDataCommand({ Namespace: namespace, MetricData }));
    }
  };
  const next = (): Promise<void> => {
    // What could not be sent is gone, as an agent's samples are: gates must then hold, and that is worth seeing.
    tail = tail.then(send).catch(() => {
      failures++;
    });
    return tail;
  };
  const timer = setInterval(next, Math.max(250, minuteMs / options.clock.rate / 2));
  return {
    failures: () => failures,
    stop: async () => {
      clearInterval(timer);
      await next();
      client?.destroy();
    },
  };
};

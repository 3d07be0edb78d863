/** Metrics per minute, kept for some hours of the rehearsal's clock, readable a while after they came. behaviour.md C2, C6. */
import type { RehearsalClock, Store } from '../../service.ts';
import { addSample, type Bucket, emptyBucket, mergeBuckets, type Sample, type Series, statisticOf } from './series.ts';

export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface Datum extends MetricName {
  readonly unit: string;
  /** Scaled epoch ms. */
  readonly at: number;
  readonly sample: Sample;
}

export interface MetricQuery extends MetricName {
  readonly statistic: string;
  readonly periodSeconds: number;
  /** Undefined: whatever the unit. */
  readonly unit?: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface MetricStore {
  put(data: readonly Datum[]): void;
  read(query: MetricQuery): Series;
  metrics(): readonly MetricName[];
  save(): Promise<void>;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;
const keptHours = 12;
const minDelayMs = 10_000;
const maxDelayMs = 30_000;
/** Real time between writes. */
const saveEveryMs = 500;

/** One hour of all metrics: key of the metric and unit, then minute. Saved as a whole, so that older hours are not written again. */
interface Shard {
  readonly hour: number;
  readonly series: Record<string, Record<string, Bucket>>;
}

const keyOf = (metric: MetricName, unit: string): string =>
  JSON.stringify([
    metric.namespace,
    metric.name,
    Object.entries(metric.dimensions).sort(([a], [b]) => (a < b ? -1 : 1)),
    unit,
  ]);

const metricOf = (key: string): MetricName => {
  const [namespace, name, dimensions] = JSON.parse(key) as [string, string, [string, string][], string];
  return { namespace, name, dimensions: Object.fromEntries(dimensions) };
};

interface Arriving {
  readonly readableAt: number;
  readonly datum: Datum;
}

const slotOf = (hour: number): number => hour % (keptHours + 3);

export const createMetricStore = async (options: {
  readonly clock: RehearsalClock;
  readonly store: Store;
  readonly random?: () => number;
}): Promise<MetricStore> => {
  const { clock, store, random = Math.random } = options;
  const shards = new Map<number, Shard>();
  for (let slot = 0; slot < keptHours + 3; slot += 1) {
    const shard = await store.load<Shard>(`cloudwatch-hour-${slot}`);
    if (shard) shards.set(shard.hour, shard);
  }
  let arriving: Arriving[] = [];
  const dirty = new Set<number>();
  let timer: NodeJS.Timeout | undefined;

  const save = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const hours = [...dirty];
    dirty.clear();
    await Promise.all(hours.map((hour) => store.save(`cloudwatch-hour-${slotOf(hour)}`, shards.get(hour))));
  };

  const saveSoon = (): void => {
    timer ??= setTimeout(() => {
      settle();
      save().catch(() => {
        // The disk may be full: what was not written is written with the next datum.
        for (const hour of shards.keys()) dirty.add(hour);
      });
    }, saveEveryMs);
    timer.unref();
  };

  const keep = ({ at, sample, unit, ...metric }: Datum): void => {
    const hour = Math.floor(at / hourMs);
    const shard = shards.get(hour) ?? { hour, series: {} };
    shards.set(hour, shard);
    const key = keyOf(metric, unit);
    shard.series[key] ??= {};
    const minutes = shard.series[key];
    const minute = String(Math.floor(at / minuteMs));
    minutes[minute] ??= emptyBucket();
    addSample(minutes[minute], sample);
    dirty.add(hour);
  };

  const forget = (): void => {
    const oldest = Math.floor(clock.now() / hourMs) - keptHours;
    for (const hour of shards.keys()) if (hour < oldest) shards.delete(hour);
  };

  /** Takes in what has become readable. */
  const settle = (): void => {
    const now = clock.now();
    if (!arriving.some(({ readableAt }) => readableAt <= now)) {
      if (arriving.length > 0) saveSoon();
      return;
    }
    const oldest = now - keptHours * hourMs;
    for (const { readableAt, datum } of arriving) if (readableAt <= now && datum.at >= oldest) keep(datum);
    arriving = arriving.filter(({ readableAt }) => readableAt > now);
    forget();
    saveSoon();
  };

  const seriesOf = (query: MetricQuery): Record<string, Bucket>[] => {
    const first = Math.floor(query.startMs / hourMs);
    const last = Math.floor(query.endMs / hourMs);
    const exact = query.unit === undefined ? undefined : keyOf(query, query.unit);
    const prefix = keyOf(query, '').slice(0, -3);
    return [...shards.values()]
      .filter((shard) => shard.hour >= first && shard.hour <= last)
      .flatMap((shard) =>
        Object.entries(shard.series).flatMap(([key, minutes]) =>
          (exact ? key === exact : key.startsWith(prefix)) ? [minutes] : [],
        ),
      );
  };

  return {
    put: (data) => {
      for (const datum of data)
        arriving.push({ datum, readableAt: clock.now() + minDelayMs + random() * (maxDelayMs - minDelayMs) });
      settle();
      saveSoon();
    },
    read: (query) => {
      settle();
      const startMs = Math.floor(query.startMs / minuteMs) * minuteMs;
      const periodMs = Math.max(minuteMs, query.periodSeconds * 1000);
      const periods = new Map<number, Bucket[]>();
      for (const minutes of seriesOf(query))
        for (const [minute, bucket] of Object.entries(minutes)) {
          const at = Number(minute) * minuteMs;
          if (at < startMs || at >= query.endMs) continue;
          const start = startMs + Math.floor((at - startMs) / periodMs) * periodMs;
          periods.set(start, [...(periods.get(start) ?? []), bucket]);
        }
      const points = [...periods].flatMap(([start, buckets]): [number, number][] => {
        const value = statisticOf(mergeBuckets(buckets), query.statistic);
        return value === undefined ? [] : [[start, value]];
      });
      return new Map(points.sort(([a], [b]) => a - b));
    },
    metrics: () => {
      settle();
      const keys = new Set([...shards.values()].flatMap((shard) => Object.keys(shard.series)));
      // One metric may be there in several units.
      const named = new Map([...keys].map(metricOf).map((metric) => [JSON.stringify(metric), metric]));
      return [...named.values()];
    },
    save,
  };
};

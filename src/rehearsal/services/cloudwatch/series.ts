/** Numbers in time: what one minute of a metric holds, and the statistics over a period of them. behaviour.md C4. Pure. */

/** Time stamp (epoch ms, start of the period) to value. Missing stays missing. */
export type Series = ReadonlyMap<number, number>;

export interface Bucket {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Value to how often, for percentiles; null once a statistic set came in that hides its values. */
  values: Record<string, number> | null;
}

/** Beyond this many distinct values in one minute, they are kept to three significant digits. */
const exactValues = 400;

export interface Sample {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly (readonly [value: number, count: number])[] | null;
}

export const emptyBucket = (): Bucket => ({
  count: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  values: {},
});

export const sampleOfValues = (values: readonly number[], counts: readonly number[]): Sample => {
  const pairs = values.map((value, index) => [value, counts[index] ?? 1] as const).filter(([, count]) => count > 0);
  return {
    count: pairs.reduce((sum, [, count]) => sum + count, 0),
    sum: pairs.reduce((sum, [value, count]) => sum + value * count, 0),
    min: Math.min(...pairs.map(([value]) => value)),
    max: Math.max(...pairs.map(([value]) => value)),
    values: pairs,
  };
};

const coarse = (values: Record<string, number>): Record<string, number> => {
  const fewer: Record<string, number> = {};
  for (const [value, count] of Object.entries(values)) {
    const key = String(Number(Number(value).toPrecision(3)));
    fewer[key] = (fewer[key] ?? 0) + count;
  }
  return fewer;
};

export const addSample = (bucket: Bucket, sample: Sample): void => {
  bucket.count += sample.count;
  bucket.sum += sample.sum;
  bucket.min = Math.min(bucket.min, sample.min);
  bucket.max = Math.max(bucket.max, sample.max);
  if (sample.values === null || bucket.values === null) {
    bucket.values = null;
    return;
  }
  for (const [value, count] of sample.values) {
    const key = String(value);
    bucket.values[key] = (bucket.values[key] ?? 0) + count;
  }
  if (Object.keys(bucket.values).length > exactValues) bucket.values = coarse(bucket.values);
};

/** One bucket from those of a longer period. */
export const mergeBuckets = (buckets: readonly Bucket[]): Bucket => {
  const whole = emptyBucket();
  for (const { values, ...rest } of buckets)
    addSample(whole, {
      ...rest,
      values: values && Object.entries(values).map(([value, count]) => [Number(value), count] as const),
    });
  return whole;
};

const percentile = (values: Record<string, number>, p: number): number | undefined => {
  const ordered = Object.entries(values)
    .map(([value, count]) => [Number(value), count] as const)
    .sort(([a], [b]) => a - b);
  const total = ordered.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [value, count] of ordered) {
    seen += count;
    if (seen >= (p / 100) * total) return value;
  }
  return ordered.at(-1)?.[0];
};

export const isStatistic = (name: string): boolean =>
  ['SampleCount', 'Sum', 'Average', 'Minimum', 'Maximum'].includes(name) || percentOf(name) !== undefined;

const percentOf = (statistic: string): number | undefined => {
  const match = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/.exec(statistic);
  return match ? Number(match[1]) : undefined;
};

/** Undefined: this bucket has no such statistic. */
export const statisticOf = (bucket: Bucket, statistic: string): number | undefined => {
  if (bucket.count === 0) return undefined;
  switch (statistic) {
    case 'SampleCount':
      return bucket.count;
    case 'Sum':
      return bucket.sum;
    case 'Average':
      return bucket.sum / bucket.count;
    case 'Minimum':
      return bucket.min;
    case 'Maximum':
      return bucket.max;
    default: {
      const percent = percentOf(statistic);
      return percent === undefined || bucket.values === null ? undefined : percentile(bucket.values, percent);
    }
  }
};

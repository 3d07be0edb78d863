/** Gates on CloudWatch metrics: one expression over named metrics, closed periods only. */
import { z } from 'zod';
import { closedPeriods } from '../aws/cloudwatch.ts';
import { defineSource } from './source.ts';

/** The gate's own series beside those of the plan. */
const resultId = 'octank_gate_result';

const metricId = z
  .string()
  .regex(/^[a-z][a-zA-Z0-9_]*$/, 'metric ids start with a lower-case letter')
  .refine((id) => id !== resultId, `${resultId} is octank's own`);

export const metricSettings = z.strictObject({
  namespace: z.string().min(1),
  metric: z.string().min(1),
  dimensions: z.record(z.string(), z.string()).default({}),
  /** `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, `p99`, ... */
  stat: z.string().min(1).default('Sum'),
});

const settings = z
  .strictObject({
    /** CloudWatch metric math over the ids below; a bare id is one too. */
    expression: z.string().min(1),
    metrics: z.record(metricId, metricSettings).refine((metrics) => Object.keys(metrics).length > 0, 'name a metric'),
    /** Id of the metric that counts requests; `mreq` or `requests` where there is one. */
    requests: metricId.optional(),
  })
  .refine(({ metrics, requests }) => requests === undefined || requests in metrics, {
    path: ['requests'],
    message: 'names no metric of this gate',
  });

type CloudWatchSettings = z.infer<typeof settings>;

const requestsId = ({ metrics, requests }: CloudWatchSettings): string | undefined =>
  requests ?? ['mreq', 'requests'].find((id) => id in metrics);

export const cloudWatchSource = defineSource({
  kind: 'cloudwatch',
  settings,
  sample: async ({ gate, settings: given, window, services }) => {
    const counted = requestsId(given);
    const metrics = Object.entries(given.metrics).map(
      ([id, metric]) => [id, { ...metric, hidden: id !== counted }] as const,
    );
    const series = await services.metrics.series({
      queries: { ...Object.fromEntries(metrics), [resultId]: { expression: given.expression } },
      periodSeconds: gate.periodSeconds,
      ...closedPeriods(window, gate.periodSeconds),
    });
    const requests = counted === undefined ? null : series[counted];
    return {
      datapoints: series[resultId] ?? [],
      // No datapoint of the counting metric is no request that anyone saw.
      requests: requests === null ? null : (requests ?? []).reduce((sum, { value }) => sum + value, 0),
      failure: null,
    };
  },
});

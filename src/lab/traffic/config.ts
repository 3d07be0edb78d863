/** What the traffic process is started with: two sites, the name their clients look up, and where samples go. */
import { z } from 'zod';
import { awsConfig } from '../secret.ts';

const metric = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  dimensions: z.record(z.string(), z.string()).default({}),
});

const site = z.strictObject({
  /** `on-premises`, `cloud`. */
  id: z.string(),
  /** The address that DNS answers for it; clients then connect to its loopback port. */
  address: z.string(),
  metrics: z.strictObject({
    requests: metric,
    /** Sent only when there were any, as load balancers do. */
    serverErrors: metric.nullable().default(null),
    /** Seconds, as a distribution. */
    responseTime: metric.nullable().default(null),
  }),
});

export const trafficConfig = z.strictObject({
  aws: awsConfig,
  secret: z.string(),
  secretTtlMs: z.number().default(5000),
  /** Octank's clock: scaled = originMs + (wall - originMs) * rate. TTLs and metric timestamps run by it. */
  clock: z.strictObject({ rate: z.number().positive(), originMs: z.number() }),
  dns: z.strictObject({ host: z.string(), port: z.number() }),
  name: z.string().default('www.octank.com'),
  sites: z.array(site).min(1),
  requestsPerSecond: z.number().positive().default(120),
  /** Independent resolver caches: with few of them shares would be lumpy. */
  resolvers: z.number().int().positive().default(150),
  /** A client that looks the name up once and never again. */
  ignoresTtl: z.boolean().default(true),
  /** What a page reads; `$1` is a number from 1 to `rows`. */
  statements: z.array(z.string()).min(1),
  rows: z.number().int().positive().default(1000),
  seed: z.number().int().default(1),
});

export type TrafficConfig = z.infer<typeof trafficConfig>;
export type SiteConfig = TrafficConfig['sites'][number];
export type MetricName = z.infer<typeof metric>;

/** The sites of the example plans, whose gates read these names. */
export const shopSites: readonly z.input<typeof site>[] = [
  {
    id: 'on-premises',
    address: '203.0.113.10',
    metrics: {
      requests: { namespace: 'Octank/OnPremises', name: 'RequestCount', dimensions: { Site: 'on-premises' } },
    },
  },
  {
    id: 'cloud',
    address: '198.51.100.20',
    metrics: {
      requests: { namespace: 'AWS/ApplicationELB', name: 'RequestCount', dimensions: { LoadBalancer: 'app/octank/1' } },
      serverErrors: {
        namespace: 'AWS/ApplicationELB',
        name: 'HTTPCode_Target_5XX_Count',
        dimensions: { LoadBalancer: 'app/octank/1' },
      },
      responseTime: {
        namespace: 'AWS/ApplicationELB',
        name: 'TargetResponseTime',
        dimensions: { LoadBalancer: 'app/octank/1' },
      },
    },
  },
];

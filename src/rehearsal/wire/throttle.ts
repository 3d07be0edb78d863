/** Token buckets per service and operation, in real time: what AWS allows an account per second does not grow with the rehearsal's clock. */

interface Allowance {
  readonly perSecond: number;
  readonly burst: number;
}

interface ServiceLimits {
  /** The code AWS answers with. */
  readonly code: string;
  /** One bucket for the whole service; undefined: each operation has its own. */
  readonly shared?: Allowance;
  readonly other: Allowance;
  readonly operations: Readonly<Record<string, Allowance>>;
}

const even = (perSecond: number): Allowance => ({ perSecond, burst: perSecond });

/** Sources: behaviour.md W6. */
const limits: Readonly<Record<string, ServiceLimits>> = {
  route53: {
    code: 'Throttling',
    shared: { perSecond: 10, burst: 50 },
    other: { perSecond: 10, burst: 50 },
    operations: {
      GetHealthCheckStatus: { perSecond: 1, burst: 4 },
      CreateHealthCheck: { perSecond: 0.5, burst: 50 },
      CreateHostedZone: { perSecond: 2, burst: 40 },
    },
  },
  dms: {
    code: 'ThrottlingException',
    shared: { perSecond: 4, burst: 100 },
    other: { perSecond: 4, burst: 100 },
    operations: {},
  },
  monitoring: {
    code: 'ThrottlingException',
    other: even(25),
    operations: { PutMetricData: even(500), GetMetricData: even(50), DescribeAlarms: even(9), PutMetricAlarm: even(3) },
  },
  secretsmanager: {
    code: 'ThrottlingException',
    other: even(50),
    operations: { GetSecretValue: even(200), DescribeSecret: even(200) },
  },
  sns: { code: 'Throttling', other: even(30), operations: { Publish: even(300) } },
  sts: { code: 'Throttling', other: even(100), operations: {} },
};

interface Bucket {
  tokens: number;
  at: number;
}

export interface Throttle {
  /** The code to refuse with; undefined: go on. */
  take(scope: string, operation: string): string | undefined;
  codeOf(scope: string): string;
}

export const createThrottle = (wallNow: () => number = Date.now): Throttle => {
  const buckets = new Map<string, Bucket>();
  const refilled = (key: string, allowance: Allowance): Bucket => {
    const now = wallNow();
    const bucket = buckets.get(key) ?? { tokens: allowance.burst, at: now };
    bucket.tokens = Math.min(allowance.burst, bucket.tokens + ((now - bucket.at) / 1000) * allowance.perSecond);
    bucket.at = now;
    buckets.set(key, bucket);
    return bucket;
  };
  return {
    codeOf: (scope) => limits[scope]?.code ?? 'ThrottlingException',
    take: (scope, operation) => {
      const service = limits[scope];
      if (!service) return undefined;
      const needed = [refilled(`${scope}/${operation}`, service.operations[operation] ?? service.other)];
      if (service.shared) needed.push(refilled(scope, service.shared));
      if (needed.some((bucket) => bucket.tokens < 1)) return service.code;
      for (const bucket of needed) bucket.tokens -= 1;
      return undefined;
    },
  };
};

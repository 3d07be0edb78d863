/** A catalog as adapters hand one in, small and of its own, so that this room is tested without them. */
import { z } from 'zod';
import type { PlanCatalog } from '../catalog.ts';

const metric = z.strictObject({
  namespace: z.string(),
  metric: z.string(),
  dimensions: z.record(z.string(), z.string()).default({}),
  stat: z.string().default('Sum'),
});

export const testCatalog: PlanCatalog = {
  engines: ['postgres', 'aurora-postgresql'],
  gates: [
    {
      kind: 'cloudwatch',
      settings: z.strictObject({
        expression: z.string().min(1),
        metrics: z.record(z.string(), metric),
        requests: z.string().optional(),
      }),
    },
    { kind: 'alarm', settings: z.strictObject({ name: z.string().min(1) }), failWhen: '>= 1' },
    { kind: 'sessions', settings: z.strictObject({ database: z.string(), role: z.string() }) },
  ],
  repoints: [
    {
      kind: 'secretsManager',
      settings: z.union([
        z
          .string()
          .min(1)
          .transform((secret) => ({ secret, source: `${secret}-source`, target: `${secret}-target` })),
        z.strictObject({ secret: z.string(), source: z.string(), target: z.string() }),
      ]),
    },
    {
      kind: 'route53',
      settings: z.strictObject({
        zone: z.string(),
        name: z.string(),
        type: z.enum(['A', 'CNAME']).default('CNAME'),
        ttl: z.int().default(60),
        source: z.string(),
        target: z.string(),
      }),
    },
    { kind: 'command', settings: z.strictObject({ observe: z.array(z.string()), perform: z.array(z.string()) }) },
    { kind: 'manual', settings: z.string() },
  ],
};

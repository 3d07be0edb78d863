/** What the workload process is started with. Secrets are named, never held. */
import { z } from 'zod';
import { awsConfig } from '../secret.ts';

export const workloadConfig = z.strictObject({
  /** Makes the op ids of this process unique among all that ever wrote the database. */
  run: z.string().regex(/^[a-z0-9]{1,12}$/),
  mode: z.enum(['shop', 'generic']).default('shop'),
  aws: awsConfig,
  /** Secrets Manager id that the application reads its database from. */
  secret: z.string(),
  secretTtlMs: z.number().default(5000),
  /** Append-only NDJSON, one line per write. */
  log: z.string(),
  writesPerSecond: z.number().positive().default(200),
  /** Logical clients; they share one pool per six. */
  clients: z.number().int().positive().default(24),
  readers: z.number().int().nonnegative().default(2),
  /** A client that keeps one connection for good and looks up nothing until it is refused. */
  stubborn: z.boolean().default(true),
  /** A second application with its own role, which may or may not follow the first's repoint. */
  batch: z
    .strictObject({ secret: z.string(), everySeconds: z.number().positive().default(3) })
    .nullable()
    .default(null),
  /** `schema.table` of those that generic mode may write; all where absent. */
  tables: z.array(z.string()).optional(),
  statementTimeoutMs: z.number().default(5000),
  /** Seeded rows, so that updates meet them. */
  size: z
    .strictObject({ customers: z.number(), products: z.number(), orders: z.number(), carts: z.number() })
    .default({ customers: 10, products: 20, orders: 10, carts: 10 }),
  seed: z.number().int().default(1),
});

export type WorkloadConfig = z.infer<typeof workloadConfig>;

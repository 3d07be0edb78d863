/** What the rehearsal process is started with: a JSON file named on its command line. */
import { z } from 'zod';

const databaseConfig = z.strictObject({
  /** On-premises: the application owns its tables. Aurora: a master user without SUPERUSER, Aurora's limits. */
  role: z.enum(['on-premises', 'aurora']),
  engine: z.literal('postgres'),
  /** Secrets Manager name that will hold octank's connection (host, port, username, password, dbname, engine). */
  secret: z.string(),
  dbname: z.string(),
  /** Secrets for further roles of this database: secret name -> role name. The role is created with LOGIN. */
  roles: z.record(z.string(), z.string()).default({}),
  /** SQL file (plain or .gz) that seeds the database, its objects then owned by `owner`. */
  seedFile: z.string().optional(),
  /** Role that owns the application's objects. */
  owner: z.string(),
});

export const rehearsalConfig = z.strictObject({
  stateDir: z.string(),
  /** Octank's clock: scaled = originMs + (wall - originMs) * rate. */
  clock: z.strictObject({ rate: z.number().positive(), originMs: z.number() }),
  region: z.string().default('eu-west-1'),
  accountId: z.string().default('111122223333'),
  /** 0 picks a free port. */
  port: z.number().int().default(0),
  dnsPort: z.number().int().default(0),
  databases: z.record(z.string(), databaseConfig).default({}),
  /** Copies of other secrets, name -> JSON text; a value `@secret:NAME` copies that secret's value at start. */
  secrets: z.record(z.string(), z.string()).default({}),
  zones: z
    .array(
      z.strictObject({
        name: z.string(),
        records: z.array(
          z.strictObject({
            name: z.string(),
            type: z.enum(['A', 'AAAA', 'CNAME', 'TXT']),
            ttl: z.number().int(),
            values: z.array(z.string()),
            setIdentifier: z.string().optional(),
            weight: z.number().int().optional(),
          }),
        ),
      }),
    )
    .default([]),
  /** DMS replication instances that exist already, by identifier. */
  replicationInstances: z.array(z.string()).default([]),
  topics: z.array(z.string()).default([]),
  alarms: z
    .array(
      z.strictObject({
        name: z.string(),
        namespace: z.string(),
        metric: z.string(),
        dimensions: z.record(z.string(), z.string()).default({}),
        statistic: z.string().default('Sum'),
        periodSeconds: z.number().default(60),
        evaluationPeriods: z.number().int().default(1),
        datapointsToAlarm: z.number().int().optional(),
        threshold: z.number(),
        comparison: z.enum([
          'GreaterThanThreshold',
          'GreaterThanOrEqualToThreshold',
          'LessThanThreshold',
          'LessThanOrEqualToThreshold',
        ]),
        treatMissingData: z.enum(['missing', 'notBreaching', 'breaching', 'ignore']).default('missing'),
      }),
    )
    .default([]),
  /** A kinder, faster DMS for benchmarks only; the report says so. */
  kind: z.enum(['strict', 'benchmark']).default('strict'),
});

export type RehearsalConfig = z.infer<typeof rehearsalConfig>;
export type RehearsalDatabaseConfig = z.infer<typeof databaseConfig>;

/** Printed as one JSON line on stdout when ready, and written to `<stateDir>/endpoint.json`. */
export interface RehearsalEndpoint {
  readonly url: string;
  readonly dns: { readonly host: string; readonly port: number };
  readonly pid: number;
  readonly region: string;
  readonly clock: { readonly rate: number; readonly originMs: number };
  /** For the lab's checker and for tests: a superuser connection per stand-in. Never given to the product. */
  readonly databases: Readonly<
    Record<string, { host: string; port: number; dbname: string; superuser: string; superuserPassword: string }>
  >;
}

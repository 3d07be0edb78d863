/** The lab: seeds a database, sets a workload and traffic on it in processes of their own, and tells what they saw. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import { type LabProcess, startProcess } from './children.ts';
import type { AwsConfig } from './secret.ts';
import { type ShopSize, seedShop, shopSize } from './shop/seed.ts';
import { shopSites, type TrafficConfig } from './traffic/config.ts';
import type { FaultCommand, TrafficStatus } from './traffic/run.ts';
import type { WorkloadConfig } from './workload/config.ts';
import { createLedger } from './workload/generic.ts';
import type { WorkloadStatus } from './workload/run.ts';
import { shopReads } from './workload/shop-operations.ts';

export { type CheckerOptions, type CheckerReport, startChecker, type Violation } from './checker/index.ts';
export { shopTables } from './shop/schema.ts';
export { type SeedOptions, type ShopSize, seedShop, shopSize } from './shop/seed.ts';
export { ledgerTable } from './workload/generic.ts';
export type { TrafficStatus, WorkloadStatus };

export type LabMode = 'shop' | 'generic';

/** Run once per database, before octank looks at it: the shop, or the ledger beside a database that is there already. */
export const prepareSource = async (options: {
  readonly mode: LabMode;
  /** Superuser connection. */
  readonly connection: ClientConfig;
  readonly owner: string;
  readonly writers?: readonly string[];
  readonly rows?: number;
  readonly onProgress?: (progress: { readonly table: string; readonly done: number; readonly total: number }) => void;
}): Promise<void> => {
  if (options.mode === 'generic') await createLedger(options.connection, options.owner);
  else await seedShop(options);
};

export interface LabConfig {
  readonly mode: LabMode;
  /** Built entries of the processes. */
  readonly entries: { readonly workload: string; readonly traffic: string };
  /** Where config files and diaries lie; kept between runs on the same databases, since the checker needs every diary. */
  readonly folder: string;
  readonly aws: AwsConfig;
  /** Secret that the application reads its database from. */
  readonly secret: string;
  readonly batchSecret?: string;
  /** `schema.table` of what moves: others are not written in generic mode, since they stay behind. All where absent. */
  readonly tables?: readonly string[];
  /** Orders that were seeded. */
  readonly rows?: number;
  readonly writesPerSecond?: number;
  readonly clients?: number;
  /** Null: no traffic. */
  readonly traffic: {
    readonly clock: { readonly rate: number; readonly originMs: number };
    readonly dns: { readonly host: string; readonly port: number };
    readonly name: string;
    readonly requestsPerSecond?: number;
    /** Site id -> address that DNS answers, where they are not those of the example plans. */
    readonly addresses?: Readonly<Record<string, string>>;
  } | null;
  readonly onStatus?: (status: WorkloadStatus | TrafficStatus) => void;
}

export interface LabSummary {
  readonly workload: WorkloadStatus;
  readonly traffic: TrafficStatus | null;
  /** Diaries of all workloads that ever ran in this folder, for the checker. */
  readonly logs: readonly string[];
}

export interface Lab {
  status(): { readonly workload: WorkloadStatus | null; readonly traffic: TrafficStatus | null };
  /** Names of processes that ended by themselves: a rehearsal without them proves nothing. */
  dead(): readonly string[];
  /** Makes a site fail or slow; zeros make it well again. */
  fault(command: Omit<FaultCommand, 'type'>): void;
  /** Diaries so far; new ones appear with each start. */
  logs(): Promise<readonly string[]>;
  /** Stops both. Faults: `lab.process-failed`. */
  stop(): Promise<LabSummary>;
}

const isDiary = (name: string): boolean => name.startsWith('writes-') && name.endsWith('.ndjson');

/** Diaries in a lab's folder, by name. */
export const diariesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder))
    .filter(isDiary)
    .sort()
    .map((name) => join(folder, name));

const workloadOf = (config: LabConfig, size: ShopSize): Partial<WorkloadConfig> => {
  const run = `r${randomBytes(4).toString('hex')}`;
  return {
    run,
    mode: config.mode,
    aws: config.aws,
    secret: config.secret,
    log: join(config.folder, `writes-${Date.now()}-${run}.ndjson`),
    size,
    batch: config.batchSecret === undefined ? null : { secret: config.batchSecret, everySeconds: 3 },
    ...(config.tables === undefined ? {} : { tables: [...config.tables] }),
    ...(config.writesPerSecond === undefined ? {} : { writesPerSecond: config.writesPerSecond }),
    ...(config.clients === undefined ? {} : { clients: config.clients }),
  };
};

const trafficOf = (config: LabConfig, traffic: NonNullable<LabConfig['traffic']>, rows: number): object => {
  const given: Partial<TrafficConfig> = {
    aws: config.aws,
    secret: config.secret,
    clock: { rate: traffic.clock.rate, originMs: traffic.clock.originMs },
    dns: { host: traffic.dns.host, port: traffic.dns.port },
    name: traffic.name,
    statements: config.mode === 'shop' ? [...shopReads] : ['select count(*) from lab.ledger'],
    rows,
    ...(traffic.requestsPerSecond === undefined ? {} : { requestsPerSecond: traffic.requestsPerSecond }),
  };
  return {
    ...given,
    sites: shopSites.map((site) => ({ ...site, address: traffic.addresses?.[site.id] ?? site.address })),
  };
};

export const startLab = async (config: LabConfig): Promise<Lab> => {
  await mkdir(config.folder, { recursive: true, mode: 0o700 });
  const size = shopSize(config.rows ?? 100_000);
  const report = config.onStatus ? { onStatus: config.onStatus } : {};
  const workload = await startProcess<WorkloadStatus>({
    name: 'workload',
    entry: config.entries.workload,
    configFile: join(config.folder, 'workload.json'),
    config: workloadOf(config, size),
    ...report,
  });
  let traffic: LabProcess<TrafficStatus> | null = null;
  if (config.traffic)
    traffic = await startProcess<TrafficStatus>({
      name: 'traffic',
      entry: config.entries.traffic,
      configFile: join(config.folder, 'traffic.json'),
      config: trafficOf(config, config.traffic, size.orders),
      ...report,
    }).catch(async (error: unknown) => {
      await workload.stop();
      throw error;
    });

  return {
    status: () => ({ workload: workload.status(), traffic: traffic?.status() ?? null }),
    dead: () => [...(workload.ended() ? ['workload'] : []), ...(traffic?.ended() ? ['traffic'] : [])],
    fault: (command) => traffic?.command({ type: 'fault', ...command }),
    logs: () => diariesIn(config.folder),
    stop: async () => {
      const [workloadEnd, trafficEnd] = await Promise.allSettled([workload.stop(), traffic?.stop() ?? null]);
      if (workloadEnd.status === 'rejected') throw workloadEnd.reason;
      if (trafficEnd.status === 'rejected') throw trafficEnd.reason;
      return { workload: workloadEnd.value, traffic: trafficEnd.value, logs: await diariesIn(config.folder) };
    },
  };
};

/** Puts the workload together: clients over pools, the stubborn one, the batch writer, readers; and adds up what they saw. */
import { setMaxListeners } from 'node:events';
import type { Part } from '../child.ts';
import { type ApplicationPool, openPool } from '../pool.ts';
import { openSecret } from '../secret.ts';
import { emptyTally, runReader, runWriter, type Tally, viaOneConnection, viaPool } from './clients.ts';
import type { WorkloadConfig } from './config.ts';
import { discoverTables, type GenericTable, nextGenericOperation } from './generic.ts';
import { openOpLog } from './op-log.ts';
import { seededRandom } from './random.ts';
import { nextBatchOperation, nextShopOperation, shopReads } from './shop-operations.ts';

export interface WorkloadStatus {
  readonly type: 'workload';
  readonly at: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly indeterminate: number;
  readonly abandoned: number;
  readonly lastAckAt: number | null;
  /** Server of the newest acknowledged write. */
  readonly server: string | null;
  readonly reads: number;
  readonly failedReads: number;
}

const statusOf = (tallies: readonly Tally[]): WorkloadStatus => {
  const sum = (field: 'acknowledged' | 'refused' | 'indeterminate' | 'abandoned' | 'reads' | 'failedReads'): number =>
    tallies.reduce((total, tally) => total + tally[field], 0);
  const newest = tallies.reduce<Tally | null>(
    (best, tally) => ((tally.lastAckAt ?? 0) > (best?.lastAckAt ?? 0) ? tally : best),
    null,
  );
  return {
    type: 'workload',
    at: Date.now(),
    acknowledged: sum('acknowledged'),
    refused: sum('refused'),
    indeterminate: sum('indeterminate'),
    abandoned: sum('abandoned'),
    lastAckAt: newest?.lastAckAt ?? null,
    server: newest?.server ?? null,
    reads: sum('reads'),
    failedReads: sum('failedReads'),
  };
};

const clientsPerPool = 6;
const connectionsPerPool = 4;

/** Where no table fits, the ledger alone is written. */
const discover = async (config: WorkloadConfig, pool: ApplicationPool): Promise<readonly GenericTable[]> =>
  config.mode === 'shop' ? [] : pool.use(({ client }) => discoverTables(client, config.tables));

export const startWorkload = async (config: WorkloadConfig): Promise<Part> => {
  const log = await openOpLog(config.log);
  const stopping = new AbortController();
  // Every client waits on it.
  setMaxListeners(0, stopping.signal);
  const tallies: Tally[] = [];
  const running: Promise<void>[] = [];
  const closers: (() => Promise<void>)[] = [];
  const { statementTimeoutMs, size } = config;
  const cache = (id: string) => openSecret({ aws: config.aws, id, ttlMs: config.secretTtlMs });
  const tally = (): Tally => {
    const created = emptyTally();
    tallies.push(created);
    return created;
  };
  const pool = (application: string, secret: string, max: number): ApplicationPool => {
    const opened = openPool({ secret: cache(secret), application, max, statementTimeoutMs });
    closers.push(() => opened.close());
    return opened;
  };

  const pools = Array.from({ length: Math.ceil(config.clients / clientsPerPool) }, () =>
    pool('shop', config.secret, connectionsPerPool),
  );
  const tables = await discover(config, pools[0]!);
  /** Rows of generic tables are shared out among the clients and the stubborn one. */
  const owners = config.clients + (config.stubborn ? 1 : 0);
  const intervalMs = (1000 * owners) / config.writesPerSecond;

  const writer = (index: number, name: string, attempt: Parameters<typeof runWriter>[0]['attempt']): void => {
    const random = seededRandom(config.seed * 1000 + index);
    running.push(
      runWriter({
        name,
        run: config.run,
        intervalMs,
        attempt,
        next: () =>
          config.mode === 'shop'
            ? nextShopOperation(random, size)
            : nextGenericOperation({ tables, client: index, clients: owners, random }),
        jitter: random.unit,
        log,
        tally: tally(),
        signal: stopping.signal,
      }),
    );
  };

  for (let index = 0; index < config.clients; index++)
    writer(index, `c${index}`, viaPool(pools[index % pools.length]!));
  if (config.stubborn) {
    const held = viaOneConnection({ secret: cache(config.secret), application: 'shop-legacy', statementTimeoutMs });
    closers.push(held.close);
    writer(config.clients, 'stubborn', held.attempt);
  }
  if (config.batch && config.mode === 'shop') {
    const random = seededRandom(config.seed * 1000 + 999);
    running.push(
      runWriter({
        name: 'batch',
        run: config.run,
        intervalMs: config.batch.everySeconds * 1000,
        attempt: viaPool(pool('shop-batch', config.batch.secret, 1)),
        next: () => nextBatchOperation(random, size),
        jitter: random.unit,
        log,
        tally: tally(),
        signal: stopping.signal,
      }),
    );
  }
  if (config.readers > 0) {
    const reads = pool('shop-reader', config.secret, config.readers);
    const random = seededRandom(config.seed * 1000 + 998);
    for (let index = 0; index < config.readers; index++)
      running.push(
        runReader({
          pool: reads,
          statements: config.mode === 'shop' ? shopReads : ['select count(*) from lab.ledger'],
          intervalMs: 100,
          pick: random.int,
          rows: size.orders,
          tally: tally(),
          signal: stopping.signal,
        }),
      );
  }

  return {
    status: () => statusOf(tallies),
    stop: async () => {
      stopping.abort();
      const ended = await Promise.allSettled(running);
      await Promise.all(closers.map((close) => close()));
      await log.close();
      const failed = ended.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
      return statusOf(tallies);
    },
  };
};

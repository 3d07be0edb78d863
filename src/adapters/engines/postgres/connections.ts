/** The one way to a PostgreSQL database: reads, effects behind octank's fencing number, and transactions that are always rolled back. */
import type { Client, ClientConfig } from 'pg';
import { Fault, type FaultEffect } from '../../../model/fault.ts';
import type { FencingToken } from '../../../ports/database.ts';
import { isLost, statementFault } from './errors.ts';
import { checkFencing } from './fencing.ts';
import { openPool, type Pool } from './pool.ts';
import { decodeSecret, type Place } from './secret.ts';

export interface Tx {
  query<T>(sql: string, values?: readonly unknown[]): Promise<readonly T[]>;
}

export interface ReadOptions {
  /** Deadline of the statement; 0 lets it run as long as it takes. Default 60 s. */
  readonly timeoutMs?: number;
  /** Cancels the statement on the server. */
  readonly signal?: AbortSignal;
}

export interface EffectOptions {
  readonly lockTimeoutMs?: number;
  /** Deadline per statement; 0 (the default, for index builds) lets it run. */
  readonly timeoutMs?: number;
}

export interface Connections {
  readonly place: Place;
  /** Of the run; names what octank leaves in the database. */
  readonly lineage: string;
  /** Reads. Repeated once when a connection that had died unnoticed was tried: never for statements that change something. */
  query<T>(sql: string, values?: readonly unknown[], options?: ReadOptions): Promise<readonly T[]>;
  /**
   * One transaction that first checks octank's fencing number in this database and holds it until it ends: an older octank is
   * refused with `fencing.stale`. Lost before COMMIT: effect none. Lost during COMMIT: effect unknown.
   */
  effect<T>(run: (tx: Tx) => Promise<T>, options?: EffectOptions): Promise<T>;
  /** A transaction that never commits, for trying things; not fenced, since it leaves nothing. */
  rolledBack<T>(run: (tx: Tx) => Promise<T>, options?: EffectOptions): Promise<T>;
  /** For a connection of its own kind (replication); holds the password, so it must not be printed. */
  readonly clientConfig: ClientConfig;
  close(): Promise<void>;
}

const defaultLockTimeoutMs = 5_000;
/** How long after the server should have ended a statement octank believes that the connection is dead. */
const deadAfterMs = 10_000;

const runOn = async <T>(
  client: Client,
  sql: string,
  values: readonly unknown[] | undefined,
  deadlineMs: number,
): Promise<readonly T[]> => {
  const result: unknown = await client.query({
    text: sql,
    ...(values === undefined ? {} : { values: [...values] }),
    ...(deadlineMs > 0 ? { query_timeout: deadlineMs + deadAfterMs } : {}),
  });
  // Several statements in one text give one result each; the last is the answer.
  const last: unknown = Array.isArray(result) ? result.at(-1) : result;
  return (last as { readonly rows: readonly T[] }).rows;
};

const backendPid = (client: Client): number => Number(Reflect.get(client, 'processID'));

/** Cancels on abort and waits for the answer to the cancel, so that it cannot hit the next statement of this connection. */
const cancelOnAbort = (pool: Pool, client: Client, signal: AbortSignal | undefined): (() => Promise<void>) => {
  if (!signal) return async () => undefined;
  let cancelling: Promise<unknown> = Promise.resolve();
  const cancel = (): void => {
    cancelling = (async () => {
      const other = await pool.acquire();
      await other
        .query('SELECT pg_catalog.pg_cancel_backend($1)', [backendPid(client)])
        .finally(() => pool.release(other));
    })().catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  return async () => {
    signal.removeEventListener('abort', cancel);
    await cancelling;
  };
};

const openReads =
  (pool: Pool, place: Place) =>
  async <T>(sql: string, values?: readonly unknown[], options: ReadOptions = {}): Promise<readonly T[]> => {
    const { timeoutMs = 60_000, signal } = options;
    signal?.throwIfAborted();
    const once = async (): Promise<readonly T[]> => {
      const client = await pool.acquire();
      const settle = cancelOnAbort(pool, client, signal);
      try {
        if (timeoutMs === 60_000) return await runOn<T>(client, sql, values, timeoutMs);
        await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${timeoutMs}`);
        const rows = await runOn<T>(client, sql, values, timeoutMs);
        await client.query('COMMIT');
        return rows;
      } catch (error) {
        if (isLost(error)) pool.discard(client);
        else if (timeoutMs !== 60_000) await client.query('ROLLBACK').catch(() => pool.discard(client));
        throw error;
      } finally {
        await settle();
        pool.release(client);
      }
    };
    try {
      return await once().catch((error: unknown) => {
        if (isLost(error) && !(error instanceof Fault) && !signal?.aborted) return once();
        throw error;
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw statementFault(error, place);
    }
  };

const begin = ({ lockTimeoutMs = defaultLockTimeoutMs, timeoutMs = 0 }: EffectOptions): string =>
  `BEGIN; SET LOCAL lock_timeout = ${Math.round(lockTimeoutMs)}; SET LOCAL statement_timeout = ${Math.round(timeoutMs)}`;

/** A COMMIT that the server answers with ROLLBACK has undone everything without an error. */
const commit = async (client: Client): Promise<void> => {
  const { command } = await client.query('COMMIT');
  if (command === 'COMMIT') return;
  throw new Fault({
    code: 'database.rolled-back',
    summary: 'The database rolled the transaction back.',
    detail: command,
    hint: 'Apply again.',
    effect: 'none',
  });
};

const openTransactions =
  (pool: Pool, place: Place) =>
  async <T>(
    options: EffectOptions & { readonly first: (client: Client) => Promise<void>; readonly keep: boolean },
    run: (tx: Tx) => Promise<T>,
  ): Promise<T> => {
    const client = await pool.acquire();
    const timeoutMs = options.timeoutMs ?? 0;
    let lostEffect: FaultEffect = 'none';
    let finished = false;
    try {
      await client.query(begin(options));
      await options.first(client);
      const value = await run({
        query: <R>(sql: string, values?: readonly unknown[]) => runOn<R>(client, sql, values, timeoutMs),
      });
      if (options.keep) {
        lostEffect = 'unknown';
        await commit(client);
      } else await client.query('ROLLBACK');
      finished = true;
      return value;
    } catch (error) {
      throw statementFault(error, place, lostEffect);
    } finally {
      // A transaction left open would hold its locks in the pool.
      if (!finished) await client.query('ROLLBACK').catch(() => pool.discard(client));
      pool.release(client);
    }
  };

/** Nothing connects until the first statement. Faults: `database.secret-invalid`, `database.tls`. */
export const openConnections = (options: {
  readonly name: string;
  readonly secret: string;
  readonly fencing: FencingToken;
}): Connections => {
  const target = decodeSecret(options.name, options.secret);
  const pool = openPool(target);
  const transaction = openTransactions(pool, target.place);
  return {
    place: target.place,
    lineage: options.fencing.lineage,
    query: openReads(pool, target.place),
    effect: (run, given = {}) =>
      transaction(
        { ...given, keep: true, first: (client) => checkFencing(client, options.fencing, begin(given)) },
        run,
      ),
    rolledBack: (run, given = {}) => transaction({ ...given, keep: false, first: async () => undefined }, run),
    clientConfig: target.client,
    close: () => pool.close(),
  };
};

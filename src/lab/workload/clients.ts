/** The clients: each writes at its own pace, backs off when refused, and notes how every write ended. */
import pg from 'pg';
import { pause } from '../child.ts';
import { type ApplicationPool, connectionOptions, identify, isDisconnect, isServerTrouble } from '../pool.ts';
import type { SecretCache } from '../secret.ts';
import type { OpLog } from './op-log.ts';
import { type Operation, performWrite, Refused, unreached, type WriteResult } from './write.ts';

export interface Tally {
  acknowledged: number;
  refused: number;
  indeterminate: number;
  abandoned: number;
  lastAckAt: number | null;
  server: string | null;
  reads: number;
  failedReads: number;
}

export const emptyTally = (): Tally => ({
  acknowledged: 0,
  refused: 0,
  indeterminate: 0,
  abandoned: 0,
  lastAckAt: null,
  server: null,
  reads: 0,
  failedReads: 0,
});

/** Tries one operation; never throws for what a database may do. */
export type Attempt = (operation: Operation, op: string) => Promise<WriteResult>;

export const viaPool =
  (pool: ApplicationPool): Attempt =>
  async (operation, op) => {
    try {
      return await pool.use(async (connection) => {
        const result = await performWrite(connection, operation, op);
        // The pool judges the connection by the error; the outcome travels with it.
        if (result.error !== undefined && isServerTrouble(result.error))
          throw Object.assign(new Refused(result), { code: result.code });
        return result;
      });
    } catch (error) {
      return error instanceof Refused ? error.result : unreached(error);
    }
  };

/** Keeps one connection and asks for the secret only after a refusal: what an old service does. */
export const viaOneConnection = (options: {
  readonly secret: SecretCache;
  readonly application: string;
  readonly statementTimeoutMs: number;
}): { readonly attempt: Attempt; close(): Promise<void> } => {
  let held: pg.Client | undefined;
  const drop = async (): Promise<void> => {
    const client = held;
    held = undefined;
    await client?.end().catch(() => undefined);
  };
  const connect = async (): Promise<pg.Client> => {
    options.secret.distrust();
    const client = new pg.Client(connectionOptions(await options.secret.read(), options));
    client.on('error', () => undefined);
    await client.connect();
    held = client;
    return client;
  };
  return {
    attempt: async (operation, op) => {
      try {
        const client = held ?? (await connect());
        const result = await performWrite({ client, server: await identify(client) }, operation, op);
        if (result.error !== undefined && isServerTrouble(result.error)) await drop();
        return result;
      } catch (error) {
        await drop();
        return unreached(error);
      }
    },
    close: drop,
  };
};

const firstBackOffMs = 50;
const maxBackOffMs = 1000;

/** Writes until aborted. A refused write is tried again, under a new id, after a pause that doubles; an indeterminate one never is. */
export const runWriter = async (options: {
  readonly name: string;
  readonly run: string;
  readonly intervalMs: number;
  readonly attempt: Attempt;
  readonly next: () => Operation;
  readonly jitter: () => number;
  readonly log: OpLog;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { tally, signal } = options;
  let count = 0;
  let backOffMs = 0;
  let again: Operation | undefined;
  let due = Date.now() + options.jitter() * options.intervalMs;
  while (!signal.aborted) {
    await pause(Math.max(due - Date.now(), backOffMs * (0.5 + options.jitter())), signal);
    if (signal.aborted) return;
    const operation = again ?? options.next();
    const op = `${options.run}-${options.name}-${++count}`;
    const { error: _, ...result } = await options.attempt(operation, op);
    options.log.write({ op, client: options.name, ...result });
    note(tally, result);
    const refused = result.outcome === 'refused' && result.code !== 'abandoned';
    again = refused ? operation : undefined;
    backOffMs = refused ? Math.min(maxBackOffMs, Math.max(firstBackOffMs, backOffMs * 2)) : 0;
    // A client that fell behind does not make up for it in a burst.
    due = Math.max(due + options.intervalMs, Date.now() - options.intervalMs);
  }
};

const note = (tally: Tally, result: Omit<WriteResult, 'error'>): void => {
  if (result.code === 'abandoned') tally.abandoned++;
  else tally[result.outcome]++;
  if (result.outcome !== 'acknowledged') return;
  tally.lastAckAt = result.at;
  tally.server = result.server;
};

/** Reads until aborted; a read that fails is counted and forgotten. */
export const runReader = async (options: {
  readonly pool: ApplicationPool;
  readonly statements: readonly string[];
  readonly intervalMs: number;
  readonly pick: (below: number) => number;
  readonly rows: number;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { tally, signal } = options;
  while (!signal.aborted) {
    await pause(options.intervalMs, signal);
    const text = options.statements[options.pick(options.statements.length)];
    if (signal.aborted || !text) return;
    const values = text.includes('$1') ? [1 + options.pick(options.rows)] : [];
    await options.pool
      .use(({ client }) => client.query(text, values))
      .then(() => tally.reads++)
      .catch((error: unknown) => {
        tally.failedReads++;
        if (!isDisconnect(error) && !isServerTrouble(error)) process.stderr.write(`a read failed: ${String(error)}\n`);
      });
  }
};

/** The application's pool: ordinary, except that it follows its secret and knows which server each connection reached. */
import pg from 'pg';
import type { DatabaseSecret, SecretCache } from './secret.ts';

export interface Connection {
  readonly client: pg.ClientBase;
  /** The server's own address, not the name it was reached by. */
  readonly server: string;
}

export interface ApplicationPool {
  /** A broken connection is thrown away when `work` says so by rejecting with an error that `isDisconnect` knows. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Classes of SQLSTATE that are about the statement: data, constraints, deadlocks, privileges. All others are about the server. */
const statementClasses: ReadonlySet<string> = new Set(['22', '23', '40', '42']);

const sqlState = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** True when the server may not be the right one any more: then an application reads its secret again. */
export const isServerTrouble = (error: unknown): boolean => !statementClasses.has(sqlState(error).slice(0, 2));

/** True when the connection is gone or is about to be. No SQLSTATE: the driver or the socket failed. */
export const isDisconnect = (error: unknown): boolean => {
  const state = sqlState(error);
  return state.length !== 5 || state.startsWith('08') || state.startsWith('57P') || state.startsWith('28');
};

export const connectionOptions = (
  secret: DatabaseSecret,
  options: { readonly application: string; readonly statementTimeoutMs: number },
): pg.ClientConfig => ({
  host: secret.host,
  port: secret.port,
  user: secret.username,
  password: secret.password,
  database: secret.dbname,
  application_name: options.application,
  statement_timeout: options.statementTimeoutMs,
  // The driver's own limit, for a server that does not answer at all.
  query_timeout: options.statementTimeoutMs + 1000,
  connectionTimeoutMillis: 2000,
  keepAlive: true,
});

const serverOf = new WeakMap<object, string>();

export const identify = async (client: pg.ClientBase): Promise<string> => {
  const known = serverOf.get(client);
  if (known) return known;
  const { rows } = await client.query<{ server: string }>(
    "select host(inet_server_addr()) || ':' || inet_server_port() as server",
  );
  const server = rows[0]?.server ?? 'unknown';
  serverOf.set(client, server);
  return server;
};

export const openPool = (options: {
  readonly secret: SecretCache;
  readonly application: string;
  readonly max: number;
  readonly statementTimeoutMs: number;
}): ApplicationPool => {
  let current: { readonly fingerprint: string; readonly pool: pg.Pool } | undefined;
  const closing: Promise<void>[] = [];

  const poolFor = (secret: DatabaseSecret): pg.Pool => {
    if (current?.fingerprint === secret.fingerprint) return current.pool;
    // What runs on the old connections ends by itself; nothing new is started there.
    if (current) closing.push(current.pool.end().catch(() => undefined));
    const pool = new pg.Pool({ ...connectionOptions(secret, options), max: options.max, idleTimeoutMillis: 30_000 });
    // An idle connection that the server ends is no failure of the application.
    pool.on('error', () => undefined);
    // Nor is one that is ended between two statements of a transaction: the next statement says so.
    pool.on('connect', (client) => client.on('error', () => undefined));
    current = { fingerprint: secret.fingerprint, pool };
    return pool;
  };

  const release = (client: pg.PoolClient, error?: unknown): void =>
    client.release(error !== undefined && isDisconnect(error) ? new Error('connection is not used again') : undefined);

  return {
    use: async (work) => {
      try {
        const client = await poolFor(await options.secret.read()).connect();
        try {
          const result = await work({ client, server: await identify(client) });
          release(client);
          return result;
        } catch (error) {
          release(client, error);
          throw error;
        }
      } catch (error) {
        if (isServerTrouble(error)) options.secret.distrust();
        throw error;
      }
    },
    close: async () => {
      if (current) closing.push(current.pool.end().catch(() => undefined));
      await Promise.all(closing);
      options.secret.close();
    },
  };
};

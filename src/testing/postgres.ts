/** Real PostgreSQL servers for tests: one per test file and role, in a folder of their own, stopped and removed at its end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../rehearsal/stand-ins/server.ts';

export interface TestPostgres {
  readonly server: PostgresServer;
  /** Superuser connection settings for `pg`. */
  connection(database?: string): {
    host: string;
    port: number;
    user: string;
    password: string;
    database: string;
  };
  /** JSON text as the secret of this server would hold it. */
  secret(options?: { user?: string; password?: string; database?: string }): string;
  /** Runs SQL as superuser and returns rows. */
  query<T extends object = Record<string, unknown>>(sql: string, database?: string): Promise<T[]>;
  stop(): Promise<void>;
}

export const testPostgres = async (
  options: Pick<PostgresOptions, 'settings' | 'locale'> = {},
): Promise<TestPostgres> => {
  const folder = await mkdtemp(join(tmpdir(), 'octank-test-'));
  // The server may run under another account; the folder above its data must be passable.
  const { chmod } = await import('node:fs/promises');
  await chmod(folder, 0o777);
  const server = await startPostgres({
    dataDir: join(folder, 'data'),
    ...options,
    settings: {
      wal_level: 'logical',
      max_replication_slots: '20',
      max_wal_senders: '20',
      max_prepared_transactions: '10',
      shared_buffers: '64MB',
      ...options.settings,
    },
  });
  const connection = (database = 'postgres') => ({
    host: server.host,
    port: server.port,
    user: server.superuser,
    password: server.superuserPassword,
    database,
  });
  return {
    server,
    connection,
    secret: (given = {}) =>
      JSON.stringify({
        engine: 'postgres',
        host: server.host,
        port: server.port,
        username: given.user ?? server.superuser,
        password: given.password ?? server.superuserPassword,
        dbname: given.database ?? 'postgres',
        sslmode: 'disable',
      }),
    query: async (sql, database) => {
      const client = new pg.Client(connection(database));
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    stop: async () => {
      await server.stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** A real server with a shop, its application roles, and octank as Aurora's master or as superuser: what this room's tests run on. */
import pg from 'pg';
import type { Database } from '../../../../ports/database.ts';
import { type TestPostgres, testPostgres } from '../../../../testing/postgres.ts';
import { openDatabase } from '../../index.ts';

export const roleKinds = ['aurora-master', 'superuser'] as const;
export type RoleKind = (typeof roleKinds)[number];

const roles = `
  CREATE ROLE shop_app LOGIN PASSWORD 'app';
  CREATE ROLE shop_batch LOGIN PASSWORD 'batch';
  CREATE ROLE shop_reader LOGIN PASSWORD 'reader';
  CREATE ROLE octank_dms LOGIN REPLICATION PASSWORD 'dms';
  CREATE ROLE octank_master LOGIN REPLICATION CREATEROLE PASSWORD 'master';
  GRANT pg_monitor, pg_signal_backend, shop_app, shop_batch TO octank_master;
  GRANT SET ON PARAMETER session_replication_role TO octank_master, octank_dms;
  GRANT CREATE ON DATABASE postgres TO octank_master;`;

const shop = `
  CREATE SCHEMA shop AUTHORIZATION shop_app;
  SET ROLE shop_app;
  CREATE TABLE shop.customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
  CREATE TABLE shop.orders (id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES shop.customer, total numeric(12,2) NOT NULL DEFAULT 0);
  CREATE TABLE shop.event (at timestamptz NOT NULL, note text) PARTITION BY RANGE (at);
  CREATE TABLE shop.event_2026 PARTITION OF shop.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE shop.log (note text);
  INSERT INTO shop.customer (name) SELECT 'customer ' || n FROM generate_series(1, 20) n;
  GRANT USAGE ON SCHEMA shop TO shop_batch, shop_reader, octank_dms;
  GRANT INSERT, UPDATE ON shop.orders, shop.customer TO shop_batch;
  GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_reader;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO octank_dms;
  RESET ROLE;`;

export const shopTables = ['customer', 'event', 'log', 'orders'].map((table) => ({ schema: 'shop', table }));

export interface Shop {
  readonly server: TestPostgres;
  octank(kind: RoleKind, fencing?: { lineage?: string; number?: number | undefined }): Promise<Database>;
  /** A client of its own, ended with the shop. */
  client(user: string, password: string): Promise<pg.Client>;
  app(): Promise<pg.Client>;
  superuser(): Promise<pg.Client>;
  stop(): Promise<void>;
}

export const openShop = async (): Promise<Shop> => {
  const server = await testPostgres();
  await server.query(roles);
  await server.query(shop);
  const databases: Database[] = [];
  const clients: pg.Client[] = [];
  const client = async (user: string, password: string): Promise<pg.Client> => {
    const opened = new pg.Client({ ...server.connection(), user, password, application_name: `test ${user}` });
    // Tests end sessions on purpose.
    opened.on('error', () => undefined);
    await opened.connect();
    clients.push(opened);
    return opened;
  };
  return {
    server,
    octank: async (kind, { lineage = 'run-a', number = 1 } = {}) => {
      const database = await openDatabase({
        name: 'shop',
        engine: kind === 'superuser' ? 'postgres' : 'aurora-postgresql',
        secret: kind === 'superuser' ? server.secret() : server.secret({ user: 'octank_master', password: 'master' }),
        fencing: { lineage, current: () => number },
      });
      databases.push(database);
      return database;
    },
    client,
    app: () => client('shop_app', 'app'),
    superuser: () => client(server.server.superuser, server.server.superuserPassword),
    stop: async () => {
      await Promise.all(databases.map((database) => database.close()));
      await Promise.all(clients.map((opened) => opened.end().catch(() => undefined)));
      await server.stop();
    },
  };
};

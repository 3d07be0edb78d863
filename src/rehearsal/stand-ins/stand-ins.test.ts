/** The two databases of a rehearsal: who may do what in them, that seeds arrive whole, and that a restart finds them again. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RehearsalConfig } from '../config.ts';
import { type StandIns, startStandIns } from './index.ts';

const seed = `-- PostgreSQL database dump
\\restrict abc
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA shop;
ALTER SCHEMA shop OWNER TO somebody;
CREATE FUNCTION shop.f() RETURNS text LANGUAGE plpgsql AS $_$
begin
  -- a ; in a comment and a 'quote
  return 'a;b';
end;
$_$;
CREATE FUNCTION shop.g(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC
  SELECT CASE WHEN i > 1 THEN 1 ELSE 2 END;
  SELECT i;
END;
CREATE TYPE shop.mood AS ENUM ('happy', 'it''s; complicated');
CREATE TABLE shop.customer (
    id integer NOT NULL, -- the key; of it
    name text, mood shop.mood
);
COPY shop.customer (id, name, mood) FROM stdin;
1	Ann; "A"	happy
2	\\N	it's; complicated
3	it's -- not /* a comment	\\N
\\.
INSERT INTO shop.customer VALUES (4, E'back\\'slash; quote', NULL); INSERT INTO shop.customer VALUES (5, '$$;$$', NULL);
ALTER TABLE ONLY shop.customer ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
GRANT ALL ON SCHEMA shop TO nobody_here;
\\unrestrict abc
`;

const connect = async (secret: string): Promise<pg.Client> => {
  const { host, port, username, password, dbname } = JSON.parse(secret);
  const client = new pg.Client({ host, port, user: username, password, database: dbname });
  await client.connect();
  return client;
};

describe('stand-ins', () => {
  let folder: string;
  let running: StandIns;
  const secrets = new Map<string, string>();
  const as = async <T extends object>(secret: string, sql: string): Promise<T[]> => {
    const client = await connect(secrets.get(secret) ?? '');
    try {
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const config = (): Pick<RehearsalConfig, 'stateDir' | 'databases'> => ({
    stateDir: join(folder, 'state'),
    databases: {
      monolith: {
        role: 'on-premises',
        engine: 'postgres',
        secret: 'monolith',
        dbname: 'shop',
        owner: 'shop_app',
        seedFile: join(folder, 'seed.sql.gz'),
        roles: { 'app-source': 'shop_app', 'batch-source': 'shop_batch', 'dms-source': 'octank_dms' },
      },
      accounts: {
        role: 'aurora',
        engine: 'postgres',
        secret: 'accounts',
        dbname: 'shop',
        owner: 'shop_app',
        roles: { 'app-target': 'shop_app', 'dms-target': 'octank_dms' },
      },
    },
  });
  const start = () =>
    startStandIns({
      config: config(),
      putSecret: async (name, value) => {
        secrets.set(name, value);
      },
      log: () => undefined,
    });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'octank-stand-ins-'));
    const { chmod } = await import('node:fs/promises');
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'seed.sql.gz'), gzipSync(seed));
    running = await start();
  });
  afterAll(async () => {
    await running?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('loads a dump whole, psql commands and other owners left out', async () => {
    expect(await as('app-source', 'select name, mood::text from shop.customer order by id')).toEqual([
      { name: 'Ann; "A"', mood: 'happy' },
      { name: null, mood: "it's; complicated" },
      { name: "it's -- not /* a comment", mood: null },
      { name: "back'slash; quote", mood: null },
      { name: '$$;$$', mood: null },
    ]);
    expect(await as('app-source', 'select shop.f() as f, shop.g(7) as g')).toEqual([{ f: 'a;b', g: 7 }]);
    expect(
      await as('app-source', `select distinct tableowner as owner from pg_tables where schemaname = 'shop'`),
    ).toEqual([{ owner: 'shop_app' }]);
  });

  it.each(['monolith', 'accounts'])('gives octank on %s what preflight asks for, and no superuser', async (secret) => {
    const [facts] = await as<Record<string, boolean>>(
      secret,
      `select rolsuper, rolreplication, pg_has_role('pg_monitor', 'USAGE') as monitor, pg_has_role('pg_signal_backend', 'USAGE') as signal,
         pg_has_role('shop_app', 'SET') as app, has_database_privilege(current_database(), 'CREATE') as create,
         has_parameter_privilege('session_replication_role', 'SET') as replica
       from pg_roles where rolname = current_user`,
    );
    expect(facts).toEqual({
      rolsuper: false,
      rolreplication: true,
      monitor: true,
      signal: true,
      app: true,
      create: true,
      replica: true,
    });
  });

  it("keeps Aurora's limits: no file access, no server settings", async () => {
    await expect(as('accounts', `copy (select 1) to '/dev/null'`)).rejects.toThrow(/permission denied/);
    await expect(as('accounts', 'alter system set work_mem = 1')).rejects.toThrow(/permission denied/);
  });

  it('lets the batch role write tables that the owner makes later', async () => {
    await as(
      'app-source',
      'create schema late; create table late.t (id int generated by default as identity primary key)',
    );
    await as('batch-source', 'insert into late.t default values');
    await as('batch-source', 'update shop.customer set name = name where id = 1');
  });

  it('lets replication apply as replica', async () => {
    await as(
      'dms-source',
      `set session_replication_role = replica; insert into shop.customer values (9, 'nine', null)`,
    );
  });

  it('runs the two servers with different settings', async () => {
    const sql = `select name, setting from pg_settings where name in ('TimeZone', 'max_prepared_transactions', 'max_connections') order by name`;
    expect(await as('monolith', sql)).not.toEqual(await as('accounts', sql));
  });

  it('adopts running servers, and restarts stopped ones on the same port with the same rows', async () => {
    const ports = Object.values(running.databases).map((database) => database.port);
    const before = new Map(secrets);
    const adopted = await start();
    expect(Object.values(adopted.databases).map((database) => database.port)).toEqual(ports);
    await adopted.stop();
    running = await start();
    expect(Object.values(running.databases).map((database) => database.port)).toEqual(ports);
    expect(new Map(secrets)).toEqual(before);
    expect(await as('app-source', 'select count(*)::int as n from shop.customer')).toEqual([{ n: 6 }]);
  });
});

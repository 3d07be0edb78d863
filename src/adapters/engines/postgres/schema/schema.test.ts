/** The dangers of reading and changing a schema: octank's own objects taken for the user's, names that depend on a session, half-done DDL, a slow catalog. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../../../model/fault.ts';
import { allObjects, type SchemaModel } from '../../../../model/schema.ts';
import { type TestPostgres, testPostgres } from '../../../../testing/postgres.ts';
import { type Connections, openConnections } from '../connections.ts';
import { postgresSchema } from './execute.ts';
import { inspectSchema, type Reader } from './inspect.ts';

let server: TestPostgres;
const opened: Connections[] = [];

const open = (given: { database?: string; user?: string; password?: string } = {}): Connections => {
  const connections = openConnections({
    name: 'shop',
    secret: server.secret(given),
    fencing: { lineage: 'test', current: () => 1 },
  });
  opened.push(connections);
  return connections;
};

const inspect = (given?: Parameters<typeof open>[0]): Promise<SchemaModel> => postgresSchema(open(given)).inspect();

const ids = (model: SchemaModel): readonly string[] => allObjects(model).map((object) => object.id);

const database = async (name: string, sql: string): Promise<string> => {
  await server.query(`CREATE DATABASE ${name}`);
  await server.query(sql, name);
  return name;
};

beforeAll(async () => {
  server = await testPostgres({ settings: { fsync: 'off' } });
});

afterAll(async () => {
  await Promise.all(opened.map((connections) => connections.close()));
  await server.stop();
});

describe('inspect', () => {
  it('does not take octank for a part of the schema', async () => {
    const name = await database(
      'fenced',
      `CREATE SCHEMA octank; CREATE TABLE octank.fence (wave text);
       CREATE FUNCTION octank.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TABLE public.t (id int PRIMARY KEY);
       CREATE TRIGGER octank_fence_row BEFORE INSERT ON public.t EXECUTE FUNCTION octank.refuse();
       ALTER TABLE public.t ENABLE ALWAYS TRIGGER octank_fence_row;
       CREATE PUBLICATION octank_feed FOR TABLE public.t`,
    );
    expect(ids(await inspect({ database: name }))).toEqual([
      'schema:public',
      'table:public.t',
      'constraint:public.t.t_pkey',
    ]);
  });

  it('lets an extension stand for its members, and sees who needs it', async () => {
    const name = await database(
      'extended',
      `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION btree_gist SCHEMA ext;
       CREATE TABLE public.t (name ext.citext[], n int, EXCLUDE USING gist (n WITH =))`,
    );
    const model = await inspect({ database: name });
    expect(model.routines).toEqual([]);
    expect(model.others).toEqual([]);
    expect(model.tables[0]?.uses).toEqual(['extension:citext']);
    expect(model.constraints[0]?.uses).toEqual(['extension:btree_gist', 'table:public.t']);
  });

  it('names what it does not model instead of passing over it', async () => {
    const name = await database(
      'others',
      `CREATE TABLE public.t (id int PRIMARY KEY);
       CREATE PUBLICATION app_feed FOR TABLE public.t;
       CREATE FUNCTION public.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
       CREATE EVENT TRIGGER ddl_guard ON ddl_command_start EXECUTE FUNCTION public.ddl();
       CREATE COLLATION public.own FROM "C";
       CREATE TABLE public.u (name text COLLATE public.own);
       CREATE FUNCTION public.eq(public.t, public.t) RETURNS boolean LANGUAGE sql RETURN true;
       CREATE OPERATOR public.=== (LEFTARG = public.t, RIGHTARG = public.t, FUNCTION = public.eq);
       CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
       CREATE FOREIGN TABLE public.remote (id int) SERVER far;
       CREATE TEXT SEARCH CONFIGURATION public.search (COPY = simple);
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
       SELECT lo_create(0)`,
    );
    const model = await inspect({ database: name });
    expect(model.others.map((object) => object.what).sort()).toEqual([
      'collation',
      'default privileges',
      'event trigger',
      'foreign server',
      'foreign table',
      'large objects',
      'operator',
      'publication',
      'text search configuration',
    ]);
    expect(model.others.find((object) => object.what === 'publication')?.uses).toEqual(['table:public.t']);
    expect(model.tables.find((table) => table.name === 'u')?.uses).toEqual(['other:collation:public.own']);
  });

  it('reads the same for an ordinary role with a search_path of its own, and leaves the session as it was', async () => {
    const name = await database(
      'ordinary',
      `CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('a'); CREATE TABLE shop.t (id int PRIMARY KEY, mood shop.mood DEFAULT 'a');
       CREATE VIEW shop.v AS SELECT * FROM shop.t; CREATE ROLE plain LOGIN PASSWORD 'plain';
       ALTER ROLE plain SET search_path = shop`,
    );
    const connections = open({ database: name, user: 'plain', password: 'plain' });
    const before = await connections.query('SHOW search_path');
    const model = await postgresSchema(connections).inspect();
    expect(model).toEqual(await inspect({ database: name }));
    expect(model.tables[0]?.columns[1]?.default).toBe(`'a'::shop.mood`);
    expect(await connections.query('SHOW search_path')).toEqual(before);
  });

  it('asks no more often for a thousand tables than for one, and is done in about a second', async () => {
    const counting = (connections: Connections) => {
      let asked = 0;
      const reader: Reader = {
        query: (sql, values) => {
          asked += 1;
          return connections.query(sql, values);
        },
      };
      return { reader, asked: () => asked };
    };
    const few = counting(open({ database: await database('few', 'CREATE TABLE public.t (id int)') }));
    await inspectSchema(few.reader);
    const name = await database(
      'many',
      `DO $$ BEGIN FOR i IN 1..1000 LOOP
         EXECUTE format('CREATE TABLE public.t%s (id bigint PRIMARY KEY, a int NOT NULL DEFAULT 7, b float8, c timestamptz DEFAULT now())', i);
       END LOOP; END $$`,
    );
    const many = counting(open({ database: name }));
    const started = performance.now();
    expect((await inspectSchema(many.reader)).tables.length).toBe(1000);
    const seconds = (performance.now() - started) / 1000;
    console.info(`inspected 1000 tables in ${seconds.toFixed(2)} s`);
    expect(many.asked()).toBe(few.asked());
    // Half a second on a quiet machine; the margin is for what else runs there.
    expect(seconds).toBeLessThan(4);
  });
});

describe('execute', () => {
  const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof Fault) return error;
    throw new Error('no fault was thrown', { cause: error });
  };

  it('stops at the first failure, keeps what was done, and names the object', async () => {
    const name = await database('failing', 'SELECT 1');
    const done: string[] = [];
    const fault = await faultOf(
      postgresSchema(open({ database: name })).execute(
        [
          { object: 'table:public.a', sql: 'CREATE TABLE public.a (id int)' },
          { object: 'table:public.b', sql: 'CREATE TABLE public.b (id int); CREATE TABLE public.c (id nonsense)' },
          { object: 'table:public.d', sql: 'CREATE TABLE public.d (id int)' },
        ],
        (object) => done.push(object),
      ),
    );
    expect(fault).toMatchObject({ code: 'schema.statement-failed', effect: 'none' });
    expect(fault.detail).toContain('table:public.b');
    expect(done).toEqual(['table:public.a']);
    expect(ids(await inspect({ database: name }))).toEqual(['schema:public', 'table:public.a']);
  });

  it('does not queue behind a reader for longer than the lock timeout', async () => {
    const name = await database('locked', 'CREATE TABLE public.t (id int)');
    const reader = new pg.Client(server.connection(name));
    await reader.connect();
    try {
      await reader.query('BEGIN; SELECT * FROM public.t');
      const fault = await faultOf(
        postgresSchema(open({ database: name }), { lockTimeoutMs: 200 }).execute([
          { object: 'x', sql: 'ALTER TABLE public.t ADD COLUMN a int' },
        ]),
      );
      expect(fault).toMatchObject({ code: 'schema.statement-failed', effect: 'none' });
      expect(fault.hint).toContain('lock');
    } finally {
      await reader.end();
    }
  });

  it('creates functions whose bodies name what comes later', async () => {
    const name = await database('bodies', 'SELECT 1');
    await postgresSchema(open({ database: name })).execute([
      {
        object: 'f',
        sql: 'CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM later $$',
      },
    ]);
    expect(ids(await inspect({ database: name }))).toContain('routine:public.f()');
  });
});

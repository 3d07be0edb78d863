import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../testing/dist.ts';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { type AwsStub, startAwsStub, until } from '../testing/secrets-stub.ts';
import { workloadConfig } from '../workload/config.ts';
import { createLedger, discoverTables } from '../workload/generic.ts';
import { startWorkload, type WorkloadStatus } from '../workload/run.ts';
import { readOps } from './diary.ts';
import { proveGenericWrites } from './proof.ts';
import type { ViolationCode } from './violation.ts';

const schemaSql = `
  create schema "Odd ""one""" authorization shop_app; set role shop_app;
  create table "Odd ""one"""."T" ("Key" int, part text, "Note.of ""it""" text, primary key ("Key", part));
  insert into "Odd ""one"""."T" select g, 'p' || g % 3, null from generate_series(1, 40) g;
  create table public_like (id uuid primary key, title varchar(60) not null, code varchar(40) unique, short varchar(5));
  insert into public_like select gen_random_uuid(), 'title', 'c' || g, 'x' from generate_series(1, 40) g;
  create table parted (id int, day date, remark text, primary key (id, day)) partition by range (day);
  create table parted_2024 partition of parted for values from ('2024-01-01') to ('2025-01-01');
  insert into parted select g, date '2024-03-01' + g, 'r' from generate_series(1, 40) g;
  create table no_key (a text); insert into no_key values ('x');
  create table moments (at timestamptz primary key, rate float8, note text);
  insert into moments select timestamptz '2026-11-24 12:00:00+01' + g * interval '1 microsecond', g / 3.0, '' from generate_series(1, 40) g;
  create table only_keys (name text primary key); insert into only_keys values ('x')`;

describe('a workload on a database that we did not make', () => {
  let server: TestPostgres;
  let stub: AwsStub;
  let folder: string;
  let log: string;

  beforeAll(async () => {
    [server, folder] = await Promise.all([testPostgres(), mkdtemp(join(tmpdir(), 'octank-lab-'))]);
    await server.query("create role shop_app login password 'a'; alter role shop_app set timezone = 'Asia/Kolkata'");
    await server.query('create database given owner shop_app');
    await server.query('grant create on schema public to shop_app', 'given');
    await server.query(schemaSql, 'given');
    await createLedger(server.connection('given'), 'shop_app');
    stub = await startAwsStub({ app: server.secret({ user: 'shop_app', password: 'a', database: 'given' }) });
    log = join(folder, 'writes.ndjson');
    const part = await startWorkload(
      workloadConfig.parse({
        run: 'g',
        mode: 'generic',
        aws: stub.aws,
        secret: 'app',
        log,
        clients: 6,
        writesPerSecond: 400,
        readers: 0,
      }),
    );
    await until(() => (part.status() as WorkloadStatus).acknowledged > 300, 'writes');
    await part.stop();
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), stub?.stop(), folder && rm(folder, { recursive: true })]);
  });

  const prove = async (breakSql: string) => {
    const client = new pg.Client(server.connection('given'));
    await client.connect();
    const seen: ViolationCode[] = [];
    await client.query('begin');
    await client.query(breakSql);
    const proof = await proveGenericWrites(client, await readOps([log]), (code) => seen.push(code));
    await client.query('rollback');
    await client.end();
    return { ...proof, codes: [...new Set(seen)] };
  };

  it('reaches odd names, composite keys and partitions, and no table without a key or a free column', async () => {
    const touched = new Set((await readOps([log])).flatMap((op) => op.effects.map((effect) => effect.table)));
    expect([...touched].sort()).toEqual([
      '"Odd ""one"""."T"',
      '"public"."moments"',
      '"public"."parted"',
      '"public"."public_like"',
    ]);
  });

  it('has nothing to say when all is there', async () => {
    expect(await prove('select 1')).toEqual({ lost: 0, duplicated: 0, codes: [] });
  });

  it.each([
    [
      'a ledger row that is gone',
      `delete from lab.ledger where op_id = (select op_id from lab.ledger where row_table = '"public"."parted"' limit 1)`,
      'write-lost',
    ],
    [
      'an older value that came back',
      "update parted set remark = 'r' where remark = (select max(remark) from parted where remark <> 'r')",
      'write-lost',
    ],
    [
      'a row that is gone',
      "delete from parted where remark = (select max(remark) from parted where remark <> 'r')",
      'write-lost',
    ],
    ['a write that nobody made', "insert into lab.ledger values ('zzz', 't', 'k')", 'write-unknown'],
  ] as const)('sees %s', async (_name, sql, code) => {
    expect((await prove(sql)).codes).toContain(code);
  });

  const inputs = resolve(projectRoot, '../shared/inputs');
  it.each(['pg-northwind', 'pg-pagila', 'pg-dms-sample'])('finds rows to update in %s', async (set) => {
    const dir = join(inputs, set);
    if (!existsSync(dir)) {
      process.stderr.write(`skipped: ${set} is not beside the project\n`);
      return;
    }
    const { seedFile } = await import('../../rehearsal/stand-ins/seed.ts');
    const name = set.replaceAll('-', '_');
    await server.query(`create database ${name}`);
    const client = new pg.Client(server.connection(name));
    await client.connect();
    try {
      for (const file of (await readdir(dir)).filter((one) => /\.sql(\.gz)?$/.test(one)))
        await seedFile(client, { file: join(dir, file), owner: 'shop_app' });
      const tables = await discoverTables(client);
      expect(tables.length).toBeGreaterThan(3);
      for (const { updateSql, rows } of tables) {
        await client.query('begin');
        const { rowCount } = await client.query(updateSql, ['r12345678-c10-123456', ...(rows[0]?.values ?? [])]);
        await client.query('rollback');
        expect(rowCount).toBe(1);
      }
    } finally {
      await client.end();
    }
  });
});

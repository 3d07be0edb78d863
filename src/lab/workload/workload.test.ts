import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { seedShop } from '../shop/seed.ts';
import { type AwsStub, startAwsStub, until } from '../testing/secrets-stub.ts';
import { workloadConfig } from './config.ts';
import type { OpRecord } from './op-log.ts';
import { startWorkload, type WorkloadStatus } from './run.ts';

describe('the workload', () => {
  let source: TestPostgres;
  let stub: AwsStub;
  let folder: string;

  beforeAll(async () => {
    [source, folder] = await Promise.all([testPostgres(), mkdtemp(join(tmpdir(), 'octank-lab-'))]);
    await source.query("create role shop_app login password 'a'; create role shop_batch login password 'b'");
    await seedShop({ connection: source.connection(), owner: 'shop_app', writers: ['shop_batch'], rows: 500 });
    stub = await startAwsStub({
      app: source.secret({ user: 'shop_app', password: 'a' }),
      batch: source.secret({ user: 'shop_batch', password: 'b' }),
    });
  });
  afterAll(async () => {
    await Promise.all([source?.stop(), stub?.stop(), folder && rm(folder, { recursive: true })]);
  });

  const records = async (name: string): Promise<OpRecord[]> =>
    (await readFile(join(folder, name), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as OpRecord);

  const config = (name: string, more: object = {}) =>
    workloadConfig.parse({
      run: name,
      aws: stub.aws,
      secret: 'app',
      log: join(folder, name),
      clients: 8,
      size: { customers: 100, products: 20, orders: 500, carts: 25 },
      ...more,
    });

  it('notes an end for every write, and every acknowledged one is in the database', async () => {
    const part = await startWorkload(config('w1', { batch: { secret: 'batch', everySeconds: 0.2 } }));
    await until(() => (part.status() as WorkloadStatus).acknowledged > 150, '150 writes');
    const last = (await part.stop()) as WorkloadStatus;
    const written = await records('w1');
    const acknowledged = written.filter((record) => record.outcome === 'acknowledged');
    const inDatabase = new Set(
      (await source.query<{ op_id: string }>('select op_id from shop.activity')).map((row) => row.op_id),
    );
    expect(acknowledged.length).toBe(last.acknowledged);
    expect(written.filter((r) => r.outcome === 'refused' && r.code !== 'abandoned')).toEqual([]);
    expect(new Set(acknowledged.map((r) => r.op))).toEqual(inDatabase);
    expect(new Set(written.flatMap((r) => r.effects.map((e) => e.kind)))).toEqual(new Set(['i', 'u', 'd', 'p']));
    expect(new Set(written.map((r) => r.client))).toContain('batch');
    expect(new Set(written.map((r) => r.client))).toContain('stubborn');
    expect(last.reads).toBeGreaterThan(0);
  });

  it('counts a connection lost before the commit as refused, and goes on by itself', async () => {
    const part = await startWorkload(config('w2', { batch: null }));
    const status = () => part.status() as WorkloadStatus;
    await until(() => status().acknowledged > 30, 'writes');
    await source.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'shop_app'");
    const before = status().acknowledged;
    await until(() => status().acknowledged > before + 50, 'writes after the cut');
    await part.stop();
    const present = new Set(
      (await source.query<{ op_id: string }>('select op_id from shop.activity')).map((row) => row.op_id),
    );
    const written = await records('w2');
    expect(written.filter((r) => r.outcome === 'acknowledged' && !present.has(r.op))).toEqual([]);
    expect(written.filter((r) => r.outcome === 'refused' && present.has(r.op))).toEqual([]);
  });

  it('updates rows of a database that it did not make, each row by one client', async () => {
    const { createLedger } = await import('./generic.ts');
    await createLedger(source.connection(), 'shop_app');
    const part = await startWorkload(config('w3', { mode: 'generic' }));
    await until(() => (part.status() as WorkloadStatus).acknowledged > 60, 'writes');
    await part.stop();
    const writers = new Map<string, Set<string>>();
    for (const { client, effects } of await records('w3'))
      for (const { table, key } of effects)
        writers.set(`${table} ${key}`, (writers.get(`${table} ${key}`) ?? new Set()).add(client));
    expect(writers.size).toBeGreaterThan(20);
    expect([...writers.values()].filter((clients) => clients.size > 1)).toEqual([]);
  });

  it('seeds the same rows from the same seed', async () => {
    await source.query('create database again');
    await seedShop({ connection: source.connection('again'), owner: 'shop_app', rows: 200 });
    await source.query('create database twin');
    await seedShop({ connection: source.connection('twin'), owner: 'shop_app', rows: 200 });
    const digest = "select md5(string_agg(t::text, '|' order by id)) as d from shop.orders t";
    expect(await source.query(digest, 'again')).toEqual(await source.query(digest, 'twin'));
  });
});

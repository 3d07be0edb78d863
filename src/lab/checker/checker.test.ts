import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeRecord, hashOf } from '../../journal/codec.ts';
import type { JournalRecord, RecordBody } from '../../journal/record.ts';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { shopTables } from '../shop/schema.ts';
import { seedShop } from '../shop/seed.ts';
import { type AwsStub, startAwsStub, until } from '../testing/secrets-stub.ts';
import { workloadConfig } from '../workload/config.ts';
import { startWorkload, type WorkloadStatus } from '../workload/run.ts';
import { type Checker, type CheckerReport, startChecker } from './index.ts';

const pairs = shopTables.map((name) => {
  const [schema = '', table = ''] = name.split('.');
  return { source: { schema, table }, target: { schema, table } };
});

/** A fence as blunt as can be: what matters here is only whether writes get through. */
const fenceSql = `create or replace function shop.refuse() returns trigger language plpgsql as $$
  begin raise exception 'fenced' using errcode = 'OCFNC'; end $$;
  ${shopTables.map((t) => `create trigger fence before insert or update or delete on ${t} for each statement execute function shop.refuse(); alter table ${t} disable trigger fence`).join(';')}`;

/** One server stands for both sides: two databases, in which the same rows are seeded. */
describe('the checker', () => {
  let server: TestPostgres;
  let stub: AwsStub;
  let folder: string;
  let log: string;

  const setFence = (side: 'source' | 'target', state: 'enable always' | 'disable'): Promise<unknown> =>
    server.query(shopTables.map((t) => `alter table ${t} ${state} trigger fence`).join(';'), side);
  const copy = async (): Promise<void> => {
    await server.query('drop database if exists target with (force)');
    await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'source'`);
    await server.query('create database target template source');
  };
  const check = (more: Partial<Parameters<typeof startChecker>[0]> = {}): Checker =>
    startChecker({
      mode: 'shop',
      wave: 'shop',
      source: { connection: server.connection('source'), role: 'shop_app' },
      target: { connection: server.connection('target'), role: 'shop_app' },
      pairs,
      aws: null,
      dns: null,
      records: [],
      journalFolder: () => null,
      intervalMs: 30,
      ...more,
    });
  const codes = (report: CheckerReport): readonly string[] => [...new Set(report.violations.map((v) => v.code))];
  const judge = (checker: Checker, rowsWithinSeconds: number | null = null): Promise<CheckerReport> =>
    checker.stop({ logs: [log], rowsWithinSeconds });

  beforeAll(async () => {
    [server, folder] = await Promise.all([testPostgres(), mkdtemp(join(tmpdir(), 'octank-lab-'))]);
    await server.query("create role shop_app login password 'a'");
    await server.query('create database source owner shop_app');
    await seedShop({ connection: server.connection('source'), owner: 'shop_app', rows: 300 });
    await server.query(fenceSql, 'source');
    stub = await startAwsStub({ app: server.secret({ user: 'shop_app', password: 'a', database: 'source' }) });
    log = join(folder, 'writes.ndjson');
    const part = await startWorkload(
      workloadConfig.parse({
        run: 'a',
        aws: stub.aws,
        secret: 'app',
        log,
        clients: 8,
        writesPerSecond: 400,
        readers: 0,
        size: { customers: 60, products: 20, orders: 300, carts: 15 },
      }),
    );
    await until(() => (part.status() as WorkloadStatus).acknowledged > 250, 'writes');
    await part.stop();
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), stub?.stop(), folder && rm(folder, { recursive: true })]);
  });
  beforeEach(async () => {
    await setFence('source', 'disable');
    await copy();
    await setFence('target', 'enable always');
  });

  it('has nothing to say about a database that is whole', async () => {
    const checker = check();
    const report = await judge(checker, 5);
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ writer: 'source', writes: { lost: 0, duplicated: 0 }, rows: { equal: true } });
    expect(report.looks.writers).toBeGreaterThan(0);
    expect(report.sequences).toBeGreaterThan(4);
  });

  it.each([
    [
      'a whole transaction that is gone',
      "delete from shop.activity where ctid = (select ctid from shop.activity where kind = 'add-address' limit 1)",
      'lost',
    ],
    ['an inserted row that is gone', 'delete from shop.address where id = (select max(id) from shop.address)', 'lost'],
    [
      'an update that is gone',
      'update shop.orders set version = version - 1 where id = (select min(id) from shop.orders where version > 0)',
      'lost',
    ],
    [
      'an update applied twice',
      'update shop.customer set version = version + 1 where id = (select min(id) from shop.customer where version > 0)',
      'duplicated',
    ],
    [
      'a trigger that fired again',
      'insert into shop.price_history (product_id, old_price, new_price, op) select product_id, old_price, new_price, op from shop.price_history where op is not null limit 1',
      'duplicated',
    ],
    [
      'a row that is there twice',
      'alter table shop.address drop constraint address_pkey; insert into shop.address select * from shop.address where id = (select max(id) from shop.address)',
      'duplicated',
    ],
  ] as const)('sees %s', async (_name, sql, kind) => {
    await setFence('source', 'enable always');
    await setFence('target', 'disable');
    await server.query(`alter sequence shop.order_number restart with 1000000; ${sql}`, 'target');
    const report = await judge(check());
    expect(report.writer).toBe('target');
    expect(codes(report)).toEqual([kind === 'lost' ? 'write-lost' : 'write-doubled']);
    expect(report.writes[kind]).toBe(1);
    expect(report.writes[kind === 'lost' ? 'duplicated' : 'lost']).toBe(0);
  });

  it('sees a delete that came to nothing, by the rows of both and by the diary', async () => {
    const [deleted] = await server.query<{ id: string }>(
      'select min(g)::text as id from generate_series(1, 15) g where not exists (select 1 from shop.cart where id = g)',
      'source',
    );
    await setFence('source', 'enable always');
    await setFence('target', 'disable');
    await server.query(`insert into shop.cart (id, customer_id) values (${deleted?.id}, 1)`, 'target');
    const report = await judge(check(), 0.2);
    expect(codes(report).toSorted()).toEqual(['rows-differ', 'write-lost']);
    expect(report.rows?.different[0]).toContain('shop.cart');
  });

  it('sees both databases open, and not the moment of handing over', async () => {
    const both = check();
    await setFence('target', 'disable');
    await until(() => both.violations().some((v) => v.code === 'two-writers'), 'two writers');
    await judge(both);

    await setFence('target', 'enable always');
    const handing = check();
    await setFence('source', 'enable always');
    await setFence('target', 'disable');
    expect(codes(await judge(handing))).toEqual([]);
  });

  it('sees one table whose fence was forgotten', async () => {
    const checker = check();
    await server.query('alter table shop.payment disable trigger fence', 'target');
    await until(() => checker.violations().length > 0, 'two writers');
    expect((await judge(checker)).violations[0]?.detail).toContain('shop.payment');
  });

  it('goes on watching after its sessions were ended', async () => {
    const checker = check();
    await until(async () => {
      const rows = await server.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'octank-lab-checker'",
      );
      return rows.length === 2;
    }, 'sessions to end');
    await setFence('target', 'disable');
    await until(() => checker.violations().some((v) => v.code === 'two-writers'), 'two writers');
    await judge(checker);
  });

  it('sees a sequence that would hand out a number that is taken', async () => {
    await setFence('source', 'enable always');
    await setFence('target', 'disable');
    await server.query('alter sequence shop.order_number restart with 5', 'target');
    expect(codes(await judge(check()))).toEqual(['sequence-behind']);
    // One that a default names without owning it counts as well.
    await server.query('alter sequence shop.order_number owned by none', 'target');
    expect(codes(await judge(check()))).toEqual(['sequence-behind']);
  });

  const zoneXml = (weights: readonly (readonly [id: string, weight: number])[]): string =>
    `<R><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>octank.com.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones><ResourceRecordSets>${weights
      .map(
        ([id, weight]) =>
          `<ResourceRecordSet><Name>www.octank.com.</Name><Type>A</Type><SetIdentifier>${id}</SetIdentifier><Weight>${weight}</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>203.0.113.10</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>`,
      )
      .join('')}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></R>`;

  it.each([
    [
      '0/0',
      zoneXml([
        ['on-premises', 0],
        ['cloud', 0],
      ]),
      ['weights-zero'],
    ],
    ['half a pair', zoneXml([['on-premises', 255]]), ['weights-undefined']],
    [
      'a sound pair',
      zoneXml([
        ['on-premises', 255],
        ['cloud', 0],
      ]),
      [],
    ],
  ] as const)('judges weights: %s', async (_name, xml, expected) => {
    stub.zone = xml;
    const record = { zone: 'octank.com', name: 'www', type: 'A', source: 'on-premises', target: 'cloud' } as const;
    const checker = check({ aws: stub.aws, records: [record] });
    await until(() => checker.looks().weights > 0, 'a look at the weights');
    expect(codes(await judge(checker))).toEqual(expected);
  });

  const writeJournal = async (name: string, bodies: readonly RecordBody[]): Promise<string> => {
    const path = join(folder, name);
    await mkdir(path);
    let previous = '';
    for (const [index, body] of bodies.entries()) {
      const record: JournalRecord = { number: index + 1, at: 1, clockAt: 1, fencing: 1, previous, ...body };
      const text = encodeRecord(record);
      previous = hashOf(text);
      await writeFile(join(path, `${String(index + 1).padStart(8, '0')}.json`), text);
    }
    return path;
  };

  it('sees a journal that claims a writer which the databases contradict', async () => {
    const path = await writeJournal('claims', [
      { type: 'note', text: 'x' },
      { type: 'point-of-no-return', wave: 'shop' },
    ]);
    const report = await judge(check({ journalFolder: () => path }));
    expect(codes(report)).toEqual(['journal-writer']);
  });

  it('sees a record that was changed afterwards, and accepts one that was not', async () => {
    const path = await writeJournal('chain', [
      { type: 'writer', wave: 'shop', writer: 'source' },
      { type: 'note', text: 'fine' },
    ]);
    expect(codes(await judge(check({ journalFolder: () => path })))).toEqual([]);
    const file = join(path, '00000002.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('fine', 'fake'));
    expect(codes(await judge(check({ journalFolder: () => path })))).toEqual(['journal-chain']);
  });

  it('does not pass what it could not watch', async () => {
    const gone = { ...server.connection('nowhere') };
    const checker = check({ target: { connection: gone, role: 'shop_app' } });
    expect(codes(await judge(checker))).toContain('not-watched');
  });
});

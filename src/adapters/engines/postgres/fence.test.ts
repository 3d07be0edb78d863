/** The dangers of the fence: someone still writes, it closes too early, never lifts, or is believed without proof. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tableKey } from '../../../model/table.ts';
import type { Database } from '../../../ports/database.ts';
import { openConnections } from './connections.ts';
import { postgresFence } from './fence.ts';
import { openShop, roleKinds, type Shop, shopTables } from './testing/shop.ts';

const refused = { code: '25006', constraint: 'octank_fence' };
const insertCustomer = "INSERT INTO shop.customer (name) VALUES ('x')";

describe.each(roleKinds)('fence installed by octank as %s', (kind) => {
  const wave = 'accounts';
  let shop: Shop;
  let database: Database;
  let app: pg.Client;

  beforeAll(async () => {
    shop = await openShop();
    database = await shop.octank(kind);
    const { role } = await database.facts();
    await database.fence.install({ wave, tables: shopTables, exempt: [role.name, 'octank_dms'] });
    app = await shop.app();
  });
  afterEach(async () => {
    await shop.server.query("UPDATE octank.fence SET closed_until = '-infinity', held = false, leased_until = NULL");
  });
  afterAll(() => shop.stop());

  const closeNow = () => database.fence.close({ wave, leaseSeconds: 60 });
  const blockersOf = async (flip: string) => (await database.fence.blockers({ wave, flip })).map((b) => b.role);

  it('refuses nobody while it is open, and is guarded everywhere, partitions included', async () => {
    const status = await database.fence.status({ wave, tables: shopTables });
    expect(status).toMatchObject({ fence: { state: 'open' }, unguarded: [] });
    await app.query(insertCustomer);
    await app.query("INSERT INTO shop.event VALUES ('2026-05-05', 'e')");
  });

  it('installs twice without waiting for writers', async () => {
    await app.query('BEGIN');
    await app.query(insertCustomer);
    await database.fence.install({ wave, tables: shopTables, exempt: ['octank_master', 'octank_dms', 'postgres'] });
    await app.query('ROLLBACK');
    await database.fence.install({
      wave,
      tables: shopTables,
      exempt: [(await database.facts()).role.name, 'octank_dms'],
    });
  });

  it.each([
    ['insert', insertCustomer],
    ['insert of a partition', "INSERT INTO shop.event_2026 VALUES ('2026-05-05', 'e')"],
    ['insert through the parent', "INSERT INTO shop.event VALUES ('2026-05-05', 'e')"],
    ['update', "UPDATE shop.customer SET name = 'y' WHERE id = 1"],
    ['update that would touch nothing', "UPDATE shop.customer SET name = 'y' WHERE false"],
    ['delete', 'DELETE FROM shop.log'],
    ['truncate', 'TRUNCATE shop.log'],
    ['truncate with cascade', 'TRUNCATE shop.customer CASCADE'],
    ['upsert', 'INSERT INTO shop.orders (id, customer) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET total = 1'],
    [
      'merge',
      'MERGE INTO shop.orders o USING (VALUES (1)) v(id) ON o.id = v.id WHEN NOT MATCHED THEN INSERT (customer) VALUES (1)',
    ],
    ['copy', "COPY shop.log FROM PROGRAM 'echo x'"],
    ['with clause', 'WITH gone AS (DELETE FROM shop.log RETURNING 1) SELECT count(*) FROM gone'],
    ['another search path', 'SET LOCAL search_path = pg_temp, shop; INSERT INTO log VALUES (1)'],
    ['a probe setting of its own', "SET LOCAL octank.probe = 'off'; DELETE FROM shop.log"],
  ])('refuses %s from owner and superuser alike, also as replica', async (_, sql) => {
    await closeNow();
    const superuser = await shop.superuser();
    for (const client of [app, superuser]) {
      if (client === app && sql.startsWith('COPY')) continue;
      // Octank as superuser shares this role with the test; another superuser must be refused.
      if (client === superuser && kind === 'superuser') {
        await shop.server.query(
          "DO $$ BEGIN CREATE ROLE other_super LOGIN SUPERUSER PASSWORD 'o'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        );
        const other = await shop.client('other_super', 'o');
        await expect(other.query(sql)).rejects.toMatchObject(refused);
        await other.end();
        continue;
      }
      await client.query('BEGIN');
      await expect(client.query(sql)).rejects.toMatchObject(refused);
      await client.query('ROLLBACK');
      if (client === app) continue;
      await client.query("BEGIN; SET LOCAL session_replication_role = 'replica'");
      await expect(client.query(sql)).rejects.toMatchObject(refused);
      await client.query('ROLLBACK');
    }
    await superuser.end();
  });

  it('is not fooled by SET ROLE to an exempt role', async () => {
    await closeNow();
    await shop.server.query('GRANT octank_dms TO shop_app');
    await app.query('BEGIN; SET LOCAL ROLE octank_dms');
    await expect(app.query('DELETE FROM shop.log')).rejects.toMatchObject(refused);
    await app.query('ROLLBACK');
    await shop.server.query('REVOKE octank_dms FROM shop_app');
  });

  it('lets replication write through while it is closed', async () => {
    await closeNow();
    const dms = await shop.client('octank_dms', 'dms');
    await dms.query("SET session_replication_role = 'replica'");
    await dms.query(insertCustomer);
    await dms.query("INSERT INTO octank.marker_forward VALUES ('t', 0)");
    await dms.end();
  });

  it('lifts itself when the lease is over, without any process of octank', async () => {
    await database.fence.close({ wave, leaseSeconds: 0.3 });
    await expect(app.query(insertCustomer)).rejects.toMatchObject(refused);
    await expect
      .poll(
        () =>
          app.query(insertCustomer).then(
            () => 'written',
            () => 'refused',
          ),
        { timeout: 5000 },
      )
      .toBe('written');
    expect((await database.fence.status({ wave, tables: shopTables })).fence.state).toBe('open');
  });

  it('counts a transaction that wrote before the flip until it has ended', async () => {
    await app.query('BEGIN');
    await app.query(insertCustomer);
    const { flip } = await closeNow();
    expect(await blockersOf(flip)).toEqual(['shop_app']);
    await app.query('COMMIT');
    expect(await blockersOf(flip)).toEqual([]);
  });

  it('counts a repeatable read snapshot older than the flip, which writes through the closed fence', async () => {
    await app.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await app.query('SELECT 1');
    const { flip } = await closeNow();
    expect(await blockersOf(flip)).toEqual(['shop_app']);
    await app.query(insertCustomer);
    await app.query('COMMIT');
    expect(await blockersOf(flip)).toEqual([]);
  });

  it('does not count transactions that began after the flip', async () => {
    const { flip } = await closeNow();
    await app.query('BEGIN');
    await app.query('SELECT 1');
    expect(await blockersOf(flip)).toEqual([]);
    await app.query('ROLLBACK');
  });

  it('counts prepared transactions: those before the flip, and those that began before and were prepared after', async () => {
    await app.query('BEGIN');
    await app.query(insertCustomer);
    await app.query("PREPARE TRANSACTION 'before'");
    const late = await shop.app();
    await late.query('BEGIN');
    await late.query(insertCustomer);
    const { flip } = await closeNow();
    await late.query("PREPARE TRANSACTION 'after'");
    const ids = (await database.fence.blockers({ wave, flip })).map((b) => `${b.kind} ${b.id}`);
    expect(ids.sort()).toEqual(['prepared after', 'prepared before']);
    await app.query("ROLLBACK PREPARED 'before'");
    await app.query("ROLLBACK PREPARED 'after'");
    expect(await blockersOf(flip)).toEqual([]);
    await late.end();
  });

  it('does not say closed while the moment of the flip is not known', async () => {
    await app.query('BEGIN');
    await app.query('SELECT 1');
    const { flip } = await closeNow();
    await shop.server.query('UPDATE octank.fence SET flip_at = NULL');
    const { fence } = await database.fence.status({ wave, tables: shopTables });
    const pending = fence.state === 'leased' ? fence.flip : '';
    expect(pending).not.toBe(flip);
    expect(await blockersOf(pending)).toEqual(['shop_app']);
    await app.query('ROLLBACK');
    expect(await blockersOf(pending)).toEqual([]);
    await database.fence.open(wave);
    await expect(blockersOf(pending)).rejects.toMatchObject({ code: 'fence.moved' });
  });

  it('ends the sessions of those who may write, and of nobody else', async () => {
    const [writer, reader, dms] = [
      await shop.app(),
      await shop.client('shop_reader', 'reader'),
      await shop.client('octank_dms', 'dms'),
    ];
    await closeNow();
    expect(await database.fence.endWriters({ wave, tables: shopTables })).toBeGreaterThanOrEqual(1);
    await expect(writer.query('SELECT 1')).rejects.toThrow();
    await reader.query('SELECT 1');
    await dms.query('SELECT 1');
    app = await shop.app();
  });

  it('proves itself as each role on each operation, and tells what has no privilege', async () => {
    await closeNow();
    const results = await database.fence.probe({
      wave,
      tables: shopTables,
      roles: ['shop_app', 'shop_batch', 'nobody_here'],
    });
    const outcome = (role: string, table: string, operation: string) =>
      results.find((r) => r.role === role && r.table.table === table && r.operation === operation)?.outcome;
    expect(results.filter((r) => r.role === 'shop_app').map((r) => r.outcome)).toEqual(Array(16).fill('fenced'));
    expect(outcome('shop_batch', 'orders', 'insert')).toBe('fenced');
    expect(outcome('shop_batch', 'orders', 'update')).toBe('fenced');
    expect(outcome('shop_batch', 'orders', 'delete')).toBe('no-privilege');
    expect(outcome('shop_batch', 'log', 'insert')).toBe('no-privilege');
    expect(outcome('nobody_here', 'log', 'insert')).toBe('skipped');
    expect(await shop.server.query('SELECT count(*)::int AS n FROM shop.customer WHERE id <= 20')).toEqual([{ n: 20 }]);
  });

  it('says accepted for what would go through, and changes nothing in trying', async () => {
    await app.query("INSERT INTO shop.log VALUES ('kept')");
    const results = await database.fence.probe({ wave, tables: shopTables, roles: ['shop_app'] });
    expect(new Set(results.map((r) => r.outcome))).toEqual(new Set(['accepted']));
    expect(await shop.server.query('SELECT count(*)::int > 0 AS kept FROM shop.log')).toEqual([{ kept: true }]);
  });

  it('proves that the replication role may write, and only if it is exempt', async () => {
    const { openDatabase } = await import('../index.ts');
    const open = (user: string, password: string) =>
      openDatabase({
        name: 'shop',
        engine: 'postgres',
        secret: shop.server.secret({ user, password }),
        fencing: { lineage: 'run-a', current: () => undefined },
      });
    const dms = await open('octank_dms', 'dms');
    const results = await dms.fence.probe({ wave, tables: shopTables, roles: ['octank_dms'], as: 'exempt' });
    const rows = results.filter((r) => r.operation !== 'truncate').map((r) => r.outcome);
    expect(rows).toEqual(Array(12).fill('accepted'));
    await dms.close();
    const stranger = await open('shop_app', 'app');
    const refusals = await stranger.fence.probe({ wave, tables: shopTables, roles: ['shop_app'], as: 'exempt' });
    expect(refusals.some((r) => r.outcome === 'accepted')).toBe(false);
    await stranger.close();
  });

  it('names a table whose trigger is disabled, not always enabled, or missing', async () => {
    const names = async () =>
      (
        await database.fence.status({ wave, tables: [...shopTables, { schema: 'shop', table: 'absent' }] })
      ).unguarded.map(tableKey);
    await app.query('ALTER TABLE shop.orders DISABLE TRIGGER USER');
    await app.query('ALTER TABLE shop.log ENABLE TRIGGER USER');
    await app.query(
      "CREATE TABLE shop.event_2027 PARTITION OF shop.event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
    );
    expect(await names()).toEqual(['shop.event_2027', 'shop.log', 'shop.orders', 'shop.absent']);
    await app.query('DROP TABLE shop.event_2027');
    await app.query('ALTER TABLE shop.orders ENABLE TRIGGER USER');
    await database.fence.install({
      wave,
      tables: shopTables,
      exempt: [(await database.facts()).role.name, 'octank_dms'],
    });
    expect(await names()).toEqual(['shop.absent']);
  });

  it('becomes permanent only for its epoch and with enough of its lease left', async () => {
    const { epoch } = await database.fence.close({ wave, leaseSeconds: 3 });
    await expect(database.fence.makePermanent({ wave, epoch, marginSeconds: 5 })).rejects.toMatchObject({
      code: 'fence.lease-too-short',
      effect: 'none',
    });
    await expect(database.fence.makePermanent({ wave, epoch: epoch - 1, marginSeconds: 1 })).rejects.toMatchObject({
      code: 'fence.lease-too-short',
    });
    await database.fence.makePermanent({ wave, epoch, marginSeconds: 1 });
    await database.fence.makePermanent({ wave, epoch, marginSeconds: 1 });
    expect((await database.fence.status({ wave, tables: shopTables })).fence).toMatchObject({
      state: 'permanent',
      epoch,
    });
    await database.fence.open(wave);
    await app.query(insertCustomer);
  });

  it('is not called permanent when the lease had ended before permanence was seen', async () => {
    const { epoch } = await database.fence.close({ wave, leaseSeconds: 60 });
    await shop.server.query(
      "UPDATE octank.fence SET closed_until = 'infinity', leased_until = clock_timestamp() - interval '1s', held = false",
    );
    expect((await database.fence.status({ wave, tables: shopTables })).fence).toMatchObject({
      state: 'leased',
      remainingSeconds: 0,
    });
    await expect(database.fence.makePermanent({ wave, epoch, marginSeconds: 1 })).rejects.toMatchObject({
      code: 'fence.lease-too-short',
    });
  });

  it('counts an epoch for each closing, and closing again neither shortens nor renames it', async () => {
    const first = await closeNow();
    const again = await database.fence.close({ wave, leaseSeconds: 1 });
    expect(again).toEqual(first);
    const { fence } = await database.fence.status({ wave, tables: shopTables });
    expect(fence.state === 'leased' && fence.remainingSeconds > 30).toBe(true);
    await database.fence.open(wave);
    expect((await closeNow()).epoch).toBe(first.epoch + 1);
  });

  it('refuses to move the fence of another run, or with a stale number', async () => {
    await closeNow();
    const other = await shop.octank(kind, { lineage: 'run-b' });
    await expect(other.fence.open(wave)).rejects.toMatchObject({ code: 'fence.foreign' });
    await expect(other.fence.install({ wave, tables: shopTables, exempt: [] })).rejects.toMatchObject({
      code: 'fence.foreign',
    });
    const older = await shop.octank(kind, { number: 0 });
    await expect(older.fence.open(wave)).rejects.toMatchObject({ code: 'fencing.stale', effect: 'none' });
    expect((await database.fence.status({ wave, tables: shopTables })).fence.state).toBe('leased');
  });

  it('refuses everyone when its row was removed under its triggers', async () => {
    await shop.server.query('CREATE TABLE public.kept AS SELECT * FROM octank.fence; DELETE FROM octank.fence');
    await expect(app.query(insertCustomer)).rejects.toMatchObject(refused);
    await shop.server.query('INSERT INTO octank.fence SELECT * FROM public.kept; DROP TABLE public.kept');
  });

  it('names who holds a lock when the triggers cannot be put in place, and leaves no half', async () => {
    await app.query('BEGIN');
    await app.query(insertCustomer);
    const connections = openConnections({
      name: 'shop',
      secret: shop.server.secret(),
      fencing: { lineage: 'run-a', current: () => 1 },
    });
    const fence = postgresFence(connections, { lockTimeoutMs: 100, attempts: 4, pauseMs: 100 });
    const installing = fence.install({ wave: 'second', tables: [{ schema: 'shop', table: 'customer' }], exempt: [] });
    // Other writers go on between the attempts.
    const other = await shop.app();
    await other.query(insertCustomer);
    await expect(installing).rejects.toMatchObject({
      code: 'fence.locked',
      detail: expect.stringContaining('shop_app'),
    });
    await app.query('ROLLBACK');
    await other.end();
    await fence.uninstall('second');
    await connections.close();
  });

  it('takes its triggers off before its row', async () => {
    const { fence } = database;
    await fence.install({ wave: 'third', tables: [{ schema: 'shop', table: 'log' }], exempt: [] });
    await fence.uninstall('third');
    expect(await fence.status({ wave: 'third', tables: [] })).toEqual({ fence: { state: 'absent' }, unguarded: [] });
    await app.query("INSERT INTO shop.log VALUES ('free')");
  });

  it('refuses a table that can be written through a parent outside the wave', async () => {
    const tables = [{ schema: 'shop', table: 'event_2026' }];
    await expect(database.fence.install({ wave: 'fourth', tables, exempt: [] })).rejects.toMatchObject({
      code: 'fence.parent-outside',
    });
  });
});

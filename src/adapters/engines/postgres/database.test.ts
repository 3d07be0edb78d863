/** Facts, sessions, signals and sequences: what octank must not misread on a server where it is not superuser. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../ports/database.ts';
import { openDatabase } from '../index.ts';
import { openShop, roleKinds, type Shop, shopTables } from './testing/shop.ts';

describe.each(roleKinds)('database opened by octank as %s', (kind) => {
  let shop: Shop;
  let database: Database;
  let app: pg.Client;

  beforeAll(async () => {
    shop = await openShop();
    database = await shop.octank(kind);
    app = await shop.app();
  });
  afterAll(() => shop.stop());

  it('tells what its role may do, by trying where no catalog tells', async () => {
    const facts = await database.facts();
    expect(facts).toMatchObject({
      walLevel: 'logical',
      maxReplicationSlots: 20,
      maxSlotWalKeepBytes: -1,
      readOnly: false,
      encoding: 'UTF8',
      role: {
        superuser: kind === 'superuser',
        replication: true,
        maySeeAllSessions: true,
        mayEndSessions: true,
        mayApplyAsReplica: true,
        mayCreateInDatabase: true,
      },
    });
    const weak = await openDatabase({
      name: 'shop',
      engine: 'postgres',
      secret: shop.server.secret({ user: 'shop_reader', password: 'reader' }),
      fencing: { lineage: 'run-a', current: () => undefined },
    });
    const weakFacts = await weak.facts();
    expect(weakFacts.role).toMatchObject({
      superuser: false,
      replication: false,
      maySeeAllSessions: false,
      mayEndSessions: false,
      mayApplyAsReplica: false,
      mayCreateInDatabase: false,
    });
    expect(weakFacts.identity).toBe(facts.identity);
    await weak.close();
    const other = await openShop();
    expect((await (await other.octank('superuser')).facts()).identity).not.toBe(facts.identity);
    await other.stop();
  });

  it('lists tables with their keys, owners and partitions, and nothing of its own', async () => {
    await database.signals.ensureControl();
    const tables = await database.tables();
    const brief = tables.map(
      (t) =>
        `${t.name.schema}.${t.name.table} ${t.keyColumns.join(',')} ${t.hasKey} ${t.isPartition}/${t.isPartitioned} ${t.mayAlter}`,
    );
    expect(brief).toEqual([
      'shop.customer id true false/false true',
      'shop.event  false false/true true',
      'shop.event_2026  false true/false true',
      'shop.log  false false/false true',
      'shop.orders id true false/false true',
    ]);
    expect(new Set(tables.map((t) => t.owner))).toEqual(new Set(['shop_app']));
  });

  it('measures the longest value of each unbounded column', async () => {
    await app.query(
      "CREATE TABLE shop.blob (id int PRIMARY KEY, body text, raw bytea, doc jsonb, tags text[], short varchar(9), empty text); INSERT INTO shop.blob VALUES (1, repeat('é', 70000), decode(repeat('00', 99), 'hex'), '{\"a\":1}', '{x,y}', 's')",
    );
    const sizes = await database.lobSizes([{ schema: 'shop', table: 'blob' }]);
    expect(sizes.map((s) => [s.column, s.maxBytes])).toEqual([
      ['body', 140_000],
      ['raw', 99],
      ['doc', 8],
      ['tags', 5],
      ['empty', 0],
    ]);
    await app.query('DROP TABLE shop.blob');
  });

  it('measures digits after the point where no precision was declared', async () => {
    await app.query(
      "CREATE DOMAIN shop.amount AS numeric; CREATE TABLE shop.bare (id numeric PRIMARY KEY, fixed numeric(20,9), owed shop.amount, twice numeric GENERATED ALWAYS AS (id * 2) STORED, empty numeric); INSERT INTO shop.bare VALUES (1.5, 0.123456789, 'NaN'), (2, 1, 0.1234567)",
    );
    const scales = await database.numericScales([{ schema: 'shop', table: 'bare' }]);
    expect(scales.map((s) => [s.column, s.maxScale])).toEqual([
      ['id', 1],
      ['owed', 7],
      ['empty', 0],
    ]);
    await app.query('DROP TABLE shop.bare; DROP DOMAIN shop.amount');
  });

  it('names who may write, seen or not, and who is only connected', async () => {
    const batch = await shop.client('shop_batch', 'batch');
    const reader = await shop.client('shop_reader', 'reader');
    const writers = await database.sessions.writers(shopTables);
    const of = (role: string) => writers.find((writer) => writer.role === role);
    expect(of('shop_app')).toMatchObject({
      mayWrite: true,
      application: 'test shop_app',
      sessions: 1,
      clients: ['127.0.0.1'],
    });
    expect(of('shop_batch')).toMatchObject({ mayWrite: true });
    expect(of('shop_reader')).toMatchObject({ mayWrite: false, sessions: 1 });
    await Promise.all([batch.end(), reader.end()]);
    await expect.poll(() => database.sessions.countOf('shop_batch')).toBe(0);
    expect((await database.sessions.writers(shopTables)).find((w) => w.role === 'shop_batch')).toMatchObject({
      mayWrite: true,
      sessions: 0,
    });
    expect(await database.sessions.countOf('shop_app')).toBe(1);
  });

  it('sees transactions that stay open, prepared ones too', async () => {
    await app.query('BEGIN');
    await app.query("INSERT INTO shop.log VALUES ('open')");
    const idle = await shop.app();
    await idle.query("BEGIN; INSERT INTO shop.log VALUES ('p'); PREPARE TRANSACTION 'stays'");
    await expect
      .poll(async () => (await database.sessions.longTransactions(0.05)).map((b) => `${b.kind} ${b.role}`).sort())
      .toEqual(['prepared shop_app', 'session shop_app']);
    expect(await database.sessions.longTransactions(3600)).toEqual([]);
    await app.query('ROLLBACK');
    await idle.query("ROLLBACK PREPARED 'stays'");
    await idle.end();
  });

  it('counts writes of anyone, partitions included', async () => {
    const before = await database.sessions.writeCount(shopTables);
    await app.query(
      "INSERT INTO shop.event VALUES ('2026-01-02', 'x'); INSERT INTO shop.log VALUES ('a'), ('b'); DELETE FROM shop.log",
    );
    // A session tells its counts at the end of a later transaction, at most once a second.
    const written = async (): Promise<number> => {
      await app.query('SELECT 1');
      return (await database.sessions.writeCount(shopTables)) - before;
    };
    await expect.poll(written, { timeout: 5000 }).toBeGreaterThanOrEqual(5);
  });

  it('tries a statement as the application would run it, and leaves nothing', async () => {
    const { tryAs } = database.sessions;
    await shop.server.query('ALTER ROLE shop_app SET search_path = shop');
    expect(await tryAs({ role: 'shop_app', statement: 'select count(*) from customer' })).toBeNull();
    expect(await tryAs({ role: 'shop_app', statement: "insert into log values ('probe'); commit" })).not.toBeNull();
    expect(await tryAs({ role: 'shop_app', statement: "insert into log values ('probe')" })).toBeNull();
    expect(await shop.server.query("SELECT 1 FROM shop.log WHERE note = 'probe'")).toEqual([]);
    expect(await tryAs({ role: 'shop_app', statement: 'select 1 from absent' })).toContain('absent');
    expect(await tryAs({ role: 'shop_absent', statement: 'select 1' })).toContain('shop_absent');
  });

  it('makes its control tables once, also when asked twice at once, and replication may write them', async () => {
    const second = await shop.octank(kind);
    await Promise.all([
      database.signals.ensureControl(),
      second.signals.ensureControl(),
      database.signals.ensureControl(),
    ]);
    expect(await database.signals.hasControl()).toBe(true);
    const { signals } = database;
    const tables = (['forward', 'reverse'] as const).flatMap((direction) => [
      ...signals.controlTables(direction),
      signals.canaryTable(direction),
    ]);
    expect(new Set(tables.map((t) => t.table)).size).toBe(6);
    const dms = await shop.client('octank_dms', 'dms');
    for (const { schema, table } of tables) await dms.query(`DELETE FROM ${schema}.${table} WHERE false`);
    await dms.end();
  });

  it('reads the age of a heartbeat on its own clock, whatever the clock of the server that wrote it', async () => {
    const { signals } = database;
    expect(await signals.heartbeatAge('forward')).toBeNull();
    await signals.beat('forward');
    expect(await signals.heartbeatAge('forward')).toBeLessThan(2);
    expect(await signals.heartbeatAge('reverse')).toBeNull();
    // As replication would carry it from a server whose clock is an hour ahead, written ten seconds ago.
    await shop.server.query(
      'UPDATE octank.heartbeat_forward SET written_ms = written_ms + 3600000 - 10000, offset_ms = offset_ms + 3600000',
    );
    const age = (await signals.heartbeatAge('forward')) ?? 0;
    expect(age).toBeGreaterThan(9);
    expect(age).toBeLessThan(13);
  });

  it('keeps markers and canaries of each direction apart', async () => {
    const { signals } = database;
    await signals.writeMarker({ direction: 'forward', token: 't1' });
    await signals.writeMarker({ direction: 'forward', token: 't1' });
    expect(await signals.hasMarker({ direction: 'forward', token: 't1' })).toBe(true);
    expect(await signals.hasMarker({ direction: 'reverse', token: 't1' })).toBe(false);
    await signals.writeCanary({ direction: 'reverse', token: 'c1' });
    expect(await signals.hasCanary({ direction: 'reverse', token: 'c1' })).toBe(true);
    expect(await signals.hasCanary({ direction: 'forward', token: 'c1' })).toBe(false);
  });

  it('reads sequences by what uses them, and sets them beyond', async () => {
    await app.query(`
      CREATE SEQUENCE shop.shared INCREMENT BY 10; CREATE SEQUENCE shop.down INCREMENT BY -1 MAXVALUE 1000 START 1000;
      CREATE TABLE shop.a (n bigint DEFAULT nextval('shop.shared'), d int DEFAULT nextval('shop.down'), code text DEFAULT 'X' || nextval('shop.shared'));
      CREATE TABLE shop.b (n int DEFAULT nextval('shop.shared'));
      INSERT INTO shop.a (code) VALUES ('x'); INSERT INTO shop.a VALUES (70, 5, 'y'); INSERT INTO shop.b VALUES (90)`);
    const tables = ['a', 'b', 'customer', 'orders'].map((table) => ({ schema: 'shop', table }));
    const states = await database.sequences.read(tables);
    const of = (name: string) => states.find((state) => state.name.table === name);
    expect(states.map((state) => state.name.table).sort()).toEqual([
      'customer_id_seq',
      'down',
      'orders_id_seq',
      'shared',
    ]);
    expect(of('customer_id_seq')).toMatchObject({
      lastValue: 20n,
      isCalled: true,
      increment: 1n,
      column: { column: 'id', extreme: 20n },
    });
    expect(of('orders_id_seq')).toMatchObject({ lastValue: 1n, isCalled: false, column: { extreme: null } });
    expect(of('shared')).toMatchObject({ increment: 10n, column: { extreme: 90n } });
    expect(of('down')).toMatchObject({ lastValue: 1000n, increment: -1n, column: { extreme: 5n } });
    await database.sequences.set([
      { name: { schema: 'shop', table: 'shared' }, value: 9_007_199_254_740_993n },
      { name: { schema: 'shop', table: 'down' }, value: -7n },
    ]);
    expect(await shop.server.query("SELECT nextval('shop.shared') AS s, nextval('shop.down') AS d")).toEqual([
      { s: '9007199254741003', d: '-8' },
    ]);
  });

  it('keeps its schema while another run or a closed fence needs it', async () => {
    const other = await shop.octank(kind, { lineage: 'run-b' });
    await other.signals.ensureControl();
    await expect(database.signals.dropControl()).rejects.toMatchObject({ code: 'control.shared' });
    await shop.server.query("DELETE FROM octank.fencing WHERE lineage = 'run-b'");
    const { role } = await database.facts();
    await database.fence.install({ wave: 'w', tables: [{ schema: 'shop', table: 'log' }], exempt: [role.name] });
    await database.fence.close({ wave: 'w', leaseSeconds: null });
    await expect(database.signals.dropControl()).rejects.toMatchObject({ code: 'control.fence-closed' });
    await expect(app.query("INSERT INTO shop.log VALUES ('x')")).rejects.toMatchObject({ code: '25006' });
    await database.fence.open('w');
    await database.signals.dropControl();
    await database.signals.dropControl();
    expect(await database.signals.hasControl()).toBe(false);
    await app.query("INSERT INTO shop.log VALUES ('x')");
  });
});

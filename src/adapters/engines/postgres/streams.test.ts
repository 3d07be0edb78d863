/** The dangers of change streams: an event lost, doubled or out of order, a slot moved back, an application broken by a publication. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tableKey } from '../../../model/table.ts';
import type { Feed, FeedEvent } from '../../../ports/change-streams.ts';
import type { Database } from '../../../ports/database.ts';
import { openShop, roleKinds, type Shop, shopTables } from './testing/shop.ts';

/** Reads until the marker, and returns everything but progress before it. */
const untilMarker = async (feed: Feed, token: string): Promise<FeedEvent[]> => {
  const events: FeedEvent[] = [];
  for await (const event of feed.events) {
    if (event.type === 'marker' && event.token === token) return events;
    if (event.type === 'row' || event.type === 'truncate') events.push(event);
  }
  throw new Error('the feed ended before the marker');
};

const brief = (event: FeedEvent): string => {
  if (event.type === 'row')
    return `${event.operation} ${tableKey(event.table)} ${event.keys?.map((key) => Object.values(key).join('/')).join(' -> ') ?? 'no key'}`;
  return event.type === 'truncate' ? `truncate ${event.tables.map(tableKey).join(',')}` : event.type;
};

describe.each(roleKinds)('streams opened by octank as %s', (kind) => {
  let shop: Shop;
  let database: Database;
  let app: pg.Client;
  const wave = 'Accounts Wave';
  const mark = (token: string) => database.signals.writeMarker({ direction: 'forward', token });

  beforeAll(async () => {
    shop = await openShop();
    database = await shop.octank(kind);
    app = await shop.app();
    await database.signals.ensureControl();
    await app.query(`
      CREATE TABLE shop.pair (a text, "B.b" int, note text, PRIMARY KEY ("B.b", a));
      CREATE TABLE shop.wide (id text PRIMARY KEY, body text);
      CREATE TABLE shop.full_identity (id int PRIMARY KEY, note text); ALTER TABLE shop.full_identity REPLICA IDENTITY FULL;`);
    await database.streams.createFeed({ wave, tables: [...shopTables, ...more] });
  });
  const feeds: Feed[] = [];
  const openFeed = async (): Promise<Feed> => {
    const feed = await database.streams.openFeed({ wave });
    feeds.push(feed);
    return feed;
  };
  afterEach(async () => {
    for (const feed of feeds.splice(0)) await feed.close();
  });
  afterAll(() => shop.stop());

  const more = ['pair', 'wide', 'full_identity'].map((table) => ({ schema: 'shop', table }));

  it('tells every change in commit order, with keys as text, old and new where a key moved', async () => {
    const feed = await openFeed();
    await app.query(`INSERT INTO shop.pair VALUES ('x', 1, 'n')`);
    await app.query(`UPDATE shop.pair SET note = 'm'`);
    await app.query(`UPDATE shop.pair SET a = 'y', "B.b" = 2`);
    await app.query(
      `UPDATE shop.full_identity SET note = 'z'; INSERT INTO shop.full_identity VALUES (1, 'a'); UPDATE shop.full_identity SET id = 2; DELETE FROM shop.full_identity`,
    );
    await app.query("INSERT INTO shop.event VALUES ('2026-05-05', 'e')");
    await app.query("INSERT INTO shop.log VALUES ('l')");
    await app.query('DELETE FROM shop.pair');
    await app.query('TRUNCATE shop.pair, shop.log');
    await mark('one');
    expect((await untilMarker(feed, 'one')).map(brief)).toEqual([
      'insert shop.pair 1/x',
      'update shop.pair 1/x',
      'update shop.pair 1/x -> 2/y',
      'insert shop.full_identity 1',
      'update shop.full_identity 1 -> 2',
      'delete shop.full_identity 2',
      'insert shop.event_2026 no key',
      'insert shop.log no key',
      'delete shop.pair 2/y',
      'truncate shop.pair,shop.log',
    ]);
    await feed.close();
  });

  it('repeats what was not acknowledged, and not what was', async () => {
    const first = await openFeed();
    await untilMarker(first, 'one');
    await app.query("INSERT INTO shop.wide VALUES ('k1', 'b')");
    await mark('two');
    expect((await untilMarker(first, 'two')).map(brief)).toEqual(['insert shop.wide k1']);
    await first.close();

    const second = await openFeed();
    expect((await untilMarker(second, 'two')).map(brief)).toHaveLength(11);
    const { value } = await second.events[Symbol.asyncIterator]().next();
    second.acknowledge(value.position);
    await second.close();

    await app.query("INSERT INTO shop.wide VALUES ('k2', 'b')");
    await mark('three');
    const third = await openFeed();
    expect((await untilMarker(third, 'three')).map(brief)).toEqual(['insert shop.wide k2']);
    third.acknowledge(value.position);
    await third.close();
  });

  it('loses and doubles nothing at acknowledged commits while many writers commit side by side', async () => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => shop.app()));
    const rounds = 60;
    const writing = Promise.all(
      writers.map(async (writer, w) => {
        for (let n = 0; n < rounds; n += 1) await writer.query('INSERT INTO shop.wide VALUES ($1)', [`c${w}-${n}`]);
      }),
    ).then(() => mark('many'));
    const seen: string[] = [];
    // Each reader acknowledges every commit it reads and goes away in the middle: what it has not read must come again.
    for (let done = false; !done; ) {
      const feed = await openFeed();
      let pending: string[] = [];
      let commits = 0;
      for await (const event of feed.events) {
        if (event.type === 'row' && event.keys?.[0]?.id?.startsWith('c')) pending.push(event.keys[0].id);
        if (event.type === 'marker' && event.token === 'many') done = true;
        if (event.type !== 'progress') continue;
        feed.acknowledge(event.position);
        seen.push(...pending);
        pending = [];
        commits += 1;
        if (done || commits === 40) break;
      }
      await feed.close();
    }
    await writing;
    expect(new Set(seen).size).toBe(writers.length * rounds);
    expect(seen).toHaveLength(writers.length * rounds);
    await Promise.all(writers.map((writer) => writer.end()));
  });

  it('does not skip a commit that begins where the acknowledged one ends', async () => {
    const feed = await openFeed();
    const [first, second] = [await shop.app(), await shop.app()];
    await first.query("BEGIN; INSERT INTO shop.wide VALUES ('adjacent 1')");
    await second.query("BEGIN; INSERT INTO shop.wide VALUES ('adjacent 2')");
    await first.query('COMMIT');
    await second.query('COMMIT');
    let isFirst = false;
    for await (const event of feed.events) {
      if (event.type === 'row') isFirst = event.keys?.[0]?.id === 'adjacent 1';
      if (event.type !== 'progress' || !isFirst) continue;
      feed.acknowledge(event.position);
      break;
    }
    await feed.close();
    await mark('adjacent');
    expect((await untilMarker(await openFeed(), 'adjacent')).map(brief)).toEqual(['insert shop.wide adjacent 2']);
    await Promise.all([first.end(), second.end()]);
  });

  it('makes progress to the end of the log while nothing of the wave changes', async () => {
    const feed = await openFeed();
    await app.query('CREATE TABLE shop.elsewhere AS SELECT generate_series(1, 1000)');
    const end = await database.streams.currentPosition();
    for await (const event of feed.events)
      if (event.type === 'progress' && database.streams.compare(event.position, end) >= 0) break;
    await feed.close();
  });

  it('keeps a whole key that is stored out of line and did not change', async () => {
    const feed = await openFeed();
    await app.query("INSERT INTO shop.wide SELECT 'k3', string_agg(md5(n::text), '') FROM generate_series(1, 5000) n");
    await app.query("UPDATE shop.wide SET id = 'k4' WHERE id = 'k3'");
    await mark('toast');
    expect((await untilMarker(feed, 'toast')).map(brief).slice(-2)).toEqual([
      'insert shop.wide k3',
      'update shop.wide k3 -> k4',
    ]);
    await feed.close();
  });

  it('holds back a flood instead of filling the memory, and delivers it whole', async () => {
    const feed = await openFeed();
    await app.query("INSERT INTO shop.log SELECT 'flood' FROM generate_series(1, 60000)");
    await mark('flood');
    let rows = 0;
    for await (const event of feed.events) {
      if (event.type === 'row' && event.table.table === 'log') rows += 1;
      if (event.type === 'marker' && event.token === 'flood') {
        feed.acknowledge(event.position);
        break;
      }
    }
    expect(rows).toBe(60_000);
    await feed.close();
  });

  it('breaks aloud when its connection is cut, and can be opened again', async () => {
    const feed = await openFeed();
    await shop.server.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
    const failure = await (async () => {
      for await (const event of feed.events) if (event.type === 'marker' && event.token === 'never') break;
    })().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'feed.broken' });
    const again = await openFeed();
    await mark('again');
    await untilMarker(again, 'again');
    await again.close();
  });

  it('does not break the application of a table without a key', async () => {
    await app.query("INSERT INTO shop.log VALUES ('k'); UPDATE shop.log SET note = 'u'; DELETE FROM shop.log");
    await app.query("UPDATE shop.event SET note = 'u'");
  });

  it('makes a slot once, moves it forward only, and refuses another plugin', async () => {
    const { streams } = database;
    const name = `octank_slot_${kind.slice(0, 3)}`;
    const made = await streams.createSlot({ name, plugin: 'test_decoding' });
    expect(await streams.createSlot({ name, plugin: 'test_decoding' })).toBe(made);
    await expect(streams.createSlot({ name, plugin: 'pgoutput' })).rejects.toMatchObject({ code: 'slot.conflict' });
    await app.query("INSERT INTO shop.log SELECT 'x' FROM generate_series(1, 100)");
    const end = await streams.currentPosition();
    const moved = await streams.advanceSlot(name);
    expect(streams.compare(moved, end)).toBeGreaterThanOrEqual(0);
    expect(streams.compare(await streams.advanceSlot(name), moved)).toBeGreaterThanOrEqual(0);
    const slot = (await streams.slots()).find((candidate) => candidate.name === name);
    expect(slot).toMatchObject({ plugin: 'test_decoding', active: false, walStatus: 'reserved' });
    expect(slot?.retainedBytes).toBeGreaterThanOrEqual(0);
    await streams.dropSlot(name);
    await streams.dropSlot(name);
  });

  it('compares positions as numbers, not as text', () => {
    const compare = (a: string, b: string) => database.streams.compare(a as never, b as never);
    expect(compare('9/FFFFFFFF', 'A/0')).toBeLessThan(0);
    expect(compare('0/A', '0/9')).toBeGreaterThan(0);
    expect(compare('1/00000010', '1/10')).toBe(0);
  });

  it('a reader that froze gives the feed up to the octank that overtook it', async () => {
    const [older, newer] = [
      await shop.octank(kind, { lineage: kind, number: 1 }),
      await shop.octank(kind, { lineage: kind, number: 2 }),
    ];
    await older.streams.createFeed({ wave, tables: shopTables });
    const frozen = await older.streams.openFeed({ wave });
    feeds.push(frozen);
    const end = (async () => {
      for await (const event of frozen.events) void event;
    })().catch((error: unknown) => error);
    const feed = await newer.streams.openFeed({ wave });
    feeds.push(feed);
    expect(await end).toMatchObject({ code: 'feed.broken' });
    // Which is also what keeps it from ending the other's reader in turn.
    await expect(older.signals.beat('forward')).rejects.toMatchObject({ code: 'fencing.stale' });
    await newer.signals.writeMarker({ direction: 'forward', token: `${kind} overtaken` });
    await untilMarker(feed, `${kind} overtaken`);
    await feed.close();
    await newer.streams.dropFeed(wave);
  }, 30_000);

  it('drops its feed while a reader has only just gone, and knows that it is gone', async () => {
    expect(await database.streams.feedExists(wave)).toBe(true);
    const feed = await openFeed();
    await Promise.all([feed.close(), database.streams.dropFeed(wave)]);
    expect(await database.streams.feedExists(wave)).toBe(false);
    await expect(openFeed()).rejects.toMatchObject({ code: 'feed.missing' });
    expect(await shop.server.query('SELECT 1 FROM pg_publication')).toEqual([]);
  });
});

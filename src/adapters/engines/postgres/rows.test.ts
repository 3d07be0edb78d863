/** The dangers of parity in the server: equal rows that look different, different rows that look equal, chunks that miss a row. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../ports/database.ts';
import type { KeyRange, RangeSum, RowSource, RowsPort } from '../../../ports/rows.ts';
import { type TestPostgres, testPostgres } from '../../../testing/postgres.ts';
import { openDatabase } from '../index.ts';
import { rowSql } from './row-sql.ts';

const everything: KeyRange = { from: null, to: null };

const schema = (first: 'enum' | 'table'): string => {
  const types = `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN mood_domain AS mood; CREATE TYPE pair AS (a int, b text);`;
  // Another order of creation gives other object ids on the other side.
  return `${first === 'enum' ? types : `CREATE TABLE filler (n int); ${types}`}
  CREATE TABLE zoo (
    id int, kind text COLLATE "C", PRIMARY KEY (kind, id),
    b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, t text, v varchar(9), c char(5), nm name,
    d date, tm time, tz timetz, ts timestamp, tstz timestamptz, iv interval, u uuid, by bytea,
    j json, jb jsonb, x xml, p point, bx box, ci cidr, mac macaddr, bits bit(4), vb varbit, mny money, tsv tsvector,
    m mood, ms mood[], md mood_domain, pos positive, pr pair, rng int4range, ia int[], ta text[], na numeric[],
    rc regclass, "we ird""name" text, gen int GENERATED ALWAYS AS (id * 2) STORED);
  CREATE TABLE keyless (a int, b text);
  CREATE TABLE "Mixed.Case" ("Id" bigint PRIMARY KEY, v text);
  CREATE TABLE by_text (k text PRIMARY KEY, v int); CREATE TABLE by_enum (k mood PRIMARY KEY, v int);
  CREATE TABLE by_char (k char(6) PRIMARY KEY, v int); CREATE TABLE by_time (k timestamptz PRIMARY KEY, v int);
  CREATE TABLE by_domain (k positive PRIMARY KEY, v int); CREATE TABLE by_numeric (k numeric(12,2) PRIMARY KEY, v int);`;
};

const zooRows = `
  INSERT INTO zoo SELECT n, 'kind ' || n % 3, n % 2 = 0, n, 9007199254740993 + n, n / 3.0, n / 7.0, n / 9.0, 'té''xt ' || n, 'v', 'c', 'nm',
    '2026-01-01', '12:00:00.123456', '12:00+02', '2026-01-01 00:00:00.000001', '2026-01-01 00:00+00', '1 mon 2 days 03:04:05', md5(n::text)::uuid, '\\x00ff',
    '{"a": 1,  "a": 2}', '{"a": [1, null]}', '<a/>', '(1,2)', '((0,0),(1,1))', '10.0.0.0/8', '08:00:2b:01:02:03', B'1010', B'101', 12.34, 'a b',
    'happy', '{sad,ok}', 'ok', 5, ROW(1, 'x')::pair, '[1,5)', '{1,NULL}', '{a,NULL,"b c"}', '{1.50}', 'pg_class', 'w'
  FROM generate_series(1, 120) n`;

let server: TestPostgres;
let left: Database;
let right: Database;

const sourceOf = async (rows: RowsPort, table: string): Promise<RowSource> => {
  const name = { schema: 'public', table };
  return { table: name, ...(await rows.columns(name)) };
};
const both = async (sql: string): Promise<void> => {
  await server.query(sql, 'left_side');
  await server.query(sql, 'right_side');
};

beforeAll(async () => {
  server = await testPostgres({ locale: 'C.UTF-8' });
  await server.query('CREATE DATABASE left_side');
  await server.query('CREATE DATABASE right_side');
  await server.query("ALTER DATABASE right_side SET timezone = 'Asia/Tokyo'");
  await server.query(
    "ALTER DATABASE right_side SET intervalstyle = 'iso_8601'; ALTER DATABASE right_side SET bytea_output = 'escape'",
  );
  await server.query(schema('enum'), 'left_side');
  await server.query(schema('table'), 'right_side');
  await both(zooRows);
  const open = (database: string) =>
    openDatabase({
      name: database,
      engine: 'postgres',
      secret: server.secret({ database }),
      fencing: { lineage: 'run-a', current: () => undefined },
    });
  [left, right] = [await open('left_side'), await open('right_side')];
});

afterAll(async () => {
  await left.close();
  await right.close();
  await server.stop();
});

const sameSums = async (source: RowSource, bounds: readonly (readonly string[])[]): Promise<void> => {
  const ranges: KeyRange[] = [null, ...bounds].map((from, index) => ({ from, to: bounds[index] ?? null }));
  const alone: RangeSum[] = [];
  for (const range of ranges) alone.push(await left.rows.sum(source, range));
  expect(await left.rows.sums?.(source, ranges)).toEqual(alone);
  expect(alone.reduce((sum, { rows }) => sum + rows, 0)).toBe((await left.rows.sum(source, everything)).rows);
};

describe('sums', () => {
  it('agree for equal rows of every type, whatever the settings and object ids of the servers', async () => {
    expect(await left.rows.hashProbe()).toBe(await right.rows.hashProbe());
    const source = await sourceOf(left.rows, 'zoo');
    expect(source.columns).not.toContain('gen');
    expect(source.key).toEqual(['kind', 'id']);
    const [a, b] = await Promise.all([left.rows.sum(source, everything), right.rows.sum(source, everything)]);
    expect(a).toEqual(b);
    expect(a.rows).toBe(120);
    expect(await left.rows.rows(source, everything, 1000)).toEqual(await right.rows.rows(source, everything, 1000));
    expect(await left.rows.hashes(source, everything, 1000)).toEqual(await right.rows.hashes(source, everything, 1000));
  });

  const changes = [
    ...['b = NOT b', 'i2 = i2 + 1', 'i8 = i8 + 1', 'f4 = f4 + 1', 'f8 = f8 + 0.0000000001', 'n = n + 0.000000000001'],
    ...["t = t || ' '", "v = 'V'", "c = 'd'", 'd = d + 1', "tm = tm + interval '1 microsecond'", "tz = '12:00+03'"],
    ...["ts = ts + interval '1 microsecond'", "tstz = tstz + interval '1 microsecond'", "iv = '32 days 03:04:05'"],
    ...[
      "u = md5('x')::uuid",
      "by = '\\x00fe'",
      `j = '{"a": 1, "a": 2}'`,
      `jb = '{"a": [1]}'`,
      "x = '<b/>'",
      "p = '(1,3)'",
    ],
    ...[
      "bits = B'1011'",
      "vb = B'1010'",
      'mny = 12.35',
      "tsv = 'a'",
      "m = 'sad'",
      "ms = '{ok,sad}'",
      "md = 'sad'",
      'pos = 6',
    ],
    ...[
      "pr = ROW(1, 'y')",
      "rng = '[1,6)'",
      "ia = '{1,2}'",
      'ta = \'{a,"NULL","b c"}\'',
      "na = '{1.51}'",
      "rc = 'pg_proc'",
    ],
    ...['t = NULL', '"we ird""name" = \'W\'', 'f8 = NULL, f4 = NULL'],
  ];
  it.each(changes)('differ after %s in one row', async (change) => {
    const source = await sourceOf(left.rows, 'zoo');
    await server.query(`UPDATE zoo SET ${change} WHERE id = 7`, 'right_side');
    const [a, b] = await Promise.all([left.rows.sum(source, everything), right.rows.sum(source, everything)]);
    expect(b.rows).toBe(a.rows);
    expect(b.sum).not.toBe(a.sum);
    await server.query('DELETE FROM zoo', 'right_side');
    await server.query(zooRows, 'right_side');
  });

  it('of many ranges at once are those of each range alone, open, empty and composite ones included', async () => {
    const zoo = await sourceOf(left.rows, 'zoo');
    for (const rowsPerPart of [7, 50, 1000]) {
      const bounds = await left.rows.bounds(zoo, rowsPerPart, everything);
      expect(bounds.length).toBe(Math.floor(120 / rowsPerPart));
      await sameSums(zoo, bounds);
    }
    await server.query('CREATE TABLE wide (id bigint PRIMARY KEY, v text)', 'left_side');
    await server.query("INSERT INTO wide SELECT i * 3, 'v' || i FROM generate_series(1, 500) i", 'left_side');
    const wide = await sourceOf(left.rows, 'wide');
    await sameSums(wide, [['-5'], ['0'], ['3'], ['4'], ['299'], ['300'], ['1499'], ['1500'], ['9000']]);
    // Of each type that a key may have, so that its arrays are read too.
    const keys = {
      by_text: "'k' || i",
      by_char: "'c' || i",
      by_time: "now() + i * '1 h'::interval",
      by_domain: 'i',
      by_numeric: 'i / 4.0',
    };
    for (const [table, key] of Object.entries(keys)) {
      await server.query(`INSERT INTO ${table} SELECT ${key}, i FROM generate_series(1, 40) i`, 'left_side');
      const source = await sourceOf(left.rows, table);
      await sameSums(source, await left.rows.bounds(source, 6, everything));
      await server.query(`TRUNCATE ${table}`, 'left_side');
    }
  });

  it('differ when two rows swap a value, and when a row is doubled in a table without a key', async () => {
    await both("INSERT INTO \"Mixed.Case\" VALUES (1, 'a'), (2, 'b')");
    const source = await sourceOf(left.rows, 'Mixed.Case');
    const before = await left.rows.sum(source, everything);
    await server.query(`UPDATE "Mixed.Case" SET v = CASE v WHEN 'a' THEN 'b' ELSE 'a' END`, 'right_side');
    expect((await right.rows.sum(source, everything)).sum).not.toBe(before.sum);
  });

  it('stop when they are aborted', async () => {
    const source = await sourceOf(left.rows, 'zoo');
    const stopped = new AbortController();
    stopped.abort(new Error('enough'));
    await expect(left.rows.sum(source, everything, stopped.signal)).rejects.toThrow('enough');
  });
});

describe('chunks', () => {
  const fill: Record<string, string> = {
    zoo: '',
    by_text: "INSERT INTO by_text SELECT 'k-' || n || chr(192 + n % 50), n FROM generate_series(1, 90) n",
    by_enum: "INSERT INTO by_enum VALUES ('happy', 1), ('sad', 2), ('ok', 3)",
    by_char: "INSERT INTO by_char SELECT 'k' || n, n FROM generate_series(1, 50) n",
    by_time:
      "INSERT INTO by_time SELECT '2026-01-01'::timestamptz + n * interval '1.000001s', n FROM generate_series(1, 100) n",
    by_domain: 'INSERT INTO by_domain SELECT n, n FROM generate_series(1, 90) n',
    by_numeric: 'INSERT INTO by_numeric SELECT n * 1.25, n FROM generate_series(-50, 50) n',
  };

  it.each([
    ['dense, cut by arithmetic', 'generate_series(-3000, 16999) AS g'],
    ['with a few gaps', 'generate_series(1, 24000) AS g WHERE g % 6 <> 0'],
    ['sparse, walked', 'generate_series(1, 20000) AS h, LATERAL (SELECT h::bigint * 1000003 AS g) AS wide'],
    ['at the ends of bigint', 'unnest(ARRAY[-9223372036854775808, 9223372036854775807]::bigint[]) AS g'],
  ])('of integer keys %s, hold each row once and never more than asked', async (name, rows) => {
    const table = `even_${name.replaceAll(/[^a-z]+/g, '_').slice(0, 20)}`;
    await server.query(
      `CREATE TABLE ${table} (id bigint PRIMARY KEY, v text); INSERT INTO ${table} SELECT g, g::text FROM ${rows}; ANALYZE ${table}`,
      'left_side',
    );
    const source = await sourceOf(left.rows, table);
    const whole = await left.rows.sum(source, everything);
    const bounds = await left.rows.bounds(source, 5000, everything);
    await sameSums(source, bounds);
    const edges = [null, ...bounds, null];
    for (let n = 0; n + 1 < edges.length; n += 1) {
      const part = await left.rows.sum(source, { from: edges[n] ?? null, to: edges[n + 1] ?? null });
      expect(part.rows).toBeLessThanOrEqual(5000);
    }
    const inPages: (readonly string[])[] = [];
    for (let from: readonly string[] | null = null; ; ) {
      const page = await left.rows.bounds(source, 5000, { from, to: null }, 2);
      inPages.push(...page);
      if (page.length < 2) break;
      from = page.at(-1) ?? null;
    }
    expect(inPages.length).toBeGreaterThanOrEqual(Math.floor(whole.rows / 5000) - 1);
    await sameSums(source, inPages);
  });

  it.each(Object.keys(fill))('of %s hold each row once: their sums add up to the whole', async (table) => {
    if (fill[table]) await server.query(fill[table], 'left_side');
    const source = await sourceOf(left.rows, table);
    const whole = await left.rows.sum(source, everything);
    expect(whole.rows).toBeGreaterThan(0);
    for (const size of [1, 7, 64, 100_000]) {
      const bounds = await left.rows.bounds(source, size, everything);
      const edges = [null, ...bounds, null];
      let rows = 0;
      let sum = 0n;
      for (let n = 0; n + 1 < edges.length; n += 1) {
        const part = await left.rows.sum(source, { from: edges[n] ?? null, to: edges[n + 1] ?? null });
        expect(part.rows).toBeLessThanOrEqual(size);
        rows += part.rows;
        sum += BigInt(part.sum);
      }
      expect({ rows, sum: sum.toString() }).toEqual(whole);
    }
  });

  it('walk inside a range only', async () => {
    const source = await sourceOf(left.rows, 'zoo');
    const bounds = await left.rows.bounds(source, 10, { from: ['kind 1', '20'], to: ['kind 2', '30'] });
    const inside = await left.rows.sum(source, { from: ['kind 1', '20'], to: ['kind 2', '30'] });
    expect(bounds).toHaveLength(Math.floor(inside.rows / 10));
  });

  it('are found by the index of a composite key, not by reading the table', async () => {
    await server.query(
      'CREATE TABLE walked (a text, b int, PRIMARY KEY (a, b)); INSERT INTO walked SELECT n % 9, n FROM generate_series(1, 20000) n; ANALYZE walked',
      'left_side',
    );
    const column = { isArray: false, isBuiltIn: true, isEnum: false };
    const types = new Map([
      ['a', { ...column, name: 'a', type: 'text', base: 'text' }],
      ['b', { ...column, name: 'b', type: 'integer', base: 'int4' }],
    ]);
    const table = { schema: 'public', table: 'walked' };
    const sql = rowSql({ table, columns: ['a', 'b'], key: ['a', 'b'] }, types, 'record');
    const { where, values } = sql.range({ from: ['3', '700'], to: ['3', '900'] });
    const client = new pg.Client(server.connection('left_side'));
    await client.connect();
    for (const query of [
      `SELECT count(*) FROM ${sql.from} ${where}`,
      `SELECT ${sql.keyText} FROM ${sql.from} ${where} ORDER BY ${sql.orderBy} OFFSET 9 LIMIT 1`,
    ]) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${query}`, [...values]);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index (Only )?Scan.*walked_pkey/);
      expect(plan).not.toMatch(/Sort|Filter/);
    }
    await client.end();
  });

  it('of a table without a key are buckets of its rows as a multiset', async () => {
    await server.query(
      'INSERT INTO keyless SELECT n % 40, NULLIF(n % 3, 0)::text FROM generate_series(1, 500) n',
      'left_side',
    );
    const source = await sourceOf(left.rows, 'keyless');
    expect(source.key).toEqual([]);
    expect(await left.rows.bounds(source, 10, everything)).toEqual([]);
    const buckets = (await Promise.all([0, 1, 2].map((bucket) => left.rows.multiset(source, bucket, 3)))).flat();
    expect(new Set(buckets.map((row) => row.hash)).size).toBe(buckets.length);
    expect(buckets.reduce((sum, row) => sum + row.count, 0)).toBe(500);
    const [distinct] = await server.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM (SELECT DISTINCT a, b FROM keyless) x',
      'left_side',
    );
    expect(buckets).toHaveLength(distinct?.n ?? -1);
  });

  it('carry any text as a key bound unharmed', async () => {
    const source = await sourceOf(right.rows, 'by_text');
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.string({ unit: 'grapheme', maxLength: 8 }).map((s) => s.replaceAll('\0', '')),
          { minLength: 1, maxLength: 12 },
        ),
        async (keys) => {
          await server.query('TRUNCATE by_text', 'right_side');
          const values = keys.map((key, n) => `('${key.replaceAll("'", "''")}', ${n})`).join(', ');
          await server.query(
            `SET standard_conforming_strings = on; INSERT INTO by_text VALUES ${values} ON CONFLICT DO NOTHING`,
            'right_side',
          );
          const bounds = await right.rows.bounds(source, 1, everything);
          expect(new Set(bounds.map(([key]) => key))).toEqual(new Set(keys));
          for (const bound of bounds) expect((await right.rows.sum(source, { from: bound, to: bound })).rows).toBe(0);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('the order of a text key', () => {
  it('is told, so that two sides that sort differently are not compared by ranges', async () => {
    await both('CREATE TABLE sorted_c (k text COLLATE "C" PRIMARY KEY)');
    await server.query('CREATE TABLE sorted (k text COLLATE "C" PRIMARY KEY)', 'left_side');
    await server.query('CREATE TABLE sorted (k text COLLATE "en-x-icu" PRIMARY KEY)', 'right_side');
    const orders = async (table: string) =>
      Promise.all([left, right].map(async (side) => (await side.rows.columns({ schema: 'public', table })).textOrder));
    const [a, b] = await orders('sorted');
    expect(a).not.toBe(b);
    const [c, d] = await orders('sorted_c');
    expect(c).toBe(d);
    expect((await left.rows.columns({ schema: 'public', table: 'by_time' })).textOrder).toBe('');
  });
});

describe('small answers', () => {
  it('estimates rows of a table that was never analysed, and names one that is missing', async () => {
    expect(await left.rows.estimateRows({ schema: 'public', table: 'zoo' })).toBeGreaterThan(0);
    await expect(left.rows.columns({ schema: 'public', table: 'absent' })).rejects.toMatchObject({
      code: 'table.missing',
    });
  });
});

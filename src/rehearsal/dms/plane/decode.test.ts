/** The text of test_decoding, as the server writes it: nothing in a value may be taken for its end. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestPostgres, testPostgres } from '../../../testing/postgres.ts';
import { createDecoder, DecodeError } from './decode.ts';

const quoteIdentifier = (name: string): string => (/^[a-z_]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
const quoteValue = (value: string): string => `'${value.replaceAll("'", "''")}'`;

describe('decoding', () => {
  it.each([
    [
      'all kinds of values',
      `table public.t: INSERT: id[integer]:-1 n[numeric]:NaN b[boolean]:true bits[bit]:B'101' a[integer[]]:'{1,NULL}' x[text]:null s[text]:'null' big[text]:unchanged-toast-datum`,
      {
        names: ['id', 'n', 'b', 'bits', 'a', 'x', 's', 'big'],
        values: ['-1', 'NaN', 'true', '101', '{1,NULL}', null, 'null', undefined],
      },
    ],
    [
      'quoted names and types',
      `table "My: Schema"."T.x": INSERT: "a[b]:"[character varying]:'1' "q""q"[public."weird] type"]:'2'`,
      { names: ['a[b]:', 'q"q'], values: ['1', '2'] },
    ],
  ])('reads %s', (_, text, tuple) => {
    expect(createDecoder().decode(text)).toMatchObject({ type: 'row', operation: 'insert', tuple });
  });

  it('keeps old key and new values apart, whatever stands in the values', () => {
    const text = `table public.t: UPDATE: old-key: id[text]:' new-tuple: x' new-tuple: id[text]:'b' v[text]:'''; -- new-tuple:'`;
    expect(createDecoder().decode(text)).toMatchObject({
      operation: 'update',
      oldKey: { names: ['id'], values: [' new-tuple: x'] },
      tuple: { names: ['id', 'v'], values: ['b', `'; -- new-tuple:`] },
    });
  });

  it.each([
    ['table public.t: DELETE: (no-tuple-data)', { type: 'row', operation: 'delete', tuple: null }],
    ['table public.t: TRUNCATE: (no-flags)', { type: 'truncate' }],
    ['table public.a, public.b: TRUNCATE: restart_seqs cascade', { type: 'truncate' }],
    ['BEGIN 4294967295', { type: 'begin', xid: 4294967295 }],
    ['COMMIT 7', { type: 'commit', xid: 7, at: null }],
    ['COMMIT 7 (at 2026-11-24 16:00:00.5+00)', { type: 'commit', xid: 7, at: Date.UTC(2026, 10, 24, 16, 0, 0, 500) }],
    ['message: transactional: 1 prefix: p, sz: 1 content:x', { type: 'other' }],
  ])('reads %s', (text, expected) => {
    expect(createDecoder().decode(text)).toMatchObject(expected);
  });

  it('refuses what is cut off instead of guessing', () => {
    expect(() => createDecoder().decode(`table public.t: INSERT: id[text]:'abc`)).toThrow(DecodeError);
    expect(() => createDecoder().decode(`table public.t: INSERT: id[text`)).toThrow(DecodeError);
  });

  it('gives back any names and values that were written, also when the shape of a table changes', () => {
    const column = fc.tuple(fc.string({ minLength: 1 }), fc.option(fc.string(), { nil: null }));
    fc.assert(
      fc.property(
        fc.array(fc.array(column, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
        (rows) => {
          const decoder = createDecoder();
          for (const row of rows) {
            const text = row.map(
              ([name, value]) => ` ${quoteIdentifier(name)}[text]:${value === null ? 'null' : quoteValue(value)}`,
            );
            const decoded = decoder.decode(`table s.t: INSERT:${text.join('')}`);
            if (decoded.type !== 'row') throw new Error(decoded.type);
            expect(decoded.tuple).toEqual({ names: row.map(([name]) => name), values: row.map(([, value]) => value) });
          }
        },
      ),
    );
  });
});

describe('decoding what a server writes', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await testPostgres();
  });
  afterAll(async () => postgres?.stop());

  it('agrees with the server on every value of an awkward table', async () => {
    await postgres.query(`create schema "S.""x"; create type "S.""x"."my] type" as enum ('it''s', 'b');
      create table "S.""x"."T: y" (id int primary key, "a[1]:" text, "select" int[], e "S.""x"."my] type", j jsonb, f float8, bits varbit, b bytea, i interval, "new-tuple:" text)`);
    await postgres.query(`select pg_create_logical_replication_slot('d', 'test_decoding')`);
    await postgres.query(`insert into "S.""x"."T: y" values (1, E'line\\nbreak '' "q" \\\\', '{{1,2},{null,4}}', 'it''s', '{"k": "v''s"}', 'Infinity', '10101', '\\x00ff27', '1 day', ' new-tuple: ');
      insert into "S.""x"."T: y" (id, "a[1]:") values (2, '')`);
    const changes = await postgres.query<{ data: string }>(
      `select data from pg_logical_slot_get_changes('d', null, null)`,
    );
    const decoder = createDecoder();
    const rows = changes.map(({ data }) => decoder.decode(data)).filter((message) => message.type === 'row');
    const [expected] = await postgres.query<{ values: string[] }>(
      `select array[id::text, "a[1]:", "select"::text, e::text, j::text, f::text, bits::text, b::text, i::text, "new-tuple:"] as values from "S.""x"."T: y" where id = 1`,
    );
    expect(rows[0]?.tuple?.values).toEqual(expected?.values);
    expect(rows[0]).toMatchObject({ schema: 'S."x', table: 'T: y' });
    expect(rows[1]?.tuple?.values.slice(0, 3)).toEqual(['2', '', null]);
  });
});

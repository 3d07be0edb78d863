/** Quoted text must mean to a real server what it meant here, whatever is in it. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestPostgres, testPostgres } from '../testing/postgres.ts';
import { quoteIdent, quoteLiteral } from './postgres-quote.ts';

let server: TestPostgres;
let client: pg.Client;

beforeAll(async () => {
  server = await testPostgres();
  client = new pg.Client(server.connection());
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

/** Well-formed, without the zero byte, and with what breaks quoting more often than chance would have it. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', ';', '-', 'E', ' ', '\n', 'é', '😀') }),
  )
  // The driver sends UTF-8, in which a lone half of a pair does not exist.
  .map((given) => Buffer.from(given, 'utf8').toString('utf8').replaceAll('\0', ''));

/** Names are cut at 63 bytes. */
const name = text.filter((given) => given.length > 0 && Buffer.byteLength(given) <= 63);

it.each(['on', 'off'])('literals come back as they were, with standard_conforming_strings %s', async (setting) => {
  await client.query(`SET standard_conforming_strings = ${setting}`);
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      const { rows } = await client.query(`SELECT${quoteLiteral(given)}::text AS value`);
      expect(rows).toEqual([{ value: given }]);
    }),
    { numRuns: 150 },
  );
});

it('names come back as they were, and as the server itself would quote them', async () => {
  await fc.assert(
    fc.asyncProperty(name, async (given) => {
      const { fields, rows } = await client.query(`SELECT parse_ident($1) AS ${quoteIdent(given)}`, [
        quoteIdent(given),
      ]);
      expect(fields[0]?.name).toBe(given);
      expect(Object.values(rows[0])).toEqual([[given]]);
    }),
    { numRuns: 150 },
  );
});

it.each(['', 'a\0b'])('refuses the name %j', (given) => expect(() => quoteIdent(given)).toThrow());
it('refuses a literal with a zero byte', () => expect(() => quoteLiteral('\0')).toThrow());

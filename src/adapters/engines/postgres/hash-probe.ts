/** Whether two servers hash and sort alike: test vectors of each type, and words in the order of a collation, digested into comparable names. */
import { createHash } from 'node:crypto';
import { quoteLiteral } from '../../../model/postgres-quote.ts';
import type { Connections } from './connections.ts';
import type { HashMethod } from './row-sql.ts';

/** One per type that is hashed by value; hashes across major versions are likely but not promised. */
const vectors = [
  'true',
  '7::int2, -7::int4, 9007199254740993::int8',
  '1.5::float4, -0.1::float8, 123456789012345678901234567890.12345::numeric',
  `'octank'::text, ${quoteLiteral('caf\u00e9')}::text, 'x'::varchar, 'y '::bpchar(4), 'n'::name, 'c'::"char"`,
  `'2026-11-24'::date, '12:34:56.789'::time, '12:34:56+02'::timetz, '2026-11-24 12:34:56.789'::timestamp, '2026-11-24 12:34:56+02'::timestamptz`,
  `'2f5a9a0e-64f5-4d0b-8f6b-0d9b7f9d9c11'::uuid, '\\xdeadbeef'::bytea, '{"a":[1,2.50,null,"b"]}'::jsonb`,
  `'10.0.0.1/8'::inet, '10.0.0.0/8'::cidr, '08:00:2b:01:02:03'::macaddr, '08:00:2b:01:02:03:04:05'::macaddr8, 4711::oid, '16/B374D848'::pg_lsn`,
  `ARRAY[1,2,NULL]::int4[], ARRAY['a',NULL]::text[], ARRAY[1.50]::numeric[]`,
  'NULL::text, NULL::int8',
];

const methods = new WeakMap<Connections, Promise<HashMethod>>();

/** Asked once per database: record hashes take a seed since PostgreSQL 14. */
export const hashMethod = (connections: Connections): Promise<HashMethod> => {
  const known = methods.get(connections);
  if (known) return known;
  const asking = connections
    .query<{ present: boolean }>(
      `SELECT to_regprocedure('pg_catalog.hash_record_extended(record,bigint)') IS NOT NULL AS present`,
    )
    .then(([row]): HashMethod => (row?.present ? 'record' : 'text'));
  methods.set(connections, asking);
  asking.catch(() => methods.delete(connections));
  return asking;
};

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** `METHOD:DIGEST`. */
export const readHashProbe = async (connections: Connections): Promise<string> => {
  const method = await hashMethod(connections);
  const hashes = vectors.map((vector) =>
    method === 'record' ? `hash_record_extended(ROW(${vector}), 42)` : `hashtextextended(ROW(${vector})::text, 42)`,
  );
  const [row] = await connections.query<{ hashes: readonly string[] }>(
    `SELECT ARRAY[${hashes.join(', ')}]::text[] AS hashes`,
  );
  return `${method}:${digest((row?.hashes ?? []).join(','))}`;
};

/** Words that locales, and versions of one locale, are known to sort differently. */
const words = [
  ...[
    'a',
    'B',
    'b',
    'A',
    'ab',
    'aB',
    'Ab',
    'a b',
    'a-b',
    'a_b',
    'A B',
    'a.b',
    '_a',
    '-a',
    ' a',
    'aa',
    'a a',
    'a-a',
    '',
  ],
  ...[
    '1',
    '10',
    '2',
    '-1',
    '1-1',
    '11',
    '1.1',
    '1a',
    'co op',
    'coop',
    'co-op',
    'ch',
    'cz',
    'c',
    'd',
    'll',
    'lz',
    'v',
    'w',
  ],
];

/** Ranges of a text key follow its collation: where two sides sort differently, one range holds different rows. */
export const readTextOrder = async (connections: Connections, collation: string): Promise<string> => {
  const rows = await connections.query<{ word: string }>(
    `SELECT w AS word FROM unnest($1::text[]) AS w ORDER BY w COLLATE ${collation}, w COLLATE "C"`,
    [words],
  );
  return digest(JSON.stringify(rows.map(({ word }) => word)));
};

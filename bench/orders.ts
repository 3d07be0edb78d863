/** The table that full load, changes and parity are measured on: about 210 bytes a row, many types, as reference figures have it. */

export const ordersDdl = `
  CREATE SCHEMA bench;
  CREATE TABLE bench.orders (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL, amount numeric(12,2) NOT NULL, discount numeric(12,2),
    placed_at timestamptz NOT NULL, shipped_at timestamptz, status varchar(20) NOT NULL, note text NOT NULL,
    is_gift boolean NOT NULL, extras jsonb NOT NULL, rating real NOT NULL, token bytea NOT NULL)`;

export const orderColumns = [
  'id',
  'customer_id',
  'amount',
  'discount',
  'placed_at',
  'shipped_at',
  'status',
  'note',
  'is_gift',
  'extras',
  'rating',
  'token',
] as const;

/** Deterministic rows with ids after `from` up to `to`. */
export const ordersSql = (from: number, to: number): string => `
  INSERT INTO bench.orders
  SELECT i, i * 7919 % 50000, (i * 31 % 1000000)::numeric / 100, CASE WHEN i % 3 = 0 THEN (i % 500)::numeric / 100 END,
    timestamptz '2024-01-01 00:00+00' + i * interval '7 seconds',
    CASE WHEN i % 5 > 0 THEN timestamptz '2024-01-02 00:00+00' + i * interval '7 seconds' END,
    (ARRAY['placed', 'paid', 'shipped', 'returned'])[1 + i % 4],
    'note ' || md5(i::text) || ' ' || md5((i + 1)::text) || ' and so on', i % 11 = 0,
    jsonb_build_object('lines', i % 9, 'channel', 'web'), (i % 50)::real / 10, decode(md5((i * 3)::text), 'hex')
  FROM generate_series(${from + 1}::bigint, ${to}::bigint) AS i`;

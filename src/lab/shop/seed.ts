/** Fills the shop on the server itself: the same seed and number of orders give the same rows, in seconds. */
import pg from 'pg';
import { constraintsSql, logicSql, tablesSql } from './schema.ts';

export interface SeedOptions {
  /** Superuser connection to the database. */
  readonly connection: pg.ClientConfig;
  /** Role that will own everything in schema shop. */
  readonly owner: string;
  /** Roles that may also read and write. */
  readonly writers?: readonly string[];
  /** Orders; everything else is in proportion. */
  readonly rows?: number;
  readonly seed?: number;
  readonly onProgress?: (progress: { readonly table: string; readonly done: number; readonly total: number }) => void;
}

export interface ShopSize {
  readonly customers: number;
  readonly products: number;
  readonly orders: number;
  readonly carts: number;
}

export const shopSize = (rows: number): ShopSize => ({
  customers: Math.max(10, Math.round(rows / 5)),
  products: Math.max(20, Math.min(5000, Math.round(rows / 50))),
  orders: rows,
  carts: Math.max(10, Math.round(rows / 20)),
});

/** 0..modulus-1 from a row's number: spread by a multiplier, the same on every server and version. */
const spread = (row: string, salt: number, modulus: number): string =>
  `(((${row})::bigint * 2654435761 + ${salt}) % 4294967291 % ${modulus})::integer`;

const fills = (size: ShopSize, seed: number): readonly (readonly [table: string, sql: string])[] => [
  [
    'customer',
    `insert into shop.customer (id, email, full_name, birthday, tags, preferences, is_active, joined_at)
     select i, 'customer' || i || '@example.com', 'Customer ' || i || case when i % 97 = 0 then ' Müller-Ørsted 東京' else '' end,
       case when i % 10 = 0 then null else date '1950-01-01' + ${spread('i', seed, 20000)} end,
       case when i % 3 = 0 then array['loyal', 'newsletter'] when i % 3 = 1 then array['it''s "quoted", {odd}'] else '{}' end,
       jsonb_build_object('theme', case when i % 2 = 0 then 'dark' else 'light' end, 'score', ${spread('i', seed + 1, 1000)}),
       i % 13 <> 0, timestamptz '2020-01-01 00:00+00' + make_interval(mins => ${spread('i', seed + 2, 2000000)})
     from generate_series(1, ${size.customers}) i`,
  ],
  [
    'address',
    `insert into shop.address (id, customer_id, street, city, country)
     select i, 1 + (i - 1) % ${size.customers}, ${spread('i', seed + 3, 300)} || ' High Street', 'City ' || i % 500,
       (array['DE', 'FR', 'NL', 'PL'])[1 + i % 4]
     from generate_series(1, ${Math.round(size.customers * 1.2)}) i`,
  ],
  [
    'product',
    `insert into shop.product (id, sku, title, description, picture, price, weight_kg, stock)
     select i, md5('sku' || ${seed} || '-' || i)::uuid, 'Product ' || i,
       case when i % 20 = 0 then null else repeat('A fine thing, number ' || i || '. ', 1 + i % 12) end,
       case when i % 25 = 0 then decode(repeat(md5(i::text), 200), 'hex') end,
       (1 + ${spread('i', seed + 4, 50000)})::numeric / 100, ${spread('i', seed + 5, 9000)} / 700.0, 1000000
     from generate_series(1, ${size.products}) i`,
  ],
  [
    'orders',
    `insert into shop.orders (id, customer_id, status, total, note, placed_at, updated_at)
     select i, 1 + ${spread('i', seed + 6, size.customers)},
       (enum_range(null::shop.order_status))[1 + ${spread('i', seed + 7, 6)}],
       ${spread('i', seed + 8, 90000)}::numeric / 100, case when i % 11 = 0 then E'leave it\\nat the "door"\\t\\\\o/' end,
       timestamptz '2024-01-01 00:00+00' + make_interval(secs => i * 60), timestamptz '2024-01-01 00:00+00' + make_interval(secs => i * 60)
     from generate_series(1, ${size.orders}) i`,
  ],
  [
    'order_line',
    `insert into shop.order_line (order_id, line_no, product_id, quantity, unit_price)
     select i, n, 1 + ${spread('i * 5 + n', seed + 9, size.products)}, 1 + (i + n) % 5, (100 + (i * 7 + n) % 9000)::numeric / 100
     from generate_series(1, ${size.orders}) i, generate_series(1, 1 + i % 3) n`,
  ],
  [
    'payment',
    `insert into shop.payment (id, order_id, method, amount, paid_at)
     select md5('payment' || ${seed} || '-' || i)::uuid, i, (enum_range(null::shop.payment_method))[1 + i % 3],
       ${spread('i', seed + 8, 90000)}::numeric / 100, timestamptz '2024-01-01 00:05+00' + make_interval(secs => i * 60)
     from generate_series(1, ${size.orders}) i`,
  ],
  [
    'cart',
    `insert into shop.cart (id, customer_id, visitor)
     select i, 1 + ${spread('i', seed + 10, size.customers)}, ('10.' || i % 200 || '.' || i % 250 || '.7')::inet
     from generate_series(1, ${size.carts}) i`,
  ],
  [
    'cart_line',
    `insert into shop.cart_line (cart_id, product_id, quantity)
     select i, 1 + (i * 3 + n) % ${size.products}, 1 + n % 9 from generate_series(1, ${size.carts}) i, generate_series(1, 2) n`,
  ],
];

/** Identities and the sequence continue after the rows that were given their numbers. */
const sequencesSql = ['customer', 'address', 'product', 'cart', 'orders']
  .map(
    (table) =>
      `select setval(pg_get_serial_sequence('shop.${table}', 'id'), coalesce((select max(id) from shop.${table}), 1))`,
  )
  .join(';');

const grantsSql = (writers: readonly string[]): string =>
  writers
    .map(pg.escapeIdentifier)
    .map(
      (role) =>
        `grant usage on schema shop to ${role};
         grant select, insert, update, delete on all tables in schema shop to ${role};
         grant usage, select on all sequences in schema shop to ${role}`,
    )
    .join(';');

/** Creates and fills schema shop; nothing is left behind when it fails. */
export const seedShop = async (options: SeedOptions): Promise<ShopSize> => {
  const size = shopSize(options.rows ?? 100_000);
  const steps = fills(size, options.seed ?? 1);
  const client = new pg.Client({ ...options.connection, application_name: 'octank-lab-seed' });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`create schema shop authorization ${pg.escapeIdentifier(options.owner)}`);
    await client.query(`set local role ${pg.escapeIdentifier(options.owner)}`);
    await client.query("set local maintenance_work_mem = '64MB'");
    await client.query(tablesSql);
    for (const [index, [table, sql]] of steps.entries()) {
      await client.query(sql);
      options.onProgress?.({ table, done: index + 1, total: steps.length });
    }
    await client.query(constraintsSql);
    await client.query(logicSql);
    await client.query(sequencesSql);
    if (options.writers?.length) await client.query(grantsSql(options.writers));
    await client.query('commit');
    await client.query('analyze');
    return size;
  } finally {
    await client.end();
  }
};

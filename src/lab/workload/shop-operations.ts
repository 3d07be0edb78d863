/** What customers of the shop do: transactions over several tables, each leaving its op id on every row it touched. */
import type { ClientBase } from 'pg';
import type { ShopSize } from '../shop/seed.ts';
import type { Effect } from './op-log.ts';
import type { Random } from './random.ts';
import type { Operation } from './write.ts';

const effect = (table: string, kind: Effect['kind'], ...key: readonly unknown[]): Effect => ({
  table,
  kind,
  key: key.join('/'),
});

/** The returned rows' keys: an update that met no row had no effect. */
const touched = async (
  client: ClientBase,
  table: string,
  kind: Effect['kind'],
  sql: string,
  values: readonly unknown[],
): Promise<readonly Effect[]> => {
  const { rows } = await client.query<unknown[]>({ text: sql, values: [...values], rowMode: 'array' });
  return rows.map((row) => effect(table, kind, ...row));
};

/** One row per transaction, insert only: its presence alone tells whether an indeterminate write happened. */
const leaveActivity = (client: ClientBase, op: string, kind: string): Promise<unknown> =>
  client.query('insert into shop.activity (op_id, client, kind) values ($1, $2, $3)', [op, op.split('-')[1], kind]);

type Body = (client: ClientBase, op: string, random: Random, size: ShopSize) => Promise<readonly Effect[]>;

const placeOrder: Body = async (client, op, random, size) => {
  const [order] = await touched(
    client,
    'orders',
    'i',
    'insert into shop.orders (customer_id, total, last_op) values ($1, $2, $3) returning id',
    [1 + random.int(size.customers), random.int(90_000) / 100, op],
  );
  if (!order) return [];
  const lines = 1 + random.int(3);
  const products = Array.from({ length: lines }, () => 1 + random.int(size.products));
  const inserted = await touched(
    client,
    'order_line',
    'i',
    `insert into shop.order_line (order_id, line_no, product_id, quantity, unit_price, last_op)
     select $1, n, p, 1 + n % 5, 9.99, $3 from unnest($2::int[]) with ordinality as t(p, n) returning order_id, line_no`,
    [order.key, products, op],
  );
  const paid = await touched(
    client,
    'payment',
    'i',
    "insert into shop.payment (order_id, method, amount, last_op) values ($1, 'card', $2, $3) returning id",
    [order.key, random.int(90_000) / 100, op],
  );
  const stock = await touched(
    client,
    'product',
    'u',
    'update shop.product set stock = stock - 1, version = version + 1, last_op = $2 where id = $1 returning id',
    [products[0], op],
  );
  return [order, ...inserted, ...paid, ...stock];
};

const advanceOrder: Body = (client, op, random, size) =>
  touched(
    client,
    'orders',
    'u',
    `update shop.orders set status = (enum_range(null::shop.order_status))[$2], version = version + 1, last_op = $3
     where id = $1 returning id`,
    [1 + random.int(size.orders), 1 + random.int(6), op],
  );

const changeCustomer: Body = (client, op, random, size) =>
  touched(
    client,
    'customer',
    'u',
    `update shop.customer set preferences = preferences || jsonb_build_object('score', $2::int), version = version + 1,
     last_op = $3 where id = $1 returning id`,
    [1 + random.int(size.customers), random.int(1000), op],
  );

const addAddress: Body = (client, op, random, size) =>
  touched(
    client,
    'address',
    'i',
    "insert into shop.address (customer_id, street, city, last_op) values ($1, $2, 'Köln', $3) returning id",
    [1 + random.int(size.customers), `${random.int(300)} New Street`, op],
  );

const fillCart: Body = async (client, op, random, size) => {
  const cart = await touched(
    client,
    'cart',
    'i',
    "insert into shop.cart (customer_id, visitor, last_op) values ($1, '192.0.2.9', $2) returning id",
    [1 + random.int(size.customers), op],
  );
  const lines = await touched(
    client,
    'cart_line',
    'i',
    `insert into shop.cart_line (cart_id, product_id, quantity, last_op)
     select $1, p, 2, $3 from (select distinct unnest($2::int[]) as p) t returning cart_id, product_id`,
    [cart[0]?.key, [1 + random.int(size.products), 1 + random.int(size.products)], op],
  );
  return [...cart, ...lines];
};

/** The oldest cart that nobody else is emptying: carts come and go, and a delete that was lost would show. */
const emptyCart: Body = async (client, op) => {
  const { rows } = await client.query<{ id: string }>(
    'select id from shop.cart order by id limit 1 for update skip locked',
  );
  const id = rows[0]?.id;
  if (id === undefined) return [];
  const lines = await touched(
    client,
    'cart_line',
    'd',
    'delete from shop.cart_line where cart_id = $1 returning cart_id, product_id',
    [id],
  );
  // Named in the statement log of whoever looks for the op; the row itself is gone.
  const cart = await touched(client, 'cart', 'd', `delete from shop.cart where id = $1 returning id /* ${op} */`, [id]);
  return [...lines, ...cart];
};

const changePrice: Body = (client, op, random, size) =>
  touched(
    client,
    'product',
    'p',
    'update shop.product set price = price + 0.01, version = version + 1, last_op = $2 where id = $1 returning id',
    [1 + random.int(size.products), op],
  );

/** What the batch writer does: several rows of one table in one transaction. */
const markOverdue: Body = (client, op, random, size) =>
  touched(
    client,
    'orders',
    'u',
    `update shop.orders set note = 'overdue', version = version + 1, last_op = $3
     where id = any (select id from shop.orders where id between $1 and $2 order by id for update) returning id`,
    ((start: number) => [start, start + 19, op])(1 + random.int(size.orders)),
  );

const mix: readonly (readonly [kind: string, share: number, body: Body])[] = [
  ['place-order', 28, placeOrder],
  ['advance-order', 25, advanceOrder],
  ['change-customer', 14, changeCustomer],
  ['add-address', 6, addAddress],
  ['fill-cart', 10, fillCart],
  ['empty-cart', 10, emptyCart],
  ['change-price', 5, changePrice],
];

const operation = (kind: string, body: Body, random: Random, size: ShopSize, abandons = false): Operation => ({
  kind,
  abandons,
  run: async (client, op) => {
    const effects = await body(client, op, random, size);
    await leaveActivity(client, op, kind);
    return effects;
  },
});

/** The next thing some customer does; two in a hundred change their mind before the commit. */
export const nextShopOperation = (random: Random, size: ShopSize): Operation => {
  let rest = random.int(100);
  for (const [kind, share, body] of mix) {
    rest -= share;
    if (rest < 0) return operation(kind, body, random, size);
  }
  return operation('abandoned-order', placeOrder, random, size, true);
};

export const nextBatchOperation = (random: Random, size: ShopSize): Operation =>
  operation('mark-overdue', markOverdue, random, size);

/** What a page reads. */
export const shopReads = [
  'select id, full_name, preferences from shop.customer where id = $1',
  'select o.id, o.status, o.total, l.product_id, l.quantity from shop.orders o join shop.order_line l on l.order_id = o.id where o.id = $1',
  'select id, title, price, stock from shop.product where id = 1 + $1 % 20',
] as const;

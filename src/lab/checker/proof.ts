/** Holds the diary against the database that writes: nothing acknowledged is missing, nothing happened twice. */
import pg from 'pg';
import { type ShopTable, shopKeys } from '../shop/schema.ts';
import { keyTextSql } from '../workload/generic.ts';
import type { Effect, OpRecord } from '../workload/op-log.ts';
import type { Report } from './violation.ts';

export interface WriteProof {
  /** Acknowledged writes, or parts of them, that the database does not have. */
  readonly lost: number;
  /** Writes, or parts of them, that it has more often than they were made. */
  readonly duplicated: number;
}

/** How often each op id stands in the table that gets one row per transaction. */
const presence = async (client: pg.Client, table: string): Promise<ReadonlyMap<string, number>> => {
  const { rows } = await client.query<[string, number]>({
    text: `select op_id, count(*)::int from ${table} group by op_id`,
    rowMode: 'array',
  });
  return new Map(rows);
};

interface Tally {
  lost: number;
  duplicated: number;
}

/**
 * The transaction's own row decides an indeterminate write: it committed with everything else or not at all.
 * What replication may then have torn apart is looked for row by row.
 */
const judgeOps = (
  ops: readonly OpRecord[],
  present: ReadonlyMap<string, number>,
  report: Report,
  tally: Tally,
): readonly OpRecord[] => {
  const happened: OpRecord[] = [];
  for (const op of ops) {
    const count = present.get(op.op) ?? 0;
    if (op.outcome === 'refused') {
      if (count > 0) report('refused-write-present', `${op.op} was ${op.code ?? 'refused'} and is there`);
      continue;
    }
    if (count > 1) {
      tally.duplicated++;
      report('write-doubled', `${op.op} is there ${count} times`);
    }
    if (count === 0 && op.outcome === 'acknowledged') {
      tally.lost++;
      report(
        'write-lost',
        `${op.op} was acknowledged by ${op.server} at ${new Date(op.at).toISOString()} and is not there`,
      );
    }
    if (count > 0) happened.push(op);
  }
  const told = new Set(ops.map((op) => op.op));
  for (const op of present.keys())
    if (!told.has(op)) report('write-unknown', `${op} is in the database and in no diary`);
  return happened;
};

interface ExpectedRow {
  deleted: boolean;
  updates: number;
}

const foldRows = (ops: readonly OpRecord[], table: string): ReadonlyMap<string, ExpectedRow> => {
  const rows = new Map<string, ExpectedRow>();
  for (const { effects } of ops)
    for (const effect of effects) {
      if (effect.table !== table) continue;
      const row = rows.get(effect.key) ?? { deleted: false, updates: 0 };
      if (effect.kind === 'd') row.deleted = true;
      if (effect.kind === 'u' || effect.kind === 'p') row.updates++;
      rows.set(effect.key, row);
    }
  return rows;
};

interface FoundRow {
  readonly count: number;
  readonly version: number;
}

const keysPerQuestion = 5000;

/** Counted, not fetched by a unique index: a target that lost its index could hold a row twice. */
const findRows = async (client: pg.Client, table: ShopTable, keys: readonly string[]) => {
  const columns = shopKeys[table];
  const found = new Map<string, FoundRow>();
  const name = columns.map(([column]) => `t.${column}`).join(` || '/' || `);
  const unnest = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ');
  const alias = columns.map(([column]) => column).join(', ');
  for (let start = 0; start < keys.length; start += keysPerQuestion) {
    const some = keys.slice(start, start + keysPerQuestion).map((key) => key.split('/'));
    const { rows } = await client.query<[string, number, number]>({
      text: `select ${name} || '', count(*)::int, max(t.version)::int from unnest(${unnest}) as k(${alias})
             join shop.${table} t using (${alias}) group by 1`,
      values: columns.map((_, index) => some.map((parts) => parts[index])),
      rowMode: 'array',
    });
    for (const [key, count, version] of rows) found.set(key, { count, version });
  }
  return found;
};

const judgeRow = (
  name: string,
  expected: ExpectedRow,
  found: FoundRow | undefined,
  report: Report,
  tally: Tally,
): void => {
  const lose = (count: number, why: string): void => {
    tally.lost += count;
    report('write-lost', `${name} ${why}`);
  };
  const double = (count: number, why: string): void => {
    tally.duplicated += count;
    report('write-doubled', `${name} ${why}`);
  };
  if (expected.deleted) {
    if (found) lose(1, 'was deleted and is there');
    return;
  }
  if (!found) {
    lose(1, 'is not there');
    return;
  }
  if (found.count > 1) double(found.count - 1, `is there ${found.count} times`);
  const difference = found.version - expected.updates;
  if (difference < 0) lose(-difference, `was updated ${expected.updates} times and shows ${found.version}`);
  if (difference > 0) double(difference, `was updated ${expected.updates} times and shows ${found.version}`);
};

/** The trigger's rows: one per price change, whatever side it was made on. */
const judgePrices = async (
  client: pg.Client,
  ops: readonly OpRecord[],
  report: Report,
  tally: Tally,
): Promise<void> => {
  const { rows } = await client.query<[string | null, number]>({
    text: 'select op, count(*)::int from shop.price_history group by op',
    rowMode: 'array',
  });
  const found = new Map(rows);
  for (const { op, effects } of ops) {
    const expected = effects.filter((effect) => effect.kind === 'p').length;
    const count = found.get(op) ?? 0;
    if (count < expected) {
      tally.lost += expected - count;
      report('write-lost', `price_history has ${count} rows of ${op}, not ${expected}`);
    }
    if (count > expected) {
      tally.duplicated += count - expected;
      report('write-doubled', `price_history has ${count} rows of ${op}, not ${expected}`);
    }
  }
};

/** Against the database that is the writer, at rest. */
export const proveShopWrites = async (
  client: pg.Client,
  ops: readonly OpRecord[],
  report: Report,
): Promise<WriteProof> => {
  const tally: Tally = { lost: 0, duplicated: 0 };
  const happened = judgeOps(ops, await presence(client, 'shop.activity'), report, tally);
  for (const table of Object.keys(shopKeys) as ShopTable[]) {
    const expected = foldRows(happened, table);
    const found = await findRows(client, table, [...expected.keys()]);
    for (const [key, row] of expected) judgeRow(`shop.${table} ${key}`, row, found.get(key), report, tally);
  }
  await judgePrices(client, happened, report, tally);
  return tally;
};

/** The last write that happened to each row is what the row must hold: each row has one client, and a client writes in order. */
const lastSets = (ops: readonly OpRecord[]): ReadonlyMap<string, { readonly effect: Effect; readonly op: string }> => {
  const last = new Map<string, { effect: Effect; op: string }>();
  for (const { op, effects } of ops)
    for (const effect of effects) if (effect.kind === 's') last.set(`${effect.table} ${effect.key}`, { effect, op });
  return last;
};

export const proveGenericWrites = async (
  client: pg.Client,
  ops: readonly OpRecord[],
  report: Report,
): Promise<WriteProof> => {
  const tally: Tally = { lost: 0, duplicated: 0 };
  const happened = judgeOps(ops, await presence(client, 'lab.ledger'), report, tally);
  const byTable = new Map<string, { key: string; column: string; op: string }[]>();
  for (const { effect, op } of lastSets(happened).values()) {
    const list = byTable.get(effect.table) ?? [];
    list.push({ key: effect.key, column: effect.column ?? '', op });
    byTable.set(effect.table, list);
  }
  for (const [table, expected] of byTable) {
    const column = expected[0]?.column ?? '';
    const { rows: keys } = await client.query<{ name: string }>(
      `select a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
       where i.indrelid = $1::regclass and i.indisprimary order by array_position(i.indkey::int2[], a.attnum)`,
      [table],
    );
    const key = keys.map(({ name }) => `${pg.escapeIdentifier(name)}::text`).join(', ');
    await client.query(`begin; ${keyTextSql}`);
    const { rows } = await client.query<string[]>({
      text: `select ${pg.escapeIdentifier(column)}, ${key} from ${table}`,
      rowMode: 'array',
    });
    await client.query('commit');
    const found = new Map<string, string[]>();
    for (const [value = '', ...values] of rows) {
      const name = JSON.stringify(values);
      found.set(name, [...(found.get(name) ?? []), value]);
    }
    for (const one of expected) {
      const values = found.get(one.key) ?? [];
      if (values.length > 1) {
        tally.duplicated += values.length - 1;
        report('write-doubled', `${table} ${one.key} is there ${values.length} times`);
      }
      if (values[0] === one.op) continue;
      tally.lost++;
      report('write-lost', `${table} ${one.key} holds ${values[0] ?? 'nothing'} and was last set by ${one.op}`);
    }
  }
  return tally;
};

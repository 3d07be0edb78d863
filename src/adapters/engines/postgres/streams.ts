/** Slots of a PostgreSQL database and octank's own change feed: a publication of a wave's tables and a slot that reads it. */
import { createHash } from 'node:crypto';
import { Fault } from '../../../model/fault.ts';
import type { Position } from '../../../model/position.ts';
import { quoteIdent, quoteTable } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { ChangeStreams, SlotState } from '../../../ports/change-streams.ts';
import type { Connections } from './connections.ts';
import { createControl, markerTable } from './control.ts';
import { sqlState } from './errors.ts';
import { openFeed } from './feed.ts';
import { comparePositions } from './lsn.ts';
import { keyColumnsExpression, missingTables, nameArrays, type Relation, tableMissing, treeCte } from './relations.ts';

/** A slot waits for every transaction that is open when it is made. */
const slotTimeoutMs = 50_000;
/** A reader that has gone needs a moment to be noticed. */
const releaseMs = 10_000;
const pollMs = 100;

const logEnd = 'CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END';

interface SlotRow {
  readonly name: string;
  readonly plugin: string;
  readonly active: boolean;
  readonly confirmed: string | null;
  readonly retained: string;
  readonly status: string | null;
}

const slotsQuery = `
  SELECT s.slot_name AS name, s.plugin, s.active, s.confirmed_flush_lsn::text AS confirmed,
    greatest(0, coalesce(pg_wal_lsn_diff(${logEnd}, s.restart_lsn), 0))::bigint::text AS retained, to_jsonb(s)->>'wal_status' AS status
  FROM pg_replication_slots s WHERE s.slot_type = 'logical' AND s.database = current_database() ORDER BY 1`;

const readSlots = async (connections: Connections): Promise<readonly SlotState[]> =>
  (await connections.query<SlotRow>(slotsQuery)).map((row) => ({
    name: row.name,
    plugin: row.plugin,
    active: row.active,
    confirmed: row.confirmed as Position | null,
    retainedBytes: Number(row.retained),
    walStatus: row.status ?? 'reserved',
  }));

const findSlot = async (connections: Connections, name: string): Promise<SlotState | undefined> =>
  (await readSlots(connections)).find((slot) => slot.name === name);

const causeState = (error: unknown): string | undefined => (error instanceof Fault ? sqlState(error.cause) : undefined);

const createSlot = async (
  connections: Connections,
  { name, plugin }: Parameters<ChangeStreams['createSlot']>[0],
): Promise<Position> => {
  const present = await findSlot(connections, name);
  if (present && present.plugin !== plugin)
    throw new Fault({
      code: 'slot.conflict',
      summary: 'A slot of that name exists with another plugin.',
      detail: `${name} uses ${present.plugin}, wanted ${plugin}.`,
      hint: `Drop it if nobody needs it: SELECT pg_drop_replication_slot('${name}').`,
    });
  if (present?.confirmed) return present.confirmed;
  try {
    const [made] = await connections.effect(
      (tx) =>
        tx.query<{ lsn: Position }>('SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot($1, $2)', [
          name,
          plugin,
        ]),
      { lockTimeoutMs: slotTimeoutMs, timeoutMs: slotTimeoutMs },
    );
    if (made) return made.lsn;
  } catch (error) {
    if (!(error instanceof Fault) || (error.code !== 'database.timeout' && error.code !== 'database.locked'))
      throw error;
    throw new Fault({
      code: 'slot.waits',
      summary: 'A slot could not be made, because transactions stay open.',
      detail: name,
      hint: 'End the long transactions (also prepared ones, of any database of the server), then apply again.',
      effect: 'none',
      cause: error,
    });
  }
  throw new Error('creating a slot answers with its position');
};

/** Repeats while a reader that has just gone still holds the slot. Faults: `slot.active`. */
const whenReleased = async <T>(name: string, attempt: () => Promise<T>): Promise<T> => {
  const deadline = Date.now() + releaseMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (causeState(error) !== '55006') throw error;
      if (Date.now() > deadline)
        throw new Fault({
          code: 'slot.active',
          summary: 'A slot is still being read.',
          detail: name,
          hint: 'Stop its reader, then apply again.',
          effect: 'none',
          cause: error,
        });
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
};

const advanceSlot = async (connections: Connections, name: string): Promise<Position> => {
  try {
    const [moved] = await whenReleased(name, () =>
      connections.effect(
        (tx) =>
          tx.query<{ lsn: Position }>(
            'SELECT end_lsn::text AS lsn FROM pg_replication_slot_advance($1, pg_current_wal_flush_lsn())',
            [name],
          ),
        { timeoutMs: slotTimeoutMs },
      ),
    );
    if (moved) return moved.lsn;
  } catch (error) {
    // It is already there: a slot refuses to move backwards.
    const slot = causeState(error) === '55000' ? await findSlot(connections, name) : undefined;
    if (slot?.confirmed && slot.walStatus !== 'lost') return slot.confirmed;
    throw error;
  }
  throw new Error('advancing a slot answers with its position');
};

const dropSlot = async (connections: Connections, name: string): Promise<void> => {
  if (!(await findSlot(connections, name))) return;
  await whenReleased(name, () =>
    connections.effect((tx) => tx.query('SELECT pg_drop_replication_slot($1)', [name])),
  ).catch((error: unknown) => {
    if (causeState(error) !== '42704') throw error;
  });
};

/** The run's lineage is in the name, so that runs do not read each other's feeds; lower case and short, as slots must be. */
export const feedNames = (lineage: string, wave: string) => {
  const slug = wave
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 24);
  const digest = createHash('sha256').update(`${lineage}\n${wave}`).digest('hex').slice(0, 10);
  const name = `octank_feed_${slug}_${digest}`;
  return { slot: name, publication: name, keyless: `${name}_ins` };
};

interface Published extends Relation {
  readonly has_identity: boolean;
}

const publishedQuery = `
  WITH RECURSIVE ${treeCte}
  SELECT c.oid, n.nspname AS schema, c.relname AS table, c.relkind,
    c.relreplident = 'f' OR c.relreplident <> 'n' AND cardinality(${keyColumnsExpression('c.oid')}) > 0 AS has_identity
  FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' ORDER BY 2, 3`;

const publicationExists = async (connections: Connections, name: string): Promise<boolean> =>
  (await connections.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [name])).length > 0;

/*
 * Publishing UPDATE of a table without a replica identity makes the application's own UPDATE fail. Such tables go into a publication
 * of their own that carries inserts and truncates only.
 */
const publish = async (connections: Connections, wave: string, tables: readonly TableName[]): Promise<void> => {
  const names = feedNames(connections.lineage, wave);
  const rows = await connections.query<Published>(publishedQuery, nameArrays(tables));
  const present = await connections.query<Relation>(
    `WITH RECURSIVE ${treeCte} SELECT n.nspname AS schema, c.relname AS table FROM tree
     JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace`,
    nameArrays(tables),
  );
  const missing = missingTables(tables, present);
  if (missing.length > 0) throw tableMissing(missing);
  const list = (relations: readonly TableName[]): string =>
    relations.map((relation) => `ONLY ${quoteTable(relation)}`).join(', ');
  const keyed = [...rows.filter((row) => row.has_identity), markerTable('forward'), markerTable('reverse')];
  const keyless = rows.filter((row) => !row.has_identity);
  const [hasMain, hasKeyless] = await Promise.all([
    publicationExists(connections, names.publication),
    publicationExists(connections, names.keyless),
  ]);
  await connections.effect(async (tx) => {
    await createControl(tx);
    const main = quoteIdent(names.publication);
    await tx.query(
      hasMain
        ? `ALTER PUBLICATION ${main} SET TABLE ${list(keyed)}`
        : `CREATE PUBLICATION ${main} FOR TABLE ${list(keyed)}`,
    );
    const own = quoteIdent(names.keyless);
    if (!hasKeyless) await tx.query(`CREATE PUBLICATION ${own} WITH (publish = 'insert, truncate')`);
    if (keyless.length > 0) await tx.query(`ALTER PUBLICATION ${own} SET TABLE ${list(keyless)}`);
  });
};

const isUsable = (slot: SlotState | undefined): slot is SlotState =>
  slot !== undefined && slot.plugin === 'pgoutput' && slot.walStatus !== 'lost';

const feedExists = async (connections: Connections, wave: string): Promise<boolean> => {
  const names = feedNames(connections.lineage, wave);
  const [slot, main, keyless] = await Promise.all([
    findSlot(connections, names.slot),
    publicationExists(connections, names.publication),
    publicationExists(connections, names.keyless),
  ]);
  return isUsable(slot) && main && keyless;
};

const createFeed = async (
  connections: Connections,
  { wave, tables }: Parameters<ChangeStreams['createFeed']>[0],
): Promise<{ slot: string; position: Position }> => {
  const { slot } = feedNames(connections.lineage, wave);
  await publish(connections, wave, tables);
  const present = await findSlot(connections, slot);
  // What a lost slot would have told is gone; the caller was told by feedExists, and checks in full.
  if (present && !isUsable(present)) await dropSlot(connections, slot);
  // After the publication: decoding looks it up as of the position it reads.
  return { slot, position: await createSlot(connections, { name: slot, plugin: 'pgoutput' }) };
};

const dropFeed = async (connections: Connections, wave: string): Promise<void> => {
  const names = feedNames(connections.lineage, wave);
  await dropSlot(connections, names.slot);
  const exists = await Promise.all(
    [names.publication, names.keyless].map((name) => publicationExists(connections, name)),
  );
  if (!exists.includes(true)) return;
  await connections.effect((tx) =>
    tx.query(
      `DROP PUBLICATION IF EXISTS ${quoteIdent(names.publication)}; DROP PUBLICATION IF EXISTS ${quoteIdent(names.keyless)}`,
    ),
  );
};

export const postgresStreams = (connections: Connections): ChangeStreams => ({
  currentPosition: async () => {
    const [row] = await connections.query<{ lsn: Position }>(`SELECT (${logEnd})::text AS lsn`);
    if (!row) throw new Error('the log has an end');
    return row.lsn;
  },
  compare: comparePositions,
  slots: () => readSlots(connections),
  createSlot: (options) => createSlot(connections, options),
  advanceSlot: (name) => advanceSlot(connections, name),
  dropSlot: (name) => dropSlot(connections, name),
  createFeed: (options) => createFeed(connections, options),
  feedExists: (wave) => feedExists(connections, wave),
  openFeed: ({ wave }) => {
    const names = feedNames(connections.lineage, wave);
    return openFeed(connections, { slot: names.slot, publications: [names.publication, names.keyless] });
  },
  dropFeed: (wave) => dropFeed(connections, wave),
});

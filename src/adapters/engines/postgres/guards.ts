/** The fence's triggers: put on each table of a wave with short locks, found again in the catalog, and taken off. */
import { createHash } from 'node:crypto';
import { Fault } from '../../../model/fault.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../../../model/postgres-quote.ts';
import { type TableName, tableKey } from '../../../model/table.ts';
import type { Connections, Tx } from './connections.ts';
import {
  missingTables,
  nameArrays,
  parentsOutside,
  type Relation,
  relationsOfTree,
  subscribedTables,
  tableMissing,
  treeCte,
} from './relations.ts';

/** Creating a trigger waits for writers while later writers wait behind it: so it waits briefly, and tries again. */
export interface Patience {
  readonly lockTimeoutMs: number;
  readonly attempts: number;
  readonly pauseMs: number;
}

export const defaultPatience: Patience = { lockTimeoutMs: 1_000, attempts: 15, pauseMs: 400 };

/** One pair per wave, so that two waves' fences on one table do not mix; `octank_fence` is what schema copies skip. */
export const triggerNames = (wave: string): { readonly write: string; readonly truncate: string } => {
  const suffix = createHash('sha256').update(wave).digest('hex').slice(0, 10);
  return { write: `octank_fence_write_${suffix}`, truncate: `octank_fence_truncate_${suffix}` };
};

// tgtype bits: BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32; statement level is the absence of 1.
const isGuarded = `
  (SELECT pg_catalog.count(*) = 2 FROM pg_catalog.pg_trigger g
   WHERE g.tgrelid = tree.oid AND g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr = ''::int2vector
     AND g.tgfoid = pg_catalog.to_regprocedure('octank.fence_guard()')
     AND g.tgargs = pg_catalog.convert_to($3, pg_catalog.getdatabaseencoding()) || '\\x00'::bytea
     AND (g.tgname, g.tgtype) IN (($4, 30), ($5, 34)))`;

const unguardedQuery = `
  WITH RECURSIVE ${treeCte}
  SELECT n.nspname AS schema, c.relname AS table
  FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT ${isGuarded} ORDER BY 1, 2`;

/** Tables of the wave, and partitions below them, that a write could reach without meeting the fence. */
export const readUnguarded = async (
  connections: Connections,
  wave: string,
  tables: readonly TableName[],
): Promise<readonly TableName[]> => {
  const names = triggerNames(wave);
  const [open, present] = await Promise.all([
    connections.query<TableName>(unguardedQuery, [...nameArrays(tables), wave, names.write, names.truncate]),
    connections.query<Relation>(relationsOfTree, nameArrays(tables)),
  ]);
  return [...open.map(({ schema, table }) => ({ schema, table })), ...missingTables(tables, present)];
};

/** What no statement trigger can stop is refused before anyone relies on the fence. */
export const requireFenceable = async (connections: Connections, tables: readonly TableName[]): Promise<void> => {
  const [present, parents, subscribed] = await Promise.all([
    connections.query<Relation>(relationsOfTree, nameArrays(tables)),
    connections.query<TableName>(parentsOutside, nameArrays(tables)),
    connections.query<TableName>(subscribedTables, nameArrays(tables)),
  ]);
  const missing = missingTables(tables, present);
  if (missing.length > 0) throw tableMissing(missing);
  if (parents.length > 0)
    throw new Fault({
      code: 'fence.parent-outside',
      summary: 'A table of the wave can be written through a parent table that is outside of it.',
      detail: parents.map(tableKey).join(', '),
      hint: 'Move the parent and all its partitions in one wave.',
    });
  if (subscribed.length > 0)
    throw new Fault({
      code: 'fence.subscription',
      summary: 'A native subscription writes a table of the wave, and its workers pass by the fence.',
      detail: subscribed.map(tableKey).join(', '),
      hint: 'Drop the subscription, or exclude the table.',
    });
};

const guardStatements = (wave: string, table: TableName): string => {
  const { write, truncate } = triggerNames(wave);
  const on = quoteTable(table);
  const execute = `FOR EACH STATEMENT EXECUTE FUNCTION octank.fence_guard(${quoteLiteral(wave)})`;
  // ONLY: enabling must not descend into partitions, which have triggers of their own. ALWAYS: replica sessions fire it too.
  return [
    `DROP TRIGGER IF EXISTS ${write} ON ${on}`,
    `DROP TRIGGER IF EXISTS ${truncate} ON ${on}`,
    `CREATE TRIGGER ${write} BEFORE INSERT OR UPDATE OR DELETE ON ${on} ${execute}`,
    `CREATE TRIGGER ${truncate} BEFORE TRUNCATE ON ${on} ${execute}`,
    `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${write}`,
    `ALTER TABLE ONLY ${on} ENABLE ALWAYS TRIGGER ${truncate}`,
  ].join('; ');
};

const isLocked = (error: unknown): boolean => error instanceof Fault && error.code === 'database.locked';

/** Repeats a short effect while a lock is in the way. Faults: `fence.locked` with who holds it. */
const withShortLocks = async (
  connections: Connections,
  { lockTimeoutMs, attempts, pauseMs }: Patience,
  table: TableName,
  run: (tx: Tx) => Promise<unknown>,
): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connections.effect(run, { lockTimeoutMs });
      return;
    } catch (error) {
      if (!isLocked(error)) throw error;
      if (attempt === attempts) throw await lockedFault(connections, table, error);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
};

const lockedFault = async (connections: Connections, table: TableName, cause: unknown): Promise<Fault> => {
  const holders = await connections.query<{ pid: number | null; role: string | null; application: string | null }>(
    `SELECT DISTINCT l.pid, a.usename AS role, a.application_name AS application
     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND l.relation = pg_catalog.to_regclass($1) AND l.mode LIKE '%Exclusive%'`,
    [quoteTable(table)],
  );
  const named = holders.map((h) => (h.pid === null ? 'a prepared transaction' : `pid ${h.pid} of ${h.role ?? '?'}`));
  return new Fault({
    code: 'fence.locked',
    summary: 'A table stayed locked, so its fence could not be put in place.',
    detail: `${tableKey(table)}: held by ${named.join(', ') || 'someone who has just let go'}.`,
    hint: 'Wait for that transaction or end it, then apply again.',
    effect: 'none',
    cause,
  });
};

/** Triggers on every table of the wave and below; those that stand as they should are left alone. */
export const putGuards = async (
  connections: Connections,
  options: { readonly wave: string; readonly tables: readonly TableName[]; readonly patience: Patience },
): Promise<void> => {
  const { wave, tables, patience } = options;
  for (const table of await readUnguarded(connections, wave, tables))
    await withShortLocks(connections, patience, table, (tx) => tx.query(guardStatements(wave, table)));
};

/** Takes the wave's triggers off whatever table they are on. */
export const removeGuards = async (connections: Connections, wave: string, patience: Patience): Promise<void> => {
  const { write, truncate } = triggerNames(wave);
  const guarded = await connections.query<TableName>(
    `SELECT DISTINCT n.nspname AS schema, c.relname AS table
     FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE g.tgname IN ($1, $2)`,
    [write, truncate],
  );
  for (const table of guarded) {
    const on = quoteTable(table);
    await withShortLocks(connections, patience, table, (tx) =>
      tx.query(
        `DROP TRIGGER IF EXISTS ${quoteIdent(write)} ON ${on}; DROP TRIGGER IF EXISTS ${quoteIdent(truncate)} ON ${on}`,
      ),
    );
  }
};

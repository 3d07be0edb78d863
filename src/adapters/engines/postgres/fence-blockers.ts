/** Who may still write through a closed fence: transactions older than the flip; and the end of sessions that could write. */
import type { TableName } from '../../../model/table.ts';
import type { Blocker } from '../../../ports/fence.ts';
import type { Connections } from './connections.ts';
import { triggerNames } from './guards.ts';
import { nameArrays, treeCte } from './relations.ts';

interface BlockerRow {
  readonly kind: 'session' | 'prepared';
  readonly id: string;
  readonly role: string;
  readonly application: string;
  readonly age: number;
}

/*
 * xact_start, not transaction ids: a READ COMMITTED writer between two statements shows no snapshot, and may have taken its id after
 * the flip took its own. A session hidden from us counts as one: hidden is not absent. A prepared transaction counts when it is older,
 * or holds a write lock on a guarded table: it may have begun before the flip and been prepared after it.
 */
const blockersQuery = `
  WITH f AS (SELECT exempt, flip_at FROM octank.fence WHERE wave = $1),
  guarded AS (SELECT DISTINCT g.tgrelid AS oid FROM pg_trigger g WHERE g.tgname = $2)
  SELECT 'session' AS kind, a.pid::text AS id, coalesce(a.usename::text, '?') AS role, coalesce(a.application_name, '') AS application,
    coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start)), 0)::float8 AS age
  FROM pg_stat_activity a, f
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND NOT coalesce(a.usename::text = ANY (f.exempt), false)
    AND coalesce(a.backend_type, '') NOT IN ('walsender', 'autovacuum worker', 'autovacuum launcher', 'parallel worker', 'logical replication launcher')
    AND (f.flip_at IS NULL AND a.xact_start IS NOT NULL OR a.xact_start <= f.flip_at OR a.query = '<insufficient privilege>')
  UNION ALL
  SELECT 'prepared', p.gid, p.owner::text, '', extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_prepared_xacts p, f
  WHERE p.database = current_database() AND NOT p.owner::text = ANY (f.exempt)
    AND (f.flip_at IS NULL OR p.prepared <= f.flip_at OR EXISTS (
      SELECT 1 FROM pg_locks own JOIN pg_locks held ON held.virtualtransaction = own.virtualtransaction AND held.pid IS NULL
      WHERE own.locktype = 'transactionid' AND own.transactionid = p.transaction AND own.pid IS NULL
        AND held.relation IN (SELECT oid FROM guarded) AND held.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
  ORDER BY 5 DESC`;

const asBlocker = ({ kind, id, role, application, age }: BlockerRow): Blocker => ({
  kind,
  id,
  role,
  application,
  ageSeconds: age,
});

export const readBlockers = async (connections: Connections, wave: string): Promise<readonly Blocker[]> =>
  (await connections.query<BlockerRow>(blockersQuery, [wave, triggerNames(wave).write])).map(asBlocker);

// One loop in the server: a session that we may not end (a superuser's) must not keep us from ending the others; it is fenced anyway.
const endQuery = `
  WITH RECURSIVE ${treeCte}
  SELECT a.pid FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND coalesce(a.backend_type, '') NOT IN ('walsender', 'parallel worker') AND a.backend_type NOT LIKE 'autovacuum%'
    AND r.rolname <> session_user AND NOT r.rolname = ANY (coalesce((SELECT exempt FROM octank.fence WHERE wave = $3), '{}'))
    AND (NOT r.rolsuper OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
    AND EXISTS (SELECT 1 FROM tree WHERE has_table_privilege(r.oid, tree.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      OR has_any_column_privilege(r.oid, tree.oid, 'INSERT, UPDATE'))`;

export const endWriterSessions = (
  connections: Connections,
  { wave, tables }: { readonly wave: string; readonly tables: readonly TableName[] },
): Promise<number> =>
  connections.effect(async (tx) => {
    const sessions = await tx.query<{ pid: number }>(endQuery, [...nameArrays(tables), wave]);
    let ended = 0;
    for (const { pid } of sessions) {
      await tx.query('SAVEPOINT one');
      try {
        const [answer] = await tx.query<{ ended: boolean }>('SELECT pg_terminate_backend($1) AS ended', [pid]);
        if (answer?.ended) ended += 1;
        await tx.query('RELEASE one');
      } catch {
        // Reserved for another role: its writes are refused by the fence, and its open transaction shows as a blocker.
        await tx.query('ROLLBACK TO one');
      }
    }
    return ended;
  });

/** Who is connected to a PostgreSQL database, who may write a wave's tables, and what stays open too long. */
import { Fault } from '../../../model/fault.ts';
import { quoteLiteral } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { Blocker } from '../../../ports/fence.ts';
import type { Sessions, WriterSeen } from '../../../ports/signals.ts';
import type { Connections } from './connections.ts';
import { driverError } from './errors.ts';
import { nameArrays, treeCte } from './relations.ts';

// Roles that may log in and write, whether seen or not, and everyone who is connected. rdsadmin is the provider's own superuser.
const writersQuery = `
  WITH RECURSIVE ${treeCte},
  writers AS (
    SELECT r.oid, r.rolname FROM pg_roles r
    WHERE r.rolcanlogin AND r.rolname NOT IN (session_user, current_user, 'rdsadmin') AND has_database_privilege(r.oid, current_database(), 'CONNECT')
      AND EXISTS (SELECT 1 FROM tree WHERE has_table_privilege(r.oid, tree.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(r.oid, tree.oid, 'INSERT, UPDATE'))),
  seen AS (
    SELECT a.usesysid AS oid, a.usename::text AS role, coalesce(a.application_name, '') AS application,
      count(*)::int AS sessions, array_agg(DISTINCT host(a.client_addr)) FILTER (WHERE a.client_addr IS NOT NULL) AS clients
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename IS NOT NULL AND a.usename NOT IN (session_user, current_user)
      AND coalesce(a.backend_type, 'client backend') NOT IN ('walsender', 'parallel worker')
    GROUP BY 1, 2, 3)
  SELECT coalesce(seen.role, writers.rolname::text) AS role, coalesce(seen.application, '') AS application,
    coalesce(seen.clients, '{}')::text[] AS clients, coalesce(seen.sessions, 0) AS sessions, writers.oid IS NOT NULL AS may_write
  FROM seen FULL JOIN writers ON writers.oid = seen.oid
  ORDER BY 1, 2`;

interface WriterRow {
  readonly role: string;
  readonly application: string;
  readonly clients: readonly string[];
  readonly sessions: number;
  readonly may_write: boolean;
}

// A session hidden from us may be old: it is named with the age of its connection.
const longQuery = `
  SELECT 'session' AS kind, a.pid::text AS id, coalesce(a.usename::text, '?') AS role, coalesce(a.application_name, '') AS application,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8 AS age
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND NOT (a.usename = session_user AND a.application_name = 'octank')
    AND coalesce(a.backend_type, '') NOT IN ('walsender', 'autovacuum worker', 'autovacuum launcher', 'parallel worker')
    AND (a.xact_start < clock_timestamp() - $1 * interval '1s'
      OR a.query = '<insufficient privilege>' AND a.backend_start < clock_timestamp() - $1 * interval '1s')
  UNION ALL
  SELECT 'prepared', p.gid, p.owner::text, '', extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_prepared_xacts p
  WHERE p.database = current_database() AND p.prepared < clock_timestamp() - $1 * interval '1s'
  ORDER BY 5 DESC`;

interface LongRow {
  readonly kind: Blocker['kind'];
  readonly id: string;
  readonly role: string;
  readonly application: string;
  readonly age: number;
}

// A busy session tells its counts once a second, an idle one ten seconds after its last transaction: the number lags, and only grows.
const writeCountQuery = `
  WITH RECURSIVE ${treeCte}
  SELECT coalesce(sum(pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid)), 0)::text AS rows
  FROM (SELECT DISTINCT oid FROM tree) AS t`;

const writeCount = async (connections: Connections, tables: readonly TableName[]): Promise<number> => {
  const [row] = await connections.query<{ rows: string }>(writeCountQuery, nameArrays(tables));
  return Number(row?.rows ?? 0);
};

/** What the role's own connection would have as search path; octank's is empty. */
const pathQuery = `
  SELECT substr(entry, length('search_path=') + 1) AS path
  FROM pg_db_role_setting s JOIN pg_roles r ON r.rolname = $1
  CROSS JOIN LATERAL unnest(s.setconfig) AS entry
  WHERE entry LIKE 'search_path=%' AND s.setrole IN (r.oid, 0)
    AND s.setdatabase IN ((SELECT oid FROM pg_database WHERE datname = current_database()), 0)
  ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1`;

const tryAs = async (
  connections: Connections,
  { role, statement }: Parameters<Sessions['tryAs']>[0],
): Promise<string | null> => {
  const [own] = await connections.query<{ path: string }>(pathQuery, [role]);
  try {
    await connections.rolledBack(
      async (tx) => {
        await tx.query(`SELECT set_config('role', $1, true), set_config('search_path', $2, true)`, [
          role,
          own?.path ?? '"$user", public',
        ]);
        // Inside a block no COMMIT of the statement can end the transaction that is to be rolled back.
        await tx.query(`DO ${quoteLiteral(`BEGIN EXECUTE ${quoteLiteral(statement)}; END`)}`);
      },
      { lockTimeoutMs: 2_000, timeoutMs: 10_000 },
    );
    return null;
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'database.connection-lost' || error.cause === undefined)
      throw error;
    return driverError(error.cause).message;
  }
};

export const postgresSessions = (connections: Connections): Sessions => ({
  writers: async (tables) =>
    (await connections.query<WriterRow>(writersQuery, nameArrays(tables))).map(
      ({ may_write, ...row }): WriterSeen => ({ ...row, mayWrite: may_write }),
    ),
  longTransactions: async (seconds) =>
    (await connections.query<LongRow>(longQuery, [seconds])).map(({ age, ...row }) => ({ ...row, ageSeconds: age })),
  countOf: async (role) => {
    const [row] = await connections.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 AND application_name <> 'octank'`,
      [role],
    );
    return row?.n ?? 0;
  },
  writeCount: (tables) => writeCount(connections, tables),
  tryAs: (options) => tryAs(connections, options),
});

/** What preflight judges about a PostgreSQL server, read in two round trips; rights are tried where no catalog tells. */
import type { ServerFacts } from '../../../ports/database.ts';
import type { Connections } from './connections.ts';
import { sqlState } from './errors.ts';

// to_jsonb of a catalog row reads columns that older versions lack as null.
const query = `
  SELECT
    current_setting('server_version') AS version,
    d.datname AS database,
    d.oid::text || '@' || extract(epoch FROM pg_postmaster_start_time())::text AS instance,
    r.rolname AS role_name,
    r.rolsuper AS superuser,
    r.rolreplication OR coalesce((SELECT pg_has_role(r.oid, m.oid, 'MEMBER') FROM pg_roles m WHERE m.rolname = 'rds_replication'), false) AS replication,
    has_database_privilege(d.oid, 'CREATE') AS may_create,
    pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE') AS may_see,
    pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS may_end,
    current_setting('wal_level') AS wal_level,
    current_setting('max_replication_slots')::int AS max_slots,
    (SELECT count(*)::int FROM pg_replication_slots) AS used_slots,
    current_setting('max_wal_senders')::int AS max_senders,
    coalesce((SELECT CASE WHEN s.setting::bigint < 0 THEN -1 ELSE s.setting::bigint * 1024 * 1024 END
              FROM pg_settings s WHERE s.name = 'max_slot_wal_keep_size'), -1)::text AS slot_keep,
    current_setting('max_prepared_transactions')::int AS max_prepared,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only,
    coalesce((SELECT s.reset_val FROM pg_settings s WHERE s.name = 'TimeZone'), '') AS time_zone,
    pg_encoding_to_char(d.encoding) AS encoding,
    d.datcollate || coalesce(' ' || nullif(to_jsonb(d)->>'datlocale', ''), ' ' || nullif(to_jsonb(d)->>'daticulocale', ''), '') AS collation
  FROM pg_database d, pg_roles r
  WHERE d.datname = current_database() AND r.rolname = current_user`;

interface Row {
  readonly version: string;
  readonly database: string;
  readonly instance: string;
  readonly role_name: string;
  readonly superuser: boolean;
  readonly replication: boolean;
  readonly may_create: boolean;
  readonly may_see: boolean;
  readonly may_end: boolean;
  readonly wal_level: string;
  readonly max_slots: number;
  readonly used_slots: number;
  readonly max_senders: number;
  readonly slot_keep: string;
  readonly max_prepared: number;
  readonly read_only: boolean;
  readonly time_zone: string;
  readonly encoding: string;
  readonly collation: string;
}

/** Tried, not looked up: RDS gives the right by a role of its own, PostgreSQL 15 by a grant, before that only to superusers. */
const mayApplyAsReplica = async (connections: Connections): Promise<boolean> => {
  try {
    await connections.rolledBack((tx) => tx.query("SET LOCAL session_replication_role = 'replica'"));
    return true;
  } catch (error) {
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    if (sqlState(cause) === '42501') return false;
    throw error;
  }
};

/** Clones of a cluster share the system identifier; the start time tells them apart. */
const systemIdentifier = async (connections: Connections): Promise<string> => {
  const rows = await connections
    .query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()')
    .catch(() => []);
  return rows[0]?.id ?? '';
};

export const readFacts = async (connections: Connections): Promise<ServerFacts> => {
  const [rows, replica, system] = await Promise.all([
    connections.query<Row>(query),
    mayApplyAsReplica(connections),
    systemIdentifier(connections),
  ]);
  const row = rows[0];
  if (!row) throw new Error('the catalog knows neither the database nor the role of this session');
  return {
    identity: `${system}/${row.instance}`,
    version: row.version,
    database: row.database,
    role: {
      name: row.role_name,
      superuser: row.superuser,
      replication: row.replication || row.superuser,
      mayCreateInDatabase: row.may_create,
      maySeeAllSessions: row.may_see,
      mayEndSessions: row.may_end,
      mayApplyAsReplica: replica,
    },
    walLevel: row.wal_level,
    maxReplicationSlots: row.max_slots,
    usedReplicationSlots: row.used_slots,
    maxWalSenders: row.max_senders,
    maxSlotWalKeepBytes: Number(row.slot_keep),
    maxPreparedTransactions: row.max_prepared,
    readOnly: row.read_only,
    timeZone: row.time_zone,
    encoding: row.encoding,
    collation: row.collation.trim(),
  };
};

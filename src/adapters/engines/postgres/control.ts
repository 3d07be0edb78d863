/** What octank keeps in schema octank of a database: the fence row and its guard, heartbeats, markers, canaries. */
import type { TableName } from '../../../model/table.ts';
import type { Direction } from '../../../ports/signals.ts';
import type { Tx } from './connections.ts';
import { lockControl } from './fencing.ts';

const directions = ['forward', 'reverse'] as const satisfies readonly Direction[];

export const heartbeatTable = (direction: Direction): TableName => ({
  schema: 'octank',
  table: `heartbeat_${direction}`,
});
export const markerTable = (direction: Direction): TableName => ({ schema: 'octank', table: `marker_${direction}` });
export const canaryTable = (direction: Direction): TableName => ({ schema: 'octank', table: `canary_${direction}` });

export const signalTables: readonly TableName[] = directions.flatMap((direction) => [
  heartbeatTable(direction),
  markerTable(direction),
  canaryTable(direction),
]);

export const controlTables: readonly TableName[] = [
  { schema: 'octank', table: 'fencing' },
  { schema: 'octank', table: 'fence' },
  ...signalTables,
];

/** SQLSTATE read_only_sql_transaction: pools and drivers know it as "this is not the writer", and reconnect. */
export const fenceSqlState = '25006';
/** Tells the fence's refusal from any other of that SQLSTATE. */
export const fenceConstraint = 'octank_fence';

// closed_until moves the fence by one row's update. held: permanence was seen to begin inside the lease it replaced.
const fenceTable = `
  CREATE TABLE IF NOT EXISTS octank.fence (
    wave text PRIMARY KEY,
    lineage text NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    closed_until timestamptz NOT NULL DEFAULT '-infinity',
    leased_until timestamptz,
    held boolean NOT NULL DEFAULT false,
    exempt text[] NOT NULL DEFAULT '{}',
    flip_at timestamptz
  );
  GRANT SELECT ON octank.fence TO PUBLIC`;

/*
 * session_user, not current_user: SET ROLE changes the second one only, and a definer function hides it. A missing row refuses: a
 * trigger that stands without its row was tampered with. The probe setting can only make the guard stricter: anyone may set it.
 * VOLATILE, so that each statement reads the newest row; a REPEATABLE READ snapshot does not, and is waited for as a blocker.
 */
const guardFunction = `
  CREATE OR REPLACE FUNCTION octank.fence_guard() RETURNS trigger
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
  DECLARE
    until timestamptz;
    free text[];
    probe text := coalesce(current_setting('octank.probe', true), '');
  BEGIN
    SELECT f.closed_until, f.exempt INTO until, free FROM octank.fence f WHERE f.wave = TG_ARGV[0];
    IF FOUND AND until <= clock_timestamp() AND probe <> 'exempt' THEN
      RETURN NULL;
    END IF;
    IF session_user::text = ANY (free) AND probe <> 'application' THEN
      RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
      ERRCODE = '${fenceSqlState}',
      MESSAGE = format('octank: %s on %I.%I is refused, its writers are moving to another database', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
      HINT = format('Connect again. To lift this fence by hand: UPDATE octank.fence SET closed_until = ''-infinity'' WHERE wave = %L', TG_ARGV[0]),
      CONSTRAINT = '${fenceConstraint}', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
  END
  $guard$`;

// Epoch milliseconds as bigint: no replication engine bends a bigint by a time zone.
const signalTable = (direction: Direction): string => `
  CREATE TABLE IF NOT EXISTS octank.heartbeat_${direction} (lineage text PRIMARY KEY, written_ms bigint NOT NULL, offset_ms bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS octank.marker_${direction} (token text PRIMARY KEY, written_ms bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS octank.canary_${direction} (token text PRIMARY KEY, written_ms bigint NOT NULL)`;

/** Roles that replication connects as on either end must carry the signals; the others a fence names as exempt. */
const grantToReplication = `
  DO $grant$
  DECLARE r text;
  BEGIN
    FOR r IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolreplication AND rolcanlogin AND NOT rolsuper AND rolname <> current_user LOOP
      EXECUTE pg_catalog.format('GRANT SELECT, INSERT, UPDATE, DELETE ON ${signalTables.map((t) => `octank.${t.table}`).join(', ')} TO %I', r);
      -- DMS keeps its table of refused changes here, so that it leaves with octank's own.
      EXECUTE pg_catalog.format('GRANT CREATE ON SCHEMA octank TO %I', r);
    END LOOP;
  END
  $grant$`;

/** Idempotent, and safe while another octank does the same. */
export const createControl = async (tx: Tx): Promise<void> => {
  await tx.query(lockControl);
  await tx.query(
    [fenceTable, ...directions.map(signalTable), 'GRANT USAGE ON SCHEMA octank TO PUBLIC', grantToReplication].join(
      ';\n',
    ),
  );
  const [guard] = await tx.query<{ present: boolean }>(
    `SELECT pg_catalog.to_regprocedure('octank.fence_guard()') IS NOT NULL AS present`,
  );
  // Replacing it would wait for every trigger that is just running it.
  if (!guard?.present) await tx.query(guardFunction);
};

export const isControlComplete = `
  SELECT pg_catalog.to_regprocedure('octank.fence_guard()') IS NOT NULL
    AND ${controlTables.map((t) => `pg_catalog.to_regclass('octank.${t.table}') IS NOT NULL`).join(' AND ')} AS complete`;

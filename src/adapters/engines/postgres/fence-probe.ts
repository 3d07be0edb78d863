/** Tries to write through the fence, as each role on each table, in one transaction that is rolled back and touches no row. */
import { assert } from '../../../model/fault.ts';
import { quoteIdent, quoteLiteral, quoteTable } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { FencePort, ProbeResult } from '../../../ports/fence.ts';
import type { Connections } from './connections.ts';
import { fenceConstraint } from './control.ts';
import { missingTables, nameArrays, type Relation, relationsOfTree, tableMissing, treeCte } from './relations.ts';

type Operation = ProbeResult['operation'];

interface ColumnRow {
  readonly schema: string;
  readonly table: string;
  readonly role: string;
  readonly oid: string;
  /** Columns the role may set, as `name` and the type to cast NULL to; without generated ones. */
  readonly insertable: readonly string[];
  readonly insert_types: readonly string[];
  readonly updatable: readonly string[];
  readonly may_truncate: boolean;
  /** Tables outside the wave that point here: TRUNCATE would reach for them, so it is not tried. */
  readonly referenced_from_outside: boolean;
  readonly is_referenced: boolean;
}

const columnsQuery = `
  WITH RECURSIVE ${treeCte},
  roles AS (SELECT r.oid, r.rolname FROM pg_roles r WHERE r.rolname = ANY ($3::text[])),
  referencing AS (
    SELECT k.confrelid AS root, k.conrelid AS oid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM tree)
    UNION SELECT g.root, k.conrelid FROM referencing g JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = g.oid)
  SELECT n.nspname AS schema, c.relname AS table, r.rolname AS role, c.oid::text AS oid,
    coalesce(array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE g.settable AND has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT')), '{}') AS insertable,
    coalesce(array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) FILTER (WHERE g.settable AND has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT')), '{}') AS insert_types,
    coalesce(array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE g.settable AND has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')), '{}') AS updatable,
    has_table_privilege(r.oid, c.oid, 'TRUNCATE') AS may_truncate,
    EXISTS (SELECT 1 FROM referencing f WHERE f.root = c.oid AND f.oid NOT IN (SELECT oid FROM tree)) AS referenced_from_outside,
    EXISTS (SELECT 1 FROM referencing f WHERE f.root = c.oid AND f.oid <> c.oid) AS is_referenced
  FROM named JOIN pg_class c ON c.oid = named.oid JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN roles r
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT coalesce(to_jsonb(a)->>'attgenerated', '') = '' AS settable) AS g
  GROUP BY n.nspname, c.relname, r.oid, r.rolname, c.oid`;

interface Attempt {
  readonly table: TableName;
  readonly role: string;
  readonly operation: Operation;
  /** Null: known without trying. */
  readonly sql: string | null;
  readonly known: 'no-privilege' | 'skipped' | null;
}

/** No column is read: a role that may insert but not select must not look as if it could not write. */
const attemptsOn = (row: ColumnRow): readonly Attempt[] => {
  const table = { schema: row.schema, table: row.table };
  const on = quoteTable(table);
  const attempt = (operation: Operation, sql: string | null, known: Attempt['known'] = null): Attempt => ({
    table,
    role: row.role,
    operation,
    sql,
    known,
  });
  const nulls = row.insert_types.map((type) => `NULL::${type}`).join(', ');
  const column = row.updatable[0];
  return [
    row.insertable.length > 0
      ? attempt(
          'insert',
          `INSERT INTO ${on} (${row.insertable.map(quoteIdent).join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${nulls} WHERE false`,
        )
      : attempt('insert', null, 'no-privilege'),
    column === undefined
      ? attempt('update', null, 'no-privilege')
      : attempt('update', `UPDATE ${on} SET ${quoteIdent(column)} = DEFAULT WHERE false`),
    attempt('delete', `DELETE FROM ${on} WHERE false`),
    truncateAttempt(row, on, attempt),
  ];
};

// TRUNCATE refuses a referenced table before its triggers fire, unless it cascades; and it cascades only where the fence stands.
const truncateAttempt = (
  row: ColumnRow,
  on: string,
  attempt: (operation: Operation, sql: string | null, known?: Attempt['known']) => Attempt,
): Attempt => {
  if (!row.may_truncate) return attempt('truncate', null, 'no-privilege');
  if (row.referenced_from_outside) return attempt('truncate', null, 'skipped');
  return attempt('truncate', `TRUNCATE ${on}${row.is_referenced ? ' CASCADE' : ''}`);
};

/** TRUNCATE waits for readers, and readers behind it wait too: only this long. */
const truncateLockMs = 200;

/*
 * All attempts run inside the server: thousands of round trips would be downtime. Each in a block whose end rolls back the role, the
 * settings and whatever the attempt did. An anonymous block cannot return rows, so the outcomes come back in a setting.
 */
const probeBlock = (attempts: readonly Attempt[], as: 'application' | 'exempt'): string => {
  const list = JSON.stringify(attempts.map(({ role, sql, operation }) => ({ role, sql, operation })));
  return `DO ${quoteLiteral(`
  DECLARE
    item jsonb;
    outcome text;
    became boolean;
    refused_by text;
    outcomes text[] := '{}';
  BEGIN
    FOR item IN SELECT value FROM pg_catalog.jsonb_array_elements(${quoteLiteral(list)}::jsonb) LOOP
      became := false;
      BEGIN
        PERFORM pg_catalog.set_config('octank.probe', '${as}', true);
        IF item->>'operation' = 'truncate' THEN PERFORM pg_catalog.set_config('lock_timeout', '${truncateLockMs}', true); END IF;
        ${as === 'exempt' ? "PERFORM pg_catalog.set_config('session_replication_role', 'replica', true);" : ''}
        IF item->>'role' <> session_user THEN
          PERFORM pg_catalog.set_config('role', item->>'role', true);
        END IF;
        became := true;
        EXECUTE item->>'sql';
        RAISE EXCEPTION USING ERRCODE = 'OCPRB';
      EXCEPTION
        WHEN SQLSTATE 'OCPRB' THEN outcome := 'accepted';
        WHEN insufficient_privilege THEN outcome := CASE WHEN became OR '${as}' = 'exempt' THEN 'no-privilege' ELSE 'skipped' END;
        WHEN lock_not_available THEN outcome := 'skipped';
        WHEN OTHERS THEN
          GET STACKED DIAGNOSTICS refused_by = CONSTRAINT_NAME;
          IF refused_by = '${fenceConstraint}' THEN outcome := 'fenced';
          ELSIF NOT became THEN outcome := 'skipped';
          ELSE RAISE;
          END IF;
      END;
      outcomes := outcomes || outcome;
    END LOOP;
    PERFORM pg_catalog.set_config('octank.outcomes', pg_catalog.array_to_string(outcomes, ','), true);
  END`)}`;
};

const isOutcome = (text: string): text is ProbeResult['outcome'] =>
  text === 'fenced' || text === 'no-privilege' || text === 'accepted' || text === 'skipped';

const run = async (connections: Connections, attempts: readonly Attempt[], as: 'application' | 'exempt') => {
  if (attempts.length === 0) return [];
  return connections.rolledBack(
    async (tx) => {
      await tx.query(probeBlock(attempts, as));
      const [row] = await tx.query<{ outcomes: string }>(`SELECT current_setting('octank.outcomes') AS outcomes`);
      return (row?.outcomes ?? '').split(',').filter(isOutcome);
    },
    { lockTimeoutMs: 2_000, timeoutMs: 30_000 },
  );
};

const operations: readonly Operation[] = ['insert', 'update', 'delete', 'truncate'];

/** A role that the server lacks cannot be become. */
const absentRoles = (tables: readonly TableName[], roles: readonly string[], rows: readonly ColumnRow[]) => {
  const known = new Set(rows.map((row) => row.role));
  return roles
    .filter((role) => !known.has(role))
    .flatMap((role) =>
      tables.flatMap((table) =>
        operations.map((operation): ProbeResult => ({ table, role, operation, outcome: 'skipped' })),
      ),
    );
};

export const probeFence = async (
  connections: Connections,
  { tables, roles, as = 'application' }: Parameters<FencePort['probe']>[0],
): Promise<readonly ProbeResult[]> => {
  if (roles.length === 0 || tables.length === 0) return [];
  const [rows, present] = await Promise.all([
    connections.query<ColumnRow>(columnsQuery, [...nameArrays(tables), roles]),
    connections.query<Relation>(relationsOfTree, nameArrays(tables)),
  ]);
  const missing = missingTables(tables, present);
  if (missing.length > 0) throw tableMissing(missing);
  const attempts = rows.flatMap(attemptsOn);
  const tried = attempts.filter((attempt) => attempt.sql !== null);
  const outcomes = await run(connections, tried, as);
  assert(outcomes.length === tried.length, 'the probe answers every attempt');
  const outcomeOf = new Map(tried.map((attempt, index) => [attempt, outcomes[index]]));
  const results = attempts.map((attempt): ProbeResult => {
    const { table, role, operation, known } = attempt;
    return { table, role, operation, outcome: outcomeOf.get(attempt) ?? known ?? 'skipped' };
  });
  return [...results, ...absentRoles(tables, roles, rows)];
};

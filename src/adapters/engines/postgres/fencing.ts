/** Octank's fencing number inside a database: an older octank is refused, a newer one waits until older effects have ended. */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { Fault } from '../../../model/fault.ts';
import type { FencingToken } from '../../../ports/database.ts';
import { sqlState } from './errors.ts';

/** First key of octank's advisory locks: "octa". */
const lockClass = 0x6f637461;
const keyOf = (text: string): number => createHash('sha256').update(text).digest().readInt32BE(0);

/** Taken by whoever makes tables in schema octank: IF NOT EXISTS alone fails when two do it at once. After the lineage's lock, never before. */
export const lockControl = `SELECT pg_catalog.pg_advisory_xact_lock(${lockClass}, ${keyOf('schema octank')})`;

const takeoverSeconds = 60;

/** Everyone may read what octank keeps there; nobody but octank writes it. */
const createTable = `
  CREATE TABLE octank.fencing (lineage text PRIMARY KEY, number bigint NOT NULL, seen_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
  GRANT SELECT ON octank.fencing TO PUBLIC`;

const noLock = (): Fault =>
  new Fault({
    code: 'fencing.no-lock',
    summary: 'A write was asked of an octank that does not hold the lock.',
    hint: 'This is a defect: commands that only read may not write.',
    effect: 'none',
  });

const stale = (lineage: string, own: number, seen: number): Fault =>
  new Fault({
    code: 'fencing.stale',
    summary: 'Another octank has taken over this run; this one may not write any more.',
    detail: `Run ${lineage}: this octank has number ${own}, the database has seen ${seen}.`,
    hint: 'Stop this one. See who holds the lock: octank migrate status',
    effect: 'none',
  });

const readNumber = async (client: Client, lineage: string): Promise<number | undefined> => {
  const { rows } = await client.query<{ number: string }>('SELECT number FROM octank.fencing WHERE lineage = $1', [
    lineage,
  ]);
  return rows[0] ? Number(rows[0].number) : undefined;
};

/** A missing table is asked for first: reading it would abort the transaction. */
const seenNumber = async (client: Client, lineage: string): Promise<number | undefined> => {
  const { rows } = await client.query<{ present: boolean }>(
    `SELECT pg_catalog.to_regclass('octank.fencing') IS NOT NULL AS present`,
  );
  return rows[0]?.present ? readNumber(client, lineage) : undefined;
};

const ensureTable = async (client: Client): Promise<void> => {
  const { rows } = await client.query<{ schema: boolean; present: boolean }>(
    `SELECT pg_catalog.to_regnamespace('octank') IS NOT NULL AS schema, pg_catalog.to_regclass('octank.fencing') IS NOT NULL AS present`,
  );
  if (!rows[0]?.schema) await client.query('CREATE SCHEMA octank; GRANT USAGE ON SCHEMA octank TO PUBLIC');
  if (!rows[0]?.present) await client.query(createTable);
};

/** Waits, behind an exclusive lock, until every effect of an older octank has ended; then the number is raised. */
const takeOver = async (client: Client, lineage: string, own: number): Promise<void> => {
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '${takeoverSeconds}s'`);
    await client.query('SELECT pg_catalog.pg_advisory_xact_lock($1, $2)', [lockClass, keyOf(lineage)]);
    await client.query(lockControl);
    await ensureTable(client);
    await client.query(
      `INSERT INTO octank.fencing AS f (lineage, number) VALUES ($1, $2)
       ON CONFLICT (lineage) DO UPDATE SET number = EXCLUDED.number, seen_at = pg_catalog.clock_timestamp() WHERE f.number < EXCLUDED.number`,
      [lineage, own],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    if (sqlState(error) !== '55P03') throw error;
    throw new Fault({
      code: 'fencing.busy',
      summary: 'An older octank is still in the middle of an effect.',
      detail: `It did not end within ${takeoverSeconds} s.`,
      hint: 'End its session (application_name octank), then apply again.',
      effect: 'none',
      cause: error,
    });
  }
};

/**
 * Inside an open transaction; holds the number (shared) until that ends. An advisory lock, not a row lock: a row lock gives the
 * transaction an id, and a slot cannot be made in such a transaction. Faults: `fencing.no-lock`, `fencing.stale`, `fencing.busy`.
 */
export const checkFencing = async (client: Client, fencing: FencingToken, begin: string): Promise<void> => {
  const own = fencing.current();
  if (own === undefined) throw noLock();
  const { lineage } = fencing;
  const share = async (): Promise<number | undefined> => {
    await client.query('SELECT pg_catalog.pg_advisory_xact_lock_shared($1, $2)', [lockClass, keyOf(lineage)]);
    return seenNumber(client, lineage);
  };
  let seen = await share();
  if (seen === undefined || seen < own) {
    await client.query('ROLLBACK');
    await takeOver(client, lineage, own);
    await client.query(begin);
    seen = await share();
  }
  if (seen !== own) throw stale(lineage, own, seen ?? 0);
};

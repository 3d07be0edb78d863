/** Octank's own rows in a PostgreSQL database: heartbeat, markers and canaries of each direction. */
import { Fault } from '../../../model/fault.ts';
import { quoteTable } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { Signals } from '../../../ports/signals.ts';
import type { Connections, Tx } from './connections.ts';
import { canaryTable, createControl, heartbeatTable, isControlComplete, markerTable } from './control.ts';

const beatTimeouts = { lockTimeoutMs: 2_000, timeoutMs: 10_000 };

interface ClockSample {
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** How far the server's clock is ahead of octank's; the answer of the quickest of the last round trips is the least wrong. */
const clockOffset = () => {
  let samples: readonly ClockSample[] = [];
  return async (tx: Tx): Promise<number> => {
    const before = Date.now();
    const [row] = await tx.query<{ ms: string }>(
      'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS ms',
    );
    const after = Date.now();
    samples = [
      ...samples.slice(-15),
      { offsetMs: Number(row?.ms) - (before + after) / 2, roundTripMs: after - before },
    ];
    const best = samples.reduce((least, sample) => (sample.roundTripMs < least.roundTripMs ? sample : least));
    return Math.round(best.offsetMs);
  };
};

const hasToken = async (connections: Connections, table: TableName, token: string): Promise<boolean> =>
  (await connections.query(`SELECT 1 FROM ${quoteTable(table)} WHERE token = $1`, [token])).length > 0;

const writeToken = async (connections: Connections, table: TableName, token: string): Promise<void> => {
  await connections.effect(
    (tx) =>
      tx.query(
        `INSERT INTO ${quoteTable(table)} (token, written_ms)
         VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) ON CONFLICT (token) DO NOTHING`,
        [token],
      ),
    beatTimeouts,
  );
};

/** Faults: `control.shared`, `control.fence-closed`. */
const dropControl = async (connections: Connections): Promise<void> => {
  const [schema] = await connections.query<{ present: boolean }>(
    `SELECT to_regclass('octank.fencing') IS NOT NULL AS present`,
  );
  if (!schema?.present) return;
  await connections.effect(async (tx) => {
    const others = await tx.query<{ lineage: string }>('SELECT lineage FROM octank.fencing WHERE lineage <> $1', [
      connections.lineage,
    ]);
    if (others.length > 0)
      throw new Fault({
        code: 'control.shared',
        summary: 'Schema octank is used by another run, so it stays.',
        detail: others.map((other) => other.lineage).join(', '),
        hint: 'Finish that run; the last one removes the schema.',
        effect: 'none',
      });
    const [fence] = await tx.query<{ present: boolean }>(`SELECT to_regclass('octank.fence') IS NOT NULL AS present`);
    const closed = fence?.present
      ? await tx.query<{ wave: string }>('SELECT wave FROM octank.fence WHERE closed_until > clock_timestamp()')
      : [];
    // Dropping the guard's function drops its triggers: the tables would take writes again without anyone having decided that.
    if (closed.length > 0)
      throw new Fault({
        code: 'control.fence-closed',
        summary: 'A fence is still closed, so schema octank stays.',
        detail: closed.map((row) => row.wave).join(', '),
        hint: 'Remove the tables that moved, or open the fence, first.',
        effect: 'none',
      });
    await tx.query('DROP SCHEMA octank CASCADE');
  });
};

export const postgresSignals = (connections: Connections): Signals => {
  const measureOffset = clockOffset();
  return {
    ensureControl: () => connections.effect(createControl),
    hasControl: async () => (await connections.query<{ complete: boolean }>(isControlComplete))[0]?.complete === true,
    dropControl: () => dropControl(connections),
    controlTables: (direction) => [heartbeatTable(direction), markerTable(direction)],
    canaryTable,
    beat: async (direction) => {
      await connections.effect(async (tx) => {
        const offsetMs = await measureOffset(tx);
        await tx.query(
          `INSERT INTO ${quoteTable(heartbeatTable(direction))} (lineage, written_ms, offset_ms)
           VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, $2)
           ON CONFLICT (lineage) DO UPDATE SET written_ms = EXCLUDED.written_ms, offset_ms = EXCLUDED.offset_ms`,
          [connections.lineage, offsetMs],
        );
      }, beatTimeouts);
    },
    // The row carries the writing server's offset from octank's clock, so that both ends are read on one clock: octank's.
    heartbeatAge: async (direction) => {
      const [row] = await connections.query<{ written: string }>(
        `SELECT (written_ms - offset_ms)::text AS written FROM ${quoteTable(heartbeatTable(direction))} WHERE lineage = $1`,
        [connections.lineage],
      );
      return row ? Math.max(0, Date.now() - Number(row.written)) / 1000 : null;
    },
    writeMarker: ({ direction, token }) => writeToken(connections, markerTable(direction), token),
    hasMarker: ({ direction, token }) => hasToken(connections, markerTable(direction), token),
    writeCanary: ({ direction, token }) => writeToken(connections, canaryTable(direction), token),
    hasCanary: ({ direction, token }) => hasToken(connections, canaryTable(direction), token),
  };
};

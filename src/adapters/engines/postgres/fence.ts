/** The fence of a wave: one row that closes all its guards, as a lease by this database's clock or for good. */
import { Fault } from '../../../model/fault.ts';
import { quoteIdent } from '../../../model/postgres-quote.ts';
import type { FencePort, FenceState } from '../../../ports/fence.ts';
import type { Connections, Tx } from './connections.ts';
import { createControl, signalTables } from './control.ts';
import { endWriterSessions, readBlockers } from './fence-blockers.ts';
import { probeFence } from './fence-probe.ts';
import { defaultPatience, type Patience, putGuards, readUnguarded, removeGuards, requireFenceable } from './guards.ts';

interface FenceRow {
  readonly lineage: string;
  readonly epoch: string;
  readonly closed: boolean;
  readonly permanent: boolean;
  readonly held: boolean;
  readonly remaining: number;
  readonly flip: string;
}

// The flip's moment is stamped by a second transaction, after the first was seen to have committed: empty until then.
const flipExpression = `f.epoch || '/' || coalesce((extract(epoch FROM f.flip_at) * 1000000)::bigint::text, '')`;

const rowQuery = `
  SELECT f.lineage, f.epoch::text, f.closed_until > clock_timestamp() AS closed, f.closed_until = 'infinity' AS permanent, f.held,
    CASE WHEN f.closed_until = 'infinity' THEN coalesce(extract(epoch FROM f.leased_until - clock_timestamp()), 0)
         WHEN f.closed_until = '-infinity' THEN 0
         ELSE extract(epoch FROM f.closed_until - clock_timestamp()) END::float8 AS remaining,
    ${flipExpression} AS flip
  FROM octank.fence f WHERE f.wave = $1`;

const stateOf = (row: FenceRow | undefined): FenceState => {
  if (!row) return { state: 'absent' };
  const epoch = Number(row.epoch);
  if (!row.closed) return { state: 'open', epoch };
  if (row.permanent && row.held) return { state: 'permanent', epoch, flip: row.flip };
  return { state: 'leased', epoch, remainingSeconds: Math.max(0, row.remaining), flip: row.flip };
};

const readRow = async (connections: Connections, wave: string): Promise<FenceRow | undefined> => {
  const [table] = await connections.query<{ present: boolean }>(
    `SELECT to_regclass('octank.fence') IS NOT NULL AS present`,
  );
  return table?.present ? (await connections.query<FenceRow>(rowQuery, [wave]))[0] : undefined;
};

const fault = (code: string, summary: string, detail: string, hint: string): Fault =>
  new Fault({ code: `fence.${code}`, summary, detail, hint, effect: 'none' });

/** The row, locked, and ours. Faults: `fence.absent`, `fence.foreign`. */
const lockRow = async (tx: Tx, connections: Connections, wave: string): Promise<FenceRow> => {
  const [row] = await tx.query<FenceRow>(`${rowQuery} FOR UPDATE`, [wave]);
  if (!row)
    throw fault(
      'absent',
      'The fence is not in the database.',
      `Wave ${wave}.`,
      'Someone removed schema octank; apply again.',
    );
  if (row.lineage !== connections.lineage)
    throw fault(
      'foreign',
      'The fence belongs to another run.',
      `Wave ${wave}: run ${row.lineage}.`,
      'Finish or roll back that run first.',
    );
  return row;
};

const install = async (
  connections: Connections,
  { wave, tables, exempt }: Parameters<FencePort['install']>[0],
  patience: Patience,
): Promise<void> => {
  await requireFenceable(connections, tables);
  await connections.effect(async (tx) => {
    await createControl(tx);
    await tx.query(
      `INSERT INTO octank.fence AS f (wave, lineage, exempt) VALUES ($1, $2, $3)
       ON CONFLICT (wave) DO UPDATE SET exempt = EXCLUDED.exempt, lineage = EXCLUDED.lineage
       WHERE f.lineage = EXCLUDED.lineage OR f.closed_until <= clock_timestamp()`,
      [wave, connections.lineage, exempt],
    );
    await lockRow(tx, connections, wave);
    const roles = await tx.query<{ role: string }>(
      'SELECT rolname AS role FROM pg_roles WHERE rolname = ANY ($1) AND rolname <> current_user',
      [exempt],
    );
    const signals = signalTables.map((name) => `octank.${name.table}`).join(', ');
    for (const { role } of roles)
      await tx.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${signals} TO ${quoteIdent(role)}`);
  });
  await putGuards(connections, { wave, tables, patience });
};

const uninstall = async (connections: Connections, wave: string, patience: Patience): Promise<void> => {
  // The row goes last: a guard without its row refuses everyone.
  await removeGuards(connections, wave, patience);
  if (!(await readRow(connections, wave))) return;
  await connections.effect((tx) =>
    tx.query('DELETE FROM octank.fence WHERE wave = $1 AND lineage = $2', [wave, connections.lineage]),
  );
};

/** Once the flip has been seen to be committed, every transaction that begins later meets it. */
const stampFlip = async (connections: Connections, wave: string): Promise<void> => {
  await connections.effect((tx) =>
    tx.query('UPDATE octank.fence SET flip_at = clock_timestamp() WHERE wave = $1 AND flip_at IS NULL', [wave]),
  );
};

const close = async (connections: Connections, { wave, leaseSeconds }: Parameters<FencePort['close']>[0]) => {
  await connections.effect(async (tx) => {
    const row = await lockRow(tx, connections, wave);
    const until =
      leaseSeconds === null ? "'infinity'::timestamptz" : `clock_timestamp() + ${Number(leaseSeconds)} * interval '1s'`;
    // Closing what is closed never weakens it, and keeps its epoch: whoever waits for that epoch goes on.
    await tx.query(
      row.closed
        ? `UPDATE octank.fence SET closed_until = greatest(closed_until, ${until}), held = held OR ${leaseSeconds === null} WHERE wave = $1`
        : `UPDATE octank.fence SET closed_until = ${until}, leased_until = NULL, held = ${leaseSeconds === null},
             epoch = epoch + 1, flip_at = NULL WHERE wave = $1`,
      [wave],
    );
  });
  await stampFlip(connections, wave);
  const fence = stateOf(await readRow(connections, wave));
  if (fence.state === 'leased' || fence.state === 'permanent') return { epoch: fence.epoch, flip: fence.flip };
  throw new Fault({
    code: 'fence.lifted',
    summary: 'The fence lifted itself before it was seen to be closed.',
    detail: `Wave ${wave}.`,
    hint: 'The database answers more slowly than the budget allows; apply again.',
    effect: 'none',
  });
};

const tooShort = (wave: string, detail: string): Fault =>
  fault(
    'lease-too-short',
    'The lease of the fence is too short to be made permanent.',
    `Wave ${wave}: ${detail}`,
    'Apply again.',
  );

/** Two transactions: the second proves that the first was in force before the lease it replaced had ended, else writes slipped between. */
const makePermanent = async (
  connections: Connections,
  { wave, epoch, marginSeconds }: Parameters<FencePort['makePermanent']>[0],
): Promise<void> => {
  await connections.effect(async (tx) => {
    const row = await lockRow(tx, connections, wave);
    if (Number(row.epoch) !== epoch || !row.closed)
      throw tooShort(wave, `epoch ${row.epoch}, ${row.closed ? 'closed' : 'open'}; asked for epoch ${epoch}`);
    if (row.permanent) return;
    if (row.remaining < marginSeconds)
      throw tooShort(wave, `${row.remaining.toFixed(1)} s left, ${marginSeconds} s are needed`);
    await tx.query(
      `UPDATE octank.fence SET leased_until = closed_until, closed_until = 'infinity', held = false WHERE wave = $1`,
      [wave],
    );
  });
  const held = await connections.effect((tx) =>
    tx.query(
      `UPDATE octank.fence SET held = true
       WHERE wave = $1 AND epoch = $2 AND closed_until = 'infinity' AND (held OR leased_until > clock_timestamp()) RETURNING wave`,
      [wave, epoch],
    ),
  );
  if (held.length > 0) return;
  // The fence stays closed, but not proven so without a gap: open it, as the undo of the step does.
  throw new Fault({
    code: 'fence.lease-too-short',
    summary: 'The fence was made permanent too late: its lease had ended before.',
    detail: `Wave ${wave}, epoch ${epoch}.`,
    hint: 'Writes may have come between. The fence is lifted; apply again.',
    effect: 'done',
  });
};

const open = async (connections: Connections, wave: string): Promise<void> => {
  await connections.effect(async (tx) => {
    await lockRow(tx, connections, wave);
    await tx.query(
      `UPDATE octank.fence SET closed_until = '-infinity', leased_until = NULL, held = false WHERE wave = $1`,
      [wave],
    );
  });
};

export const postgresFence = (connections: Connections, patience = defaultPatience): FencePort => ({
  install: (options) => install(connections, options, patience),
  uninstall: (wave) => uninstall(connections, wave, patience),
  status: async ({ wave, tables }) => {
    const [row, unguarded] = await Promise.all([readRow(connections, wave), readUnguarded(connections, wave, tables)]);
    return { fence: stateOf(row), unguarded };
  },
  close: (options) => close(connections, options),
  makePermanent: (options) => makePermanent(connections, options),
  open: (wave) => open(connections, wave),
  blockers: async ({ wave, flip }) => {
    const [epoch, moment] = flip.split('/');
    if (moment === '') await stampFlip(connections, wave);
    const row = await readRow(connections, wave);
    if (row?.closed && row.epoch === epoch) return readBlockers(connections, wave);
    throw fault('moved', 'The fence was opened meanwhile.', `Wave ${wave}.`, 'Apply again: it looks first.');
  },
  endWriters: ({ wave, tables }) => endWriterSessions(connections, { wave, tables }),
  probe: (options) => probeFence(connections, options),
});

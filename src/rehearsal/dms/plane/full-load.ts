/** Copies the rows that exist: each table in its own snapshot, COPY out into COPY in, several tables at once. behaviour.md F1-F15. */
import { availableParallelism } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { Mappings } from '../mappings.ts';
import { type TableProgress, tableId } from '../records.ts';
import { type LobPolicy, lobPolicy, type TaskSettings } from '../settings.ts';
import { type CatalogTable, type MappedTable, mapTable, type SelectedTable, tableNamed, targetOf } from './catalog.ts';
import { whereSql } from './filter.ts';
import { exceeds, lateColumns, loadColumn, lobColumns } from './lob.ts';
import {
  type Client,
  closeQuietly,
  connect,
  type DatabaseAddress,
  isConnectionError,
  messageOf,
  quoteName,
  quoteTable,
} from './sql.ts';
import { FatalTaskError } from './writer.ts';

export interface LoadOptions {
  readonly source: DatabaseAddress;
  readonly target: DatabaseAddress;
  readonly mappings: Mappings;
  readonly settings: TaskSettings;
  readonly tables: readonly SelectedTable[];
  readonly progress: Readonly<Record<string, TableProgress>>;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Makes the progress durable. */
  readonly save: () => Promise<void>;
}

interface Sides {
  readonly source: Client;
  readonly target: Client;
}

const createTable = async (client: Client, mappings: Mappings, selected: SelectedTable): Promise<void> => {
  const { source } = selected;
  const { schema, table } = targetOf(mappings, source);
  const columns = source.columns.map(
    (column) => `${quoteName(column.name)} ${column.type}${column.notNull ? ' not null' : ''}`,
  );
  const key = source.key.length > 0 ? [`primary key (${source.key.map(quoteName).join(', ')})`] : [];
  await client.query(`create schema if not exists ${quoteName(schema)}`);
  await client.query(`create table ${quoteTable(schema, table)} (${[...columns, ...key].join(', ')})`);
};

/** The target table, made ready as the task's preparation mode says. */
const prepare = async (sides: Sides, options: LoadOptions, selected: SelectedTable): Promise<CatalogTable> => {
  const { schema, table } = targetOf(options.mappings, selected.source);
  const mode = options.settings.FullLoadSettings.TargetTablePrepMode;
  const present = await tableNamed(sides.target, schema, table);
  if (present && mode === 'DROP_AND_CREATE') await sides.target.query(`drop table ${quoteTable(schema, table)}`);
  if (present && mode === 'TRUNCATE_BEFORE_LOAD')
    await sides.target.query(`truncate table ${quoteTable(schema, table)}`);
  if (present && mode !== 'DROP_AND_CREATE') return present;
  await createTable(sides.target, options.mappings, selected);
  const created = await tableNamed(sides.target, schema, table);
  if (!created) throw new Error(`table ${schema}.${table} was created and is not there`);
  return created;
};

interface CopyPlan {
  /** A table with its columns, or a query in parentheses. */
  readonly what: string;
  readonly into: string;
  readonly isBinary: boolean;
}

const copyPlan = (mapped: MappedTable, lob: LobPolicy): CopyPlan => {
  const columns = mapped.columns.map((column) => ({
    ...loadColumn(column.source, lob, mapped.key.length > 0),
    isPlain: loadColumn(column.source, lob, mapped.key.length > 0).expression === quoteName(column.source.name),
    same: column.source.castType === column.target.castType && column.source.binarySafe && column.target.binarySafe,
  }));
  const from = quoteTable(mapped.source.schema, mapped.source.table);
  const expressions = columns.map((column) => column.expression).join(', ');
  const where = whereSql(mapped.rule);
  // Reading the table itself spares the executor; only unaltered columns allow it.
  const isWhole = where === '' && columns.every((column) => column.isPlain);
  return {
    what: isWhole ? `${from} (${expressions})` : `(select ${expressions} from ${from}${where})`,
    into: `${quoteTable(mapped.target.schema, mapped.target.table)} (${mapped.columns.map((column) => quoteName(column.target.name)).join(', ')})`,
    isBinary: columns.every((column) => column.same && column.keepsType),
  };
};

/** One COPY pipe; answers the rows written. */
const copy = async (sides: Sides, plan: CopyPlan, signal: AbortSignal): Promise<number> => {
  const { from, to } = await import('pg-copy-streams');
  const format = plan.isBinary ? ' with (format binary)' : '';
  const reading = sides.source.query(to(`copy ${plan.what} to stdout${format}`));
  const writing = sides.target.query(from(`copy ${plan.into} from stdin${format}`));
  await pipeline(reading, writing, { signal });
  return writing.rowCount ?? 0;
};

const largeRows = (mapped: MappedTable, inlineBytes: number): string =>
  lobColumns(mapped)
    .map((column) => exceeds(column.source, inlineBytes))
    .join(' or ');

/** Asked once per table: nearly always nothing is over the limit, and then neither a condition per value nor a second pass is needed. */
const withoutLargeValues = async (client: Client, mapped: MappedTable, lob: LobPolicy): Promise<LobPolicy> => {
  if (lob.mode !== 'full' || lob.inlineBytes === 0 || lobColumns(mapped).length === 0) return lob;
  const from = quoteTable(mapped.source.schema, mapped.source.table);
  const { rows } = await client.query<{ large: boolean }>(
    `select exists (select 1 from ${from} where ${largeRows(mapped, lob.inlineBytes)}) as large`,
  );
  return rows[0]?.large ? lob : { mode: 'full', inlineBytes: Number.MAX_SAFE_INTEGER };
};

/** Large values that were loaded as NULL, by key. */
const loadLate = async (sides: Sides, mapped: MappedTable, lob: LobPolicy, signal: AbortSignal): Promise<void> => {
  if (lob.mode !== 'full') return;
  for (const column of lateColumns(mapped, lob)) {
    const key = mapped.key.map((index) => mapped.columns[index]!);
    const source = [...key, column].map(({ source: s }) => quoteName(s.name)).join(', ');
    const from = quoteTable(mapped.source.schema, mapped.source.table);
    const target = quoteTable(mapped.target.schema, mapped.target.table);
    const names = [...key, column].map(({ target: t }) => quoteName(t.name));
    await sides.target.query(`create temp table awsdms_lob as select ${names.join(', ')} from ${target} where false`);
    try {
      const what = `(select ${source} from ${from} where ${exceeds(column.source, lob.inlineBytes)})`;
      const rows = await copy(sides, { what, into: 'awsdms_lob', isBinary: false }, signal);
      const value = quoteName(column.target.name);
      const same = key.map(({ target: t }) => `t.${quoteName(t.name)} = l.${quoteName(t.name)}`).join(' and ');
      if (rows > 0)
        await sides.target.query(`update ${target} t set ${value} = l.${value} from awsdms_lob l where ${same}`);
    } finally {
      if (!signal.aborted) await sides.target.query('drop table awsdms_lob');
    }
  }
};

const xmin = async (client: Client): Promise<number> => {
  const { rows } = await client.query<{ xmin: string }>(
    'select txid_snapshot_xmin(txid_current_snapshot())::text as xmin',
  );
  return Number(BigInt(rows[0]?.xmin ?? '0') & 0xffffffffn);
};

/** A load that broke off may have committed without being able to say so: its rows go, as AWS empties a table that it reloads. */
const removeEarlier = async (client: Client, table: CatalogTable): Promise<void> => {
  const name = quoteTable(table.schema, table.table);
  await client.query('begin');
  try {
    // The lock waits for a copy whose backend has not noticed yet that nobody is there.
    await client.query(`lock table ${name} in share row exclusive mode`);
    await client.query(`delete from ${name}`);
    await client.query('commit');
  } catch (error) {
    if (!isConnectionError(error)) await client.query('rollback');
    throw error;
  }
};

const loadTable = async (
  sides: Sides,
  options: LoadOptions,
  selected: SelectedTable,
  progress: TableProgress,
): Promise<void> => {
  const wasCutOff = progress.fullLoadStartedAt !== null;
  progress.state = 'Full load';
  progress.fullLoadStartedAt = options.now();
  progress.fullLoadEndedAt = null;
  progress.fullLoadRows = 0;
  progress.updatedAt = options.now();
  await options.save();
  const target = await prepare(sides, options, selected);
  if (wasCutOff) await removeEarlier(sides.target, target);
  const mapped = mapTable(options.mappings, selected, target);
  const lob = await withoutLargeValues(sides.source, mapped, lobPolicy(options.settings));
  // Before the copy's own snapshot: whatever was finished then is in the copy for certain.
  progress.loadXmin = await xmin(sides.source);
  progress.fullLoadRows = await copy(sides, copyPlan(mapped, lob), options.signal);
  await loadLate(sides, mapped, lob, options.signal);
  progress.state = 'Table completed';
  progress.fullLoadEndedAt = options.now();
  progress.updatedAt = options.now();
  await options.save();
};

/** Rows so far of the copies under way, for those who ask meanwhile. */
const watch = (target: DatabaseAddress, running: ReadonlyMap<number, TableProgress>): (() => Promise<void>) => {
  let client: Client | undefined;
  let isOver = false;
  const look = async (): Promise<void> => {
    if (running.size === 0) return;
    client ??= await connect(target);
    const { rows } = await client.query<{ pid: number; rows: string }>(
      'select pid, tuples_processed::text as rows from pg_stat_progress_copy where pid = any($1)',
      [[...running.keys()]],
    );
    for (const row of rows) {
      const progress = running.get(row.pid);
      if (progress?.state === 'Full load') progress.fullLoadRows = Math.max(progress.fullLoadRows, Number(row.rows));
    }
  };
  const loop = (async () => {
    while (!isOver) {
      // Only a display: a server without this view, or a lost connection, costs the numbers in between.
      await look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  return async () => {
    isOver = true;
    await loop;
    await closeQuietly(client);
  };
};

const backendPid = async (client: Client): Promise<number> =>
  (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;

/** A failed table does not fail the task, unless the policy says so; a lost connection is for the caller to retry. */
const tableFailed = (progress: TableProgress, error: unknown, options: LoadOptions): void => {
  if (options.signal.aborted) {
    progress.state = 'Table cancelled';
    return;
  }
  if (isConnectionError(error)) {
    progress.state = 'Before load';
    throw error;
  }
  progress.state = 'Table error';
  progress.fullLoadErrorRows += 1;
  progress.fullLoadEndedAt = options.now();
  progress.updatedAt = options.now();
  options.log(`table ${progress.schema}.${progress.table}: ${messageOf(error)}`);
  if (options.settings.ErrorBehavior.TableErrorPolicy === 'STOP_TASK')
    throw new FatalTaskError(`Table '${progress.schema}'.'${progress.table}' failed: ${messageOf(error)}`);
};

/** Loads what is not complete yet. Returns when all are done, failed or cancelled. */
export const fullLoad = async (options: LoadOptions): Promise<void> => {
  const waiting = options.tables.filter(({ source }) => {
    const state = options.progress[tableId(source.schema, source.table)]?.state;
    return state !== 'Table completed' && state !== 'Table error';
  });
  const workers = Math.min(
    options.settings.FullLoadSettings.MaxFullLoadSubTasks,
    Math.max(2, availableParallelism()),
    waiting.length,
  );
  const running = new Map<number, TableProgress>();
  const work = async (): Promise<void> => {
    let sides: Sides | undefined;
    try {
      while (!options.signal.aborted) {
        const selected = waiting.shift();
        if (!selected) return;
        const progress = options.progress[tableId(selected.source.schema, selected.source.table)];
        if (!progress) continue;
        sides ??= { source: await connect(options.source), target: await connect(options.target) };
        const pid = await backendPid(sides.target);
        running.set(pid, progress);
        try {
          await loadTable(sides, options, selected, progress);
        } catch (error) {
          tableFailed(progress, error, options);
          // A broken pipe leaves both connections in the middle of a COPY.
          await Promise.all([closeQuietly(sides.source), closeQuietly(sides.target)]);
          sides = undefined;
        } finally {
          running.delete(pid);
        }
      }
    } finally {
      await Promise.all([closeQuietly(sides?.source), closeQuietly(sides?.target)]);
    }
  };
  const unwatch = watch(options.target, running);
  try {
    const results = await Promise.allSettled(Array.from({ length: workers }, work));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  } finally {
    await unwatch();
  }
};

/** One run of a task, from its start to its stop: slot, full load, change capture, and another try when a connection breaks. */
import { decodeMappings } from '../mappings.ts';
import { newTable, type TaskProgress, type TaskRecord, tableId } from '../records.ts';
import { decodeSettings } from '../settings.ts';
import { type SelectedTable, selectTables } from './catalog.ts';
import { capture, type Flow } from './cdc.ts';
import { fullLoad } from './full-load.ts';
import { createOwnSlot, type PluginName, requireSlot } from './slot.ts';
import {
  type Client,
  closeQuietly,
  connect,
  type DatabaseAddress,
  isConnectionError,
  lsnValue,
  messageOf,
} from './sql.ts';
import { FatalTaskError } from './writer.ts';

export type RunOutcome =
  | { readonly type: 'stopped'; readonly reason: string }
  | { readonly type: 'failed'; readonly reason: string; readonly message: string };

export interface RunOptions {
  readonly task: TaskRecord;
  readonly progress: TaskProgress;
  readonly source: DatabaseAddress;
  readonly target: DatabaseAddress;
  readonly plugin: PluginName;
  readonly slotName: string | null;
  /** start-replication and reload-target begin anew; resume-processing does not. */
  readonly isFresh: boolean;
  readonly flow: Flow;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly save: () => Promise<void>;
  /** Once the task is prepared: AWS then shows `running`. */
  readonly onRunning: () => void;
}

const ownSlotName = (task: TaskRecord): string =>
  `${task.resourceId.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}_awsdms`.slice(-63);

const chooseSlot = async (client: Client, options: RunOptions): Promise<void> => {
  const { progress, task } = options;
  if (task.migrationType === 'full-load') return;
  if (options.slotName !== null) {
    await requireSlot(client, options.slotName);
    if (options.isFresh && task.cdcStartPosition === null)
      throw new FatalTaskError(
        `The slot '${options.slotName}' needs a valid CdcStartPosition; the task was started without one.`,
      );
    progress.slot = { name: options.slotName, own: false };
  } else if (options.isFresh || progress.slot === null) {
    const timeoutSeconds = decodeSettings(task.settings).FullLoadSettings.TransactionConsistencyTimeout;
    progress.slot = await createOwnSlot(client, { name: ownSlotName(task), plugin: options.plugin, timeoutSeconds });
  } else {
    await requireSlot(client, progress.slot.name);
  }
  await options.save();
};

const chooseTables = async (client: Client, options: RunOptions): Promise<readonly SelectedTable[]> => {
  const { task, progress } = options;
  const { tables, absent } = await selectTables(client, decodeMappings(task.mappings));
  if (tables.length === 0)
    throw new FatalTaskError(
      'No tables were found at task initialization. Either the selected table(s) or schemas(s) no longer exist or no match was found for the table selection pattern(s).',
    );
  if (options.isFresh) progress.tables = {};
  for (const { source } of tables)
    progress.tables[tableId(source.schema, source.table)] ??= newTable(source.schema, source.table);
  for (const { schema, table } of absent) {
    const id = tableId(schema, table);
    progress.tables[id] ??= newTable(schema, table);
    progress.tables[id].state = 'Table does not exist';
  }
  return tables;
};

const prepare = async (options: RunOptions): Promise<readonly SelectedTable[]> => {
  const { progress, task } = options;
  const client = await connect(options.source);
  try {
    await chooseSlot(client, options);
    const tables = await chooseTables(client, options);
    if (options.isFresh) {
      progress.checkpoint = task.cdcStartPosition;
      progress.fullLoadStartedAt = null;
      progress.fullLoadFinishedAt = null;
    }
    if (task.migrationType === 'cdc')
      for (const entry of Object.values(progress.tables))
        if (entry.state === 'Before load') entry.state = 'Table completed';
    await options.save();
    return tables;
  } finally {
    await closeQuietly(client);
  }
};

const currentLsn = async (address: DatabaseAddress): Promise<bigint> => {
  const client = await connect(address);
  try {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    return lsnValue(rows[0]?.lsn ?? '0/0');
  } finally {
    await closeQuietly(client);
  }
};

/** True once all tables are done; false where a stop came first. */
const load = async (options: RunOptions, tables: readonly SelectedTable[]): Promise<boolean> => {
  const { progress, task } = options;
  progress.fullLoadStartedAt ??= options.now();
  await fullLoad({
    source: options.source,
    target: options.target,
    mappings: decodeMappings(task.mappings),
    settings: decodeSettings(task.settings),
    tables,
    progress: progress.tables,
    signal: options.signal,
    now: options.now,
    log: options.log,
    save: options.save,
  });
  if (options.signal.aborted) return false;
  progress.fullLoadFinishedAt ??= options.now();
  await options.save();
  return true;
};

const captureChanges = async (options: RunOptions, stopAt: bigint | null): Promise<void> => {
  const { progress, task } = options;
  if (progress.slot === null) throw new FatalTaskError('The task has no slot to read from.');
  await capture({
    taskName: task.identifier,
    source: options.source,
    target: options.target,
    slot: progress.slot.name,
    mappings: decodeMappings(task.mappings),
    settings: decodeSettings(task.settings),
    progress,
    flow: options.flow,
    stopAt,
    signal: options.signal,
    now: options.now,
    log: options.log,
    save: options.save,
  });
};

const attempt = async (options: RunOptions): Promise<RunOutcome> => {
  const { progress, task } = options;
  const { FullLoadSettings } = decodeSettings(task.settings);
  const tables = await prepare(options);
  options.onRunning();
  const isFirstLoad = progress.fullLoadFinishedAt === null;
  const isReload = Object.values(progress.tables).some((table) => table.reloaded && table.state === 'Before load');
  let stopAt: bigint | null = null;
  if (task.migrationType !== 'cdc' && (isFirstLoad || isReload)) {
    if (!(await load(options, tables))) return { type: 'stopped', reason: 'NORMAL' };
    if (task.migrationType === 'full-load') return { type: 'stopped', reason: 'FULL_LOAD_ONLY_FINISHED' };
  }
  if (task.migrationType !== 'cdc' && isFirstLoad) {
    if (FullLoadSettings.StopTaskCachedChangesNotApplied) return { type: 'stopped', reason: 'STOPPED_AFTER_FULL_LOAD' };
    if (FullLoadSettings.StopTaskCachedChangesApplied) stopAt = await currentLsn(options.source);
  }
  await captureChanges(options, stopAt);
  const reached = stopAt !== null && !options.signal.aborted;
  return { type: 'stopped', reason: reached ? 'STOPPED_AFTER_CACHED_EVENTS' : 'NORMAL' };
};

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });

const maxRetrySeconds = 1800;

/** Runs to an outcome; never throws. A broken connection is tried again as the settings say, anything else fails the task. */
export const runTask = async (options: RunOptions): Promise<RunOutcome> => {
  const { RecoverableErrorCount: limit, RecoverableErrorInterval: interval } = decodeSettings(
    options.task.settings,
  ).ErrorBehavior;
  let current = options;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(current);
    } catch (error) {
      const message = messageOf(error);
      options.log(`${isConnectionError(error) ? 'recoverable' : 'fatal'}: ${message}`);
      if (options.signal.aborted) return { type: 'stopped', reason: 'NORMAL' };
      if (!isConnectionError(error))
        return {
          type: 'failed',
          reason: 'FATAL_ERROR',
          message: `Last Error ${message} Stop Reason FATAL_ERROR Error Level FATAL`,
        };
      if (limit >= 0 && failures >= limit)
        return {
          type: 'failed',
          reason: 'RECOVERABLE_ERROR',
          message: `Last Error ${message} Stop Reason RECOVERABLE_ERROR Error Level RECOVERABLE`,
        };
      // What the first try had made (slot, positions) stays.
      if (options.progress.slot !== null || options.task.migrationType === 'full-load')
        current = { ...options, isFresh: false };
      await pause(Math.min(interval * (failures + 1), maxRetrySeconds) * 1000, options.signal);
      if (options.signal.aborted) return { type: 'stopped', reason: 'NORMAL' };
    }
  }
};

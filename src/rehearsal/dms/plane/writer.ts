/** Writes runs to the target in one open transaction; what fails as a set is tried row by row, and then follows the task's error policies. */
import type { TaskSettings } from '../settings.ts';
import type { Drained, Operation, Route, Run } from './buffer.ts';
import { deleteRows, insertRows, type Row, type Statement, updateRows } from './rows-sql.ts';
import { type Client, isConnectionError, messageOf, quoteName, sqlState } from './sql.ts';

/** Ends the task: a policy says so, or nothing could repair it. */
export class FatalTaskError extends Error {}

export interface WriterOptions {
  readonly client: Client;
  readonly taskName: string;
  readonly settings: TaskSettings;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

export interface Writer {
  /** Writes inside the open transaction, which it begins where there is none. `lenient`: these changes may have been applied before. */
  write(drained: Drained, lenient: boolean): Promise<void>;
  /** Commits what was written; nothing to do where nothing was. */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The table itself is at fault, not a row of it. */
const tableStates = /^(42P01|42703|42501|42P10|0A000|3F000)$/;

export const controlSchema = (settings: TaskSettings): string =>
  settings.ControlTablesSettings.ControlSchema || 'public';

/** AWS makes this table at the start of every task; without the right to it the task works on and only the log tells. */
export const ensureExceptions = async (client: Client, settings: TaskSettings): Promise<boolean> => {
  const schema = quoteName(controlSchema(settings));
  try {
    await client.query(`create schema if not exists ${schema}`);
    await client.query(
      `create table if not exists ${schema}.awsdms_apply_exceptions ("TASK_NAME" varchar(128) not null, "TABLE_OWNER" varchar(128) not null, "TABLE_NAME" varchar(128) not null, "ERROR_TIME" timestamp not null, "STATEMENT" text not null, "ERROR" text not null)`,
    );
    return true;
  } catch (error) {
    if (isConnectionError(error)) throw error;
    return false;
  }
};

class TargetWriter implements Writer {
  readonly #options: WriterOptions;
  readonly #names = new Map<string, string>();
  #isOpen = false;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  async #run(statement: Statement): Promise<number> {
    // Prepared once per shape: planning costs more than writing a few rows.
    const name = this.#names.get(statement.text) ?? `awsdms_${this.#names.size}`;
    this.#names.set(statement.text, name);
    const result = await this.#options.client.query({ name, text: statement.text, values: [...statement.values] });
    return result.rowCount ?? 0;
  }

  async #query(text: string): Promise<void> {
    await this.#options.client.query(text);
  }

  async write(drained: Drained, lenient: boolean): Promise<void> {
    const runs = drained.runs.filter((run) => run.route.progress.state !== 'Table error');
    if (runs.length === 0) return;
    if (!this.#isOpen) {
      await this.#query('begin');
      this.#isOpen = true;
    }
    await this.#query('savepoint batch');
    if (!(await this.#writeQuickly(runs, lenient))) {
      await this.#query('rollback to savepoint batch');
      for (const run of drained.inOrder())
        if (run.route.progress.state !== 'Table error') await this.#writeRun(run, lenient);
    }
    for (const run of runs) this.#count(run.route, run.operation, run.rows.length);
  }

  /** All runs under one savepoint, which halves the round trips; false where one of them was refused or did not fit. */
  async #writeQuickly(runs: readonly Run[], lenient: boolean): Promise<boolean> {
    try {
      for (const run of runs) if (!this.#fits(run, await this.#writeSet(run, lenient), lenient)) return false;
      return true;
    } catch (error) {
      if (isConnectionError(error)) throw error;
      return false;
    }
  }

  /** As many rows as there were changes; a DELETE that finds nothing is no matter to the default policy. */
  #fits(run: Run, written: number, lenient: boolean): boolean {
    if (lenient || !run.certain || written === run.rows.length || run.operation === 'insert') return true;
    const { ApplyErrorDeletePolicy } = this.#options.settings.ErrorBehavior;
    return run.operation === 'delete' && ApplyErrorDeletePolicy === 'IGNORE_RECORD';
  }

  #count({ progress }: Route, operation: Operation, rows: number): void {
    if (operation === 'insert') progress.inserts += rows;
    else if (operation === 'update') progress.updates += rows;
    else progress.deletes += rows;
    progress.updatedAt = this.#options.now();
  }

  async #writeRun(run: Run, lenient: boolean): Promise<void> {
    await this.#query('savepoint run');
    try {
      if (this.#fits(run, await this.#writeSet(run, lenient), lenient)) return;
    } catch (error) {
      if (isConnectionError(error)) throw error;
    }
    await this.#query('rollback to savepoint run');
    await this.#writeOneByOne(run, lenient);
  }

  async #writeSet({ route: { table }, operation, rows }: Run, lenient: boolean): Promise<number> {
    if (operation === 'delete') return this.#run(deleteRows(table, rows));
    if (operation === 'update') return this.#run(updateRows(table, rows));
    if (!lenient || table.key.length === 0) return this.#run(insertRows(table, rows, false));
    if (table.keyOnTarget) return this.#run(insertRows(table, rows, true));
    await this.#run(deleteRows(table, rows));
    return this.#run(insertRows(table, rows, false));
  }

  async #writeOneByOne(run: Run, lenient: boolean): Promise<void> {
    for (const row of run.rows) {
      if (run.route.progress.state === 'Table error') return;
      const single: Run = { ...run, rows: [row] };
      await this.#query('savepoint one');
      try {
        const written = await this.#writeSet(single, lenient);
        if (written > 0 || lenient || !run.certain) continue;
        await this.#reject(single, 'No rows affected');
      } catch (error) {
        if (isConnectionError(error) || error instanceof FatalTaskError) throw error;
        await this.#query('rollback to savepoint one');
        await this.#refused(single, error, lenient);
      }
    }
  }

  async #refused(run: Run, error: unknown, lenient: boolean): Promise<void> {
    const state = sqlState(error);
    const message = `${messageOf(error)} (SQLSTATE ${state})`;
    if (tableStates.test(state)) return this.#suspend(run.route, message);
    // A replayed or overlapping change may meet a later state of other rows; its own later change follows.
    if (lenient && state === '23505') {
      this.#options.log(`replayed change ignored: ${message}`);
      return;
    }
    await this.#reject(run, message);
  }

  async #reject(run: Run, message: string): Promise<void> {
    const behavior = this.#options.settings.ErrorBehavior;
    const policy = {
      insert: behavior.ApplyErrorInsertPolicy,
      update: behavior.ApplyErrorUpdatePolicy,
      delete: behavior.ApplyErrorDeletePolicy,
    }[run.operation];
    const row = run.rows[0] ?? [];
    if (policy === 'IGNORE_RECORD') return;
    if (policy === 'SUSPEND_TABLE') return this.#suspend(run.route, message);
    if (policy === 'STOP_TASK')
      throw new FatalTaskError(`Error applying ${run.operation} on table ${this.#nameOf(run.route)}: ${message}`);
    if (policy !== 'LOG_ERROR' && (await this.#overwrite(run.route, row))) return;
    await this.#except(run, message);
  }

  /** INSERT_RECORD and UPDATE_RECORD: the row as the source has it, whatever was there. */
  async #overwrite({ table }: Route, row: Row): Promise<boolean> {
    if (table.key.length === 0 || row.includes(undefined)) return false;
    await this.#query('savepoint over');
    try {
      await this.#run(deleteRows(table, [row]));
      await this.#run(insertRows(table, [row], false));
      return true;
    } catch (error) {
      if (isConnectionError(error)) throw error;
      await this.#query('rollback to savepoint over');
      return false;
    }
  }

  #nameOf({ progress }: Route): string {
    return `'${progress.schema}'.'${progress.table}'`;
  }

  async #suspend(route: Route, message: string): Promise<void> {
    if (this.#options.settings.ErrorBehavior.TableErrorPolicy === 'STOP_TASK')
      throw new FatalTaskError(`Table ${this.#nameOf(route)} failed: ${message}`);
    route.progress.state = 'Table error';
    route.progress.updatedAt = this.#options.now();
    this.#options.log(`table ${this.#nameOf(route)} suspended: ${message}`);
  }

  async #except(run: Run, message: string): Promise<void> {
    const { schema, table } = run.route.progress;
    this.#options.log(`${run.operation} on ${this.#nameOf(run.route)} not applied: ${message}`);
    await this.#query('savepoint exception');
    try {
      const key = run.route.table.key.map((index) => run.rows[0]?.[index] ?? null);
      await this.#options.client.query(
        `insert into ${quoteName(controlSchema(this.#options.settings))}.awsdms_apply_exceptions values ($1, $2, $3, $4, $5, $6)`,
        [
          this.#options.taskName,
          schema,
          table,
          new Date(this.#options.now()).toISOString(),
          `${run.operation.toUpperCase()} ${this.#nameOf(run.route)} key ${JSON.stringify(key)}`,
          message,
        ],
      );
    } catch (error) {
      if (isConnectionError(error)) throw error;
      await this.#query('rollback to savepoint exception');
    }
  }

  async commit(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#query('commit');
    this.#isOpen = false;
  }

  async rollback(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#query('rollback');
  }
}

export const createWriter = (options: WriterOptions): Writer => new TargetWriter(options);

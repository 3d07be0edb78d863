/** Runs rendered DDL, one statement per transaction, so that an interrupted run has whole objects or none. */
import { Fault } from '../../../../model/fault.ts';
import type { SchemaPort } from '../../../../ports/schema.ts';
import type { Connections } from '../connections.ts';
import { inspectSchema } from './inspect.ts';

/** DDL queues behind readers, and everyone queues behind it: giving up is kinder than holding a line of applications. */
const defaultLockTimeoutMs = 5_000;

/** What the server said about the statement itself; all else (a lost connection, a stale fencing number) keeps its own name. */
const aboutTheStatement = new Set([
  'database.statement-failed',
  'database.locked',
  'database.timeout',
  'database.no-privilege',
]);

const namingTheObject = (object: string, error: unknown): unknown => {
  if (!(error instanceof Fault) || !aboutTheStatement.has(error.code)) return error;
  return new Fault({
    code: 'schema.statement-failed',
    summary: 'A schema statement failed.',
    detail: `${object}: ${error.detail}`,
    hint:
      error.hint ||
      'Correct the object on the source or the target, then run the same command again: what exists is not made twice.',
    effect: error.effect,
    cause: error,
  });
};

const executeStatements = async (
  connections: Connections,
  lockTimeoutMs: number,
  statements: readonly { readonly object: string; readonly sql: string }[],
  onDone?: (object: string) => void,
): Promise<void> => {
  for (const { object, sql } of statements) {
    try {
      await connections.effect(
        async (tx) => {
          // Rendered names are qualified; bodies of functions may name objects that come later, and are not checked.
          await tx.query(
            `select set_config('search_path', '', true), set_config('check_function_bodies', 'off', true)`,
          );
          await tx.query(sql);
        },
        { lockTimeoutMs },
      );
    } catch (error) {
      throw namingTheObject(object, error);
    }
    onDone?.(object);
  }
};

export const postgresSchema = (
  connections: Connections,
  { lockTimeoutMs = defaultLockTimeoutMs }: { readonly lockTimeoutMs?: number } = {},
): SchemaPort => ({
  inspect: () => inspectSchema(connections),
  execute: (statements, onDone) => executeStatements(connections, lockTimeoutMs, statements, onDone),
});

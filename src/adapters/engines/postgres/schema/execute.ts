/** Runs rendered DDL, one statement per transaction, so that an interrupted run has whole objects or none. */
import { Fault, toFault } from '../../../../model/fault.ts';
import type { SchemaPort } from '../../../../ports/schema.ts';
import type { Connections } from '../connections.ts';
import { inspectSchema } from './inspect.ts';

/** DDL queues behind readers, and everyone queues behind it: giving up is kinder than holding a line of applications. */
const lockTimeoutMs = 5_000;

const statementFault = (object: string, error: unknown): Fault => {
  const known = toFault(error);
  // A Fault that is not "unknown driver error" (a stale fencing number, a lost connection) keeps its own name.
  if (known.code !== 'internal.unexpected') return known;
  const sqlState = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new Fault({
    code: 'schema.statement-failed',
    summary: 'A schema statement failed.',
    detail: `${object}: ${known.detail}`,
    hint:
      sqlState === '55P03'
        ? 'Another session holds a lock on the object. End it or wait, then run the same command again.'
        : 'Correct the object on the source or the target, then run the same command again: what exists is not made twice.',
    // With an SQLSTATE the server answered and rolled back; 08 and 57 are the connection or the server going away.
    effect: /^(?!08|57)[0-9A-Z]{5}$/.test(sqlState) ? 'none' : 'unknown',
    cause: error,
  });
};

const executeStatements = async (
  connections: Connections,
  statements: readonly { readonly object: string; readonly sql: string }[],
  onDone?: (object: string) => void,
): Promise<void> => {
  for (const { object, sql } of statements) {
    try {
      await connections.effect(
        async (tx) => {
          // Rendered names are qualified; bodies of functions may name objects that come later.
          await tx.query(
            `select set_config('search_path', '', true), set_config('check_function_bodies', 'off', true)`,
          );
          await tx.query(sql);
        },
        { lockTimeoutMs },
      );
    } catch (error) {
      throw statementFault(object, error);
    }
    onDone?.(object);
  }
};

export const postgresSchema = (connections: Connections): SchemaPort => ({
  inspect: () => inspectSchema(connections),
  execute: (statements, onDone) => executeStatements(connections, statements, onDone),
});

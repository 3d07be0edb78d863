/** One write: a transaction that ends acknowledged, refused or indeterminate, and never leaves doubt which. */
import type { ClientBase } from 'pg';
import type { Connection } from '../pool.ts';
import { isDisconnect } from '../pool.ts';
import type { Effect, WriteOutcome } from './op-log.ts';

/** What a transaction does between begin and commit; it returns the rows that it touched. */
export interface Operation {
  readonly kind: string;
  /** Rolled back by the application itself, as happens: its rows must never be seen anywhere. */
  readonly abandons?: boolean;
  run(client: ClientBase, op: string): Promise<readonly Effect[]>;
}

export interface WriteResult {
  readonly outcome: WriteOutcome;
  readonly server: string | null;
  readonly sentAt: number;
  readonly at: number;
  readonly effects: readonly Effect[];
  readonly code?: string;
  /** What the connection should be judged by. */
  readonly error?: unknown;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no-code';

export class Refused extends Error {
  readonly result: WriteResult;
  constructor(result: WriteResult) {
    super('the write did not happen', { cause: result.error });
    this.result = result;
  }
}

/** Before the commit is sent nothing can have happened, whatever breaks. */
const body = async (connection: Connection, operation: Operation, op: string): Promise<readonly Effect[]> => {
  const { client } = connection;
  await client.query('begin');
  const effects = await operation.run(client, op);
  if (operation.abandons) await client.query('rollback');
  return effects;
};

export const performWrite = async (connection: Connection, operation: Operation, op: string): Promise<WriteResult> => {
  const { client, server } = connection;
  let effects: readonly Effect[];
  try {
    effects = await body(connection, operation, op);
  } catch (error) {
    if (!isDisconnect(error)) await client.query('rollback').catch(() => undefined);
    const at = Date.now();
    return { outcome: 'refused', server, sentAt: at, at, effects: [], code: codeOf(error), error };
  }
  const sentAt = Date.now();
  if (operation.abandons) return { outcome: 'refused', server, sentAt, at: sentAt, effects, code: 'abandoned' };
  try {
    const { command } = await client.query('commit');
    const at = Date.now();
    // The server answers a commit of a failed transaction with ROLLBACK: that is a refusal, not success.
    return command === 'COMMIT'
      ? { outcome: 'acknowledged', server, sentAt, at, effects }
      : { outcome: 'refused', server, sentAt, at, effects, code: 'rolled-back' };
  } catch (error) {
    const outcome = isDisconnect(error) ? 'indeterminate' : 'refused';
    return { outcome, server, sentAt, at: Date.now(), effects, code: codeOf(error), error };
  }
};

/** For attempts that never got a connection. */
export const unreached = (error: unknown): WriteResult => {
  const at = Date.now();
  return { outcome: 'refused', server: null, sentAt: at, at, effects: [], code: codeOf(error), error };
};

/** The workload's diary: one line per write with how it ended, the evidence against which the databases are judged. */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * acknowledged: the commit was answered. refused: it certainly did not happen.
 * indeterminate: the connection was lost during the commit, it may have happened once.
 */
export type WriteOutcome = 'acknowledged' | 'refused' | 'indeterminate';

/** inserted, updated (version + 1), deleted, priced (a trigger adds one history row), set (the column holds the op's id). */
export type EffectKind = 'i' | 'u' | 'd' | 'p' | 's';

export interface Effect {
  readonly table: string;
  readonly kind: EffectKind;
  /** Key values joined by `/` in the shop; JSON text of the key columns in generic mode. */
  readonly key: string;
  /** Generic mode only: the column that was set. */
  readonly column?: string;
}

export interface OpRecord {
  readonly op: string;
  readonly client: string;
  /** Address of the server that it went to; null when none was reached. */
  readonly server: string | null;
  /** Wall ms: the commit was sent (or the attempt failed), the answer came. */
  readonly sentAt: number;
  readonly at: number;
  readonly outcome: WriteOutcome;
  readonly effects: readonly Effect[];
  /** SQLSTATE or driver code of a refusal. */
  readonly code?: string;
}

export interface OpLog {
  write(record: OpRecord): void;
  /** Resolves when everything is in the file. */
  close(): Promise<void>;
}

export const openOpLog = async (path: string): Promise<OpLog> => {
  const file = await open(path, 'a', 0o600);
  const stream = createWriteStream('', { fd: file, highWaterMark: 1 << 16 });
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write: (record) => {
      // Evidence that cannot be kept makes every later verdict worthless.
      if (failure) throw failure;
      stream.write(`${JSON.stringify(record)}\n`);
    },
    close: () =>
      new Promise((resolve, reject) => {
        stream.once('error', reject);
        stream.end(() => (failure ? reject(failure) : resolve()));
      }),
  };
};

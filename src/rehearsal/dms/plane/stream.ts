/** Reads a slot over the streaming replication protocol: bounded, paused when nobody takes, confirmed only as told. */
import type { Client as PgClient } from 'pg';
import { clientConfig, type DatabaseAddress, lsnText, messageOf, quoteName, sqlState } from './sql.ts';

export type StreamItem =
  | { readonly type: 'message'; readonly text: string; readonly lsn: bigint; readonly bytes: number }
  /** Everything that committed before `lsn` has been sent. */
  | { readonly type: 'alive'; readonly lsn: bigint };

export interface LogStream {
  /** What has arrived, in order; empty after `waitMs` without anything. Throws once the stream is broken. */
  take(waitMs: number): Promise<readonly StreamItem[]>;
  /** The server may forget what lies before. Sent with the next status message. */
  confirm(lsn: bigint): void;
  close(): Promise<void>;
}

/** The part of pg's connection that its types leave out. */
interface RawConnection {
  readonly stream: import('node:net').Socket;
  on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

const queueBytes = 2 * 1024 * 1024;
const statusMs = 1000;
/** The sender wakes once per message; a reader that pauses a moment gets many messages per wake-up, and more in all. */
const pauseMs = 1;
const postgresEpochMs = 946_684_800_000n;
const letterC = 67;

const statusMessage = (lsn: bigint): Buffer => {
  const message = Buffer.alloc(34);
  message[0] = 0x72;
  for (const offset of [1, 9, 17]) message.writeBigUInt64BE(lsn, offset);
  message.writeBigInt64BE((BigInt(Date.now()) - postgresEpochMs) * 1000n, 25);
  return message;
};

const startSql = (slot: string, from: bigint): string =>
  `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${lsnText(from)} ("include-xids" '1', "include-timestamp" '1', "skip-empty-xacts" '1')`;

const open = async (address: DatabaseAddress): Promise<PgClient> => {
  const { default: pg } = await import('pg');
  // pg knows the setting, its types do not.
  const config: import('pg').ClientConfig & { replication: string } = {
    ...clientConfig(address),
    replication: 'database',
  };
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

/** Resolves once the copy runs; `ended` settles when it is over, and is wrapped so that awaiting does not wait for that. */
const start = async (
  client: PgClient,
  connection: RawConnection,
  sql: string,
): Promise<{ readonly ended: Promise<unknown> }> => {
  const begun = new Promise<void>((resolve) => connection.once('replicationStart', resolve));
  const ended = client.query(sql);
  await Promise.race([begun, ended]);
  return { ended };
};

class Stream implements LogStream {
  readonly #client: PgClient;
  readonly #connection: RawConnection;
  #queue: StreamItem[] = [];
  #queuedBytes = 0;
  #failure: Error | undefined;
  #closed = false;
  #confirmed: bigint;
  #wake: (() => void) | undefined;
  #isWaitingForTaker = false;
  readonly #timer: NodeJS.Timeout;

  constructor(client: PgClient, connection: RawConnection, confirmed: bigint) {
    this.#client = client;
    this.#connection = connection;
    this.#confirmed = confirmed;
    connection.on('copyData', ({ chunk }) => this.#receive(chunk));
    connection.stream.on('data', () => this.#pause());
    connection.stream.on('close', () => this.fail(new Error('Connection terminated by the source')));
    this.#timer = setInterval(() => this.#sendStatus(), statusMs);
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  #pause(): void {
    if (this.#closed) return;
    this.#connection.stream.pause();
    if (this.#queuedBytes > queueBytes) this.#isWaitingForTaker = true;
    else setTimeout(() => this.#resume(), pauseMs);
  }

  #resume(): void {
    if (!this.#closed && !this.#isWaitingForTaker) this.#connection.stream.resume();
  }

  #receive(chunk: Buffer): void {
    if (chunk[0] === 0x77) {
      const text = chunk.toString('utf8', 25);
      // Only a commit's position counts; the others are not worth a bigint.
      const lsn = chunk[25] === letterC ? chunk.readBigUInt64BE(1) : 0n;
      this.#queue.push({ type: 'message', text, lsn, bytes: chunk.length });
      this.#queuedBytes += chunk.length;
    } else if (chunk[0] === 0x6b) {
      this.#queue.push({ type: 'alive', lsn: chunk.readBigUInt64BE(1) });
      if (chunk[17] === 1) this.#sendStatus();
    }
    this.#wake?.();
  }

  #sendStatus(): void {
    if (this.#closed || this.#failure) return;
    this.#connection.sendCopyFromChunk(statusMessage(this.#confirmed));
  }

  confirm(lsn: bigint): void {
    if (lsn > this.#confirmed) this.#confirmed = lsn;
  }

  async take(waitMs: number): Promise<readonly StreamItem[]> {
    if (this.#queue.length === 0 && !this.#failure)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#wake = undefined;
    if (this.#queue.length === 0 && this.#failure) throw this.#failure;
    const items = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#isWaitingForTaker) {
      this.#isWaitingForTaker = false;
      this.#resume();
    }
    return items;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#sendStatus();
    this.#closed = true;
    clearInterval(this.#timer);
    this.#connection.stream.resume();
    // A sender that is busy may not read a farewell; it notices a closed socket.
    const ended = this.#client.end().catch(() => undefined);
    const giveUp = setTimeout(() => this.#connection.stream.destroy(), 500);
    await ended;
    clearTimeout(giveUp);
  }
}

const busySeconds = 15;

/** Opens the stream at `from` (0 for where the slot stands); waits a while for a reader that has just gone. */
export const openStream = async (address: DatabaseAddress, slot: string, from: bigint): Promise<LogStream> => {
  const deadline = Date.now() + busySeconds * 1000;
  for (;;) {
    const client = await open(address);
    const connection = (client as unknown as { connection: RawConnection }).connection;
    const stream = new Stream(client, connection, from);
    try {
      const { ended } = await start(client, connection, startSql(slot, from));
      ended.then(
        () => stream.fail(new Error('Connection terminated: the source ended the stream')),
        (error: Error) => stream.fail(error),
      );
      return stream;
    } catch (error) {
      await stream.close();
      // 55006: the walsender of a killed process has not noticed yet.
      if (sqlState(error) !== '55006' || Date.now() > deadline)
        throw Object.assign(new Error(messageOf(error)), { code: sqlState(error) || undefined });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};

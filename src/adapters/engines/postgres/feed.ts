/** Octank's own change feed: one replication connection, read in order with bounded memory, acknowledged only when asked. */
import type { Socket } from 'node:net';
import type { Client } from 'pg';
import type { Pgoutput } from 'pg-logical-replication';
import { Fault } from '../../../model/fault.ts';
import type { Position } from '../../../model/position.ts';
import { quoteIdent } from '../../../model/postgres-quote.ts';
import { tableKey } from '../../../model/table.ts';
import type { Feed, FeedEvent } from '../../../ports/change-streams.ts';
import type { Connections } from './connections.ts';
import { driverError, sqlState } from './errors.ts';
import { type FeedDecoder, feedDecoder } from './feed-decoder.ts';
import { lsnOf, positionOf } from './lsn.ts';
import { sessionSettings } from './pool.ts';
import { keyColumnsExpression } from './relations.ts';

/** The socket is paused above, and read again below. */
const highWater = 20_000;
const lowWater = 2_000;
/** Asks the server how far it has read: an idle source still makes progress, and a drain is seen at once. */
const statusMs = 100;
const releaseMs = 10_000;
/** After this the reader is not one that is just going: it was stopped (SIGSTOP, a frozen machine), and keeps the slot until wal_sender_timeout. */
const evictMs = 2_000;
/** How long a stream may take to end by itself before its connection is cut. */
const goodbyeMs = 2_000;

/** What `pg` gives to replication clients without typing it. */
interface ReplicationConnection {
  readonly stream: Socket;
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const replicationOf = (client: Client): ReplicationConnection =>
  (client as unknown as { readonly connection: ReplicationConnection }).connection;

const broken = (slot: string, why: string, cause?: unknown): Fault =>
  new Fault({
    code: 'feed.broken',
    summary: 'The change feed broke off.',
    detail: `${slot}: ${why}`,
    hint: 'It continues after what was acknowledged; apply again if octank does not open it by itself.',
    effect: 'none',
    cause,
  });

/** Events in order, one reader; a failure is thrown after what came before it. */
const eventQueue = (flow: { pause(): void; resume(): void }) => {
  let items: FeedEvent[] = [];
  let taken = 0;
  let ending: { readonly fault: Fault | null } | undefined;
  let paused = false;
  let wake: () => void = () => undefined;

  const take = (): FeedEvent | undefined => {
    const item = items[taken];
    if (item !== undefined) taken += 1;
    // Shifting an array is slow when it is long; the taken part is cut off now and then.
    if (taken > 4096 || taken === items.length) {
      items = items.slice(taken);
      taken = 0;
    }
    if (paused && items.length - taken < lowWater) {
      paused = false;
      flow.resume();
    }
    return item;
  };

  return {
    push: (events: readonly FeedEvent[]): void => {
      if (events.length === 0 || ending) return;
      const last = items.at(-1);
      for (const event of events) {
        // On an idle source only the newest position matters.
        if (event.type === 'progress' && last?.type === 'progress' && items.length > taken) items.pop();
        items.push(event);
      }
      if (!paused && items.length - taken > highWater) {
        paused = true;
        flow.pause();
      }
      wake();
    },
    end: (fault: Fault | null): void => {
      ending ??= { fault };
      wake();
    },
    events: async function* (): AsyncGenerator<FeedEvent> {
      for (;;) {
        const item = take();
        if (item) {
          yield item;
          continue;
        }
        if (ending?.fault) throw ending.fault;
        if (ending) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};

type EventQueue = ReturnType<typeof eventQueue>;

/** Microseconds since 2000-01-01, the protocol's clock. */
const protocolNow = (): bigint => BigInt(Date.now() - Date.UTC(2000, 0, 1)) * 1000n;

/** The server forgets before `flushed` only; `received` keeps the connection alive and nothing else. */
const statusMessage = (received: bigint, flushed: bigint): Buffer => {
  const message = Buffer.alloc(34);
  message.write('r', 0, 'latin1');
  message.writeBigUInt64BE(received, 1);
  message.writeBigUInt64BE(flushed, 9);
  message.writeBigUInt64BE(flushed, 17);
  message.writeBigInt64BE(protocolNow(), 25);
  message.writeUInt8(1, 33);
  return message;
};

const readKeyColumns = async (
  connections: Connections,
  publications: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const rows = await connections.query<{ schema: string; table: string; columns: readonly string[] }>(
    `SELECT DISTINCT n.nspname AS schema, c.relname AS table, ${keyColumnsExpression('c.oid')} AS columns
     FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = ANY ($1)`,
    [publications],
  );
  return new Map(rows.map((row) => [tableKey(row), row.columns]));
};

const connect = async (connections: Connections): Promise<Client> => {
  const { default: pg } = await import('pg');
  const config = { ...connections.clientConfig, replication: 'database' };
  const client = new pg.Client(config);
  await client.connect();
  await client.query(sessionSettings);
  // The walsender's own settings: it is idle for as long as nothing changes.
  await client.query('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
  return client;
};

interface Stream {
  readonly client: Client;
  /** Settles when the server has ended the stream, having read everything that was sent to it. */
  readonly ended: Promise<unknown>;
}

interface FeedOptions {
  readonly slot: string;
  readonly publications: readonly string[];
}

/** Refused to whoever does not hold the newest fencing number: an overtaken or reading octank ends nobody. */
const evictReader = (connections: Connections, slot: string): Promise<unknown> =>
  connections
    .effect((tx) =>
      tx.query(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL',
        [slot],
      ),
    )
    .catch(() => undefined);

/** A reader that died a moment ago may still hold the slot. Faults: `feed.missing`, `feed.broken`. */
const start = async (
  connections: Connections,
  { slot, publications }: FeedOptions,
  read: (chunk: Buffer) => void,
): Promise<Stream> => {
  const deadline = Date.now() + releaseMs;
  const evictAt = Date.now() + evictMs;
  const names = publications.map(quoteIdent).join(',');
  for (;;) {
    const client = await connect(connections);
    // Before the start: the first messages may come in the same packet as its answer.
    replicationOf(client).on('copyData', ({ chunk }) => read(chunk));
    const started = new Promise<undefined>((resolve) => {
      replicationOf(client).once('replicationStart', () => resolve(undefined));
    });
    const ended = client
      .query(`START_REPLICATION SLOT ${quoteIdent(slot)} LOGICAL 0/0 (proto_version '1', publication_names '${names}')`)
      .then(() => new Error('the server ended the stream'))
      .catch((error: unknown) => error);
    client.on('error', () => undefined);
    const failure = await Promise.race([started, ended]);
    if (failure === undefined) return { client, ended };
    await client.end().catch(() => undefined);
    if (sqlState(failure) === '42704')
      throw new Fault({
        code: 'feed.missing',
        summary: 'The change feed is gone.',
        detail: `${slot}: ${driverError(failure).message}`,
        hint: 'Someone dropped its slot or publication; parity must be checked in full again.',
        effect: 'none',
        cause: failure,
      });
    if (sqlState(failure) !== '55006' || Date.now() > deadline)
      throw broken(slot, driverError(failure).message, failure);
    if (Date.now() > evictAt) await evictReader(connections, slot);
    await new Promise((resolve) => setTimeout(resolve, statusMs));
  }
};

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Messages of the stream into the queue; knows how far it has read. */
const streamReader = (decoder: FeedDecoder, parse: (message: Buffer) => Pgoutput.Message, queue: EventQueue) => {
  let received = 0n;
  return {
    received: () => received,
    read: (chunk: Buffer): void => {
      const kind = String.fromCharCode(chunk[0] ?? 0);
      const position = chunk.readBigUInt64BE(1);
      if (kind === 'w') queue.push(decoder.decode(parse(chunk.subarray(25))));
      // Everything that committed before a keepalive's position has been sent, whether it concerned the feed or not.
      if (kind === 'k') queue.push([{ type: 'progress', position: positionOf(position) }]);
      received = max(received, position);
    },
  };
};

/** Begins after what was last acknowledged. */
export const openFeed = async (connections: Connections, options: FeedOptions): Promise<Feed> => {
  const [keyColumns, { PgoutputPlugin }] = await Promise.all([
    readKeyColumns(connections, options.publications),
    import('pg-logical-replication'),
  ]);
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [...options.publications] });
  let socket: Socket | undefined;
  const queue = eventQueue({ pause: () => socket?.pause(), resume: () => socket?.resume() });
  const reader = streamReader(feedDecoder(keyColumns), (message) => plugin.parse(message), queue);
  let flushed = 0n;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const fail = (error: unknown): void => {
    clearInterval(timer);
    queue.end(broken(options.slot, driverError(error).message, error));
  };
  const { client, ended } = await start(connections, options, (chunk) => {
    try {
      reader.read(chunk);
    } catch (error) {
      fail(error);
    }
  });
  const replication = replicationOf(client);
  socket = replication.stream;
  const sendStatus = (): void => {
    if (!closed && replication.stream.writable)
      replication.sendCopyFromChunk(statusMessage(reader.received(), flushed));
  };
  timer = setInterval(sendStatus, statusMs);
  client.on('error', fail);
  client.on('end', () => fail(new Error('the connection ended')));
  // Also what broke before anyone listened.
  void ended.then(fail);
  sendStatus();

  return {
    // A new loop goes on where the last one left off.
    events: { [Symbol.asyncIterator]: () => queue.events() },
    acknowledge: (position: Position) => {
      flushed = max(flushed, lsnOf(position));
    },
    close: async () => {
      if (closed) return;
      sendStatus();
      closed = true;
      clearInterval(timer);
      queue.end(null);
      replication.stream.resume();
      // A connection that is simply cut may lose the last acknowledgement on its way.
      if (replication.stream.writable) replication.endCopyFrom();
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, goodbyeMs).unref())]);
      await client.end().catch(() => undefined);
    },
  };
};

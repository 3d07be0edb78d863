/** An application in a few lines: writes as its secret says, remembers what was acknowledged, and so can tell what was lost and for how long nothing went. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type AwsConfig, openSecret } from '../lab/secret.ts';

export interface Writer {
  /** Tokens (customer.email) of writes that a database acknowledged, in order. */
  acknowledged(): readonly string[];
  /** The longest time between two acknowledged writes since `from` (wall milliseconds), the time since the last one included. */
  longestGapMs(from: number): number;
  /** Resolves at the next acknowledged write; rejects at the deadline. */
  writes(deadlineMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const everyMs = 40;

export const startWriter = (options: { readonly aws: AwsConfig; readonly secret: string }): Writer => {
  const secret = openSecret({ aws: options.aws, id: options.secret, ttlMs: 1000 });
  const acks: { readonly token: string; readonly at: number }[] = [];
  let client: pg.Client | undefined;
  let ends = false;

  const drop = async (): Promise<void> => {
    const old = client;
    client = undefined;
    secret.distrust();
    await old?.end().catch(() => undefined);
  };
  const connected = async (): Promise<pg.Client> => {
    if (client) return client;
    const { host, port, username, password, dbname } = await secret.read();
    const next = new pg.Client({
      host,
      port,
      user: username,
      password,
      database: dbname,
      application_name: 'test-writer',
      query_timeout: 2000,
      connectionTimeoutMillis: 2000,
    });
    next.on('error', () => undefined);
    await next.connect();
    client = next;
    return next;
  };
  const loop = async (): Promise<void> => {
    for (let number = 1; !ends; number += 1) {
      const token = `writer-${number}@example.com`;
      try {
        const database = await connected();
        await database.query('INSERT INTO shop.customer (email, full_name) VALUES ($1, $2)', [token, 'A Writer']);
        acks.push({ token, at: Date.now() });
      } catch {
        // Refused or unknown: never repeated, so what is acknowledged is there exactly once.
        await drop();
      }
      await sleep(everyMs);
    }
    await drop();
  };
  const running = loop();

  return {
    acknowledged: () => acks.map((ack) => ack.token),
    longestGapMs: (from) => {
      const times = [from, ...acks.map((ack) => ack.at).filter((at) => at >= from), Date.now()];
      return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
    },
    writes: async (deadlineMs = 15_000) => {
      const before = acks.length;
      const deadline = Date.now() + deadlineMs;
      while (acks.length === before) {
        if (Date.now() > deadline) throw new Error(`no write was acknowledged in ${deadlineMs} ms`);
        await sleep(10);
      }
    },
    stop: async () => {
      ends = true;
      await running;
      secret.close();
    },
  };
};

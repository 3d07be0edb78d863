/** A connection that is opened again when something ended it: fences end sessions, and the checker must go on watching. */
import pg from 'pg';

export interface Session {
  /** Rejects when the server cannot be asked now; the next call tries again. */
  with<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export const openSession = (connection: pg.ClientConfig): Session => {
  let held: pg.Client | undefined;
  let tail: Promise<unknown> = Promise.resolve();

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({
      ...connection,
      application_name: 'octank-lab-checker',
      connectionTimeoutMillis: 2000,
    });
    client.on('error', () => {
      if (held === client) held = undefined;
    });
    await client.connect();
    held = client;
    return client;
  };
  const drop = async (): Promise<void> => {
    const client = held;
    held = undefined;
    await client?.end().catch(() => undefined);
  };

  return {
    with: (work) => {
      const next = tail.then(async () => {
        try {
          return await work(held ?? (await connect()));
        } catch (error) {
          await drop();
          throw error;
        }
      });
      tail = next.catch(() => undefined);
      return next;
    },
    close: async () => {
      await tail;
      await drop();
    },
  };
};

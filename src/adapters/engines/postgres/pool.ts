/** A small lazy pool of connections, each prepared once so that values read the same on every server. */
import type { Knex } from 'knex';
import type { Client, CustomTypesConfig } from 'pg';
import { Fault } from '../../../model/fault.ts';
import { connectFault } from './errors.ts';
import type { Target } from './secret.ts';

/** Text forms that do not depend on the server's or role's settings; an empty path makes every name mean one thing. */
export const sessionSettings = [
  "SET search_path = ''",
  "SET timezone = 'UTC'",
  "SET datestyle = 'ISO, YMD'",
  "SET intervalstyle = 'postgres'",
  'SET extra_float_digits = 3',
  "SET bytea_output = 'hex'",
  "SET lc_monetary = 'C'",
  "SET xmloption = 'content'",
  "SET client_min_messages = 'warning'",
  "SET client_encoding = 'UTF8'",
  "SET row_security = 'off'",
  "SET default_transaction_isolation = 'read committed'",
  'SET synchronous_commit = on',
  "SET statement_timeout = '60s'",
  "SET lock_timeout = '30s'",
  "SET idle_in_transaction_session_timeout = '120s'",
].join('; ');

// Dates, times, intervals and points lose digits or zones as JavaScript objects.
const textOids = new Set([1082, 1083, 1114, 1184, 1186, 1266, 600, 718, 790]);
const textArrayOids = new Map([
  [1115, 1009],
  [1182, 1009],
  [1183, 1009],
  [1185, 1009],
  [1187, 1009],
  [1231, 1009],
]);

export interface Pool {
  acquire(): Promise<Client>;
  release(client: Client): void;
  /** Ends a connection whose state nobody knows any more; it is released as any other. */
  discard(client: Client): void;
  close(): Promise<void>;
}

interface KnexClient {
  acquireConnection(): Promise<Client>;
  releaseConnection(connection: Client): Promise<void>;
}

const mute = {
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  deprecate: () => undefined,
};

const maxConnections = 5;

const openKnex = async (target: Target): Promise<Knex> => {
  const [{ default: knex }, { default: pg }] = await Promise.all([import('knex'), import('pg')]);
  const types: CustomTypesConfig = {
    getTypeParser: (oid: number, format?: 'text' | 'binary') => {
      if (textOids.has(oid)) return (value: string) => value;
      return format === 'binary'
        ? pg.types.getTypeParser(oid, 'binary')
        : pg.types.getTypeParser(textArrayOids.get(oid) ?? oid, 'text');
    },
  };
  return knex({
    client: 'pg',
    connection: { ...target.client, types } as Knex.PgConnectionConfig,
    acquireConnectionTimeout: 60_000,
    log: mute,
    pool: {
      min: 0,
      max: maxConnections,
      idleTimeoutMillis: 30_000,
      createTimeoutMillis: 20_000,
      afterCreate: (client: Client, done: (error: Error | null, client: Client) => void) => {
        client.query(sessionSettings, (error) => done(error, client));
      },
    },
  });
};

const closedFault = ({ place }: Target): Fault =>
  new Fault({
    code: 'database.closed',
    summary: 'The connections to a database were closed while something was still to be read.',
    detail: `${place.host}:${place.port}, database ${place.database}.`,
    hint: 'Run the same command again.',
  });

/** Connects on first use. Faults of `acquire`: see `connectFault`. */
export const openPool = (target: Target): Pool => {
  let opening: Promise<Knex> | undefined;
  let isClosed = false;
  // Each connection goes back to the pool it came from, also while that is being closed: closing waits for it.
  const homes = new WeakMap<Client, KnexClient>();
  return {
    acquire: async () => {
      // A reader that goes on after its sibling failed would open a pool that nobody closes: it kept the process alive for 30 s.
      if (isClosed) throw closedFault(target);
      opening ??= openKnex(target);
      const knex = (await opening).client as KnexClient;
      try {
        const client = await knex.acquireConnection();
        homes.set(client, knex);
        return client;
      } catch (error) {
        throw connectFault(error, target.place);
      }
    },
    release: (client) => {
      void homes.get(client)?.releaseConnection(client);
    },
    discard: (client) => {
      // knex hands out only connections without this mark.
      Reflect.set(client, '__knex__disposed', new Error('discarded'));
      void client.end().catch(() => undefined);
    },
    close: async () => {
      isClosed = true;
      const knex = await opening?.catch(() => undefined);
      opening = undefined;
      await knex?.destroy();
    },
  };
};

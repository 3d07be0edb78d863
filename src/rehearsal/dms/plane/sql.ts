/** Connections of a task to its databases, and the little SQL text that everything here shares. */
import type { ClientConfig, Client as PgClient } from 'pg';

export type Client = PgClient;

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Run on every new connection. */
  readonly afterConnect: string | null;
}

/** Values must read the same whatever the server's own settings are: both sides get one form. */
const sessionOptions =
  '-c datestyle=iso,ymd -c intervalstyle=postgres -c extra_float_digits=3 -c timezone=UTC -c bytea_output=hex -c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0';

const connectSeconds = 10;

export const clientConfig = (address: DatabaseAddress): ClientConfig => ({
  host: address.host,
  port: address.port,
  user: address.user,
  password: address.password,
  database: address.database,
  application_name: 'awsdms',
  options: sessionOptions,
  connectionTimeoutMillis: connectSeconds * 1000,
  keepAlive: true,
});

export const connect = async (address: DatabaseAddress): Promise<Client> => {
  const { default: pg } = await import('pg');
  const client = new pg.Client(clientConfig(address));
  // A connection that dies while idle is noticed by the next statement; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    if (address.afterConnect !== null && address.afterConnect.trim() !== '') await client.query(address.afterConnect);
  } catch (error) {
    await client.end();
    throw error;
  }
  return client;
};

export const closeQuietly = async (client: Client | undefined): Promise<void> => {
  // The server may be gone already, then there is nothing left to close.
  await client?.end().catch(() => undefined);
};

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const quoteTable = (schema: string, table: string): string => `${quoteName(schema)}.${quoteName(table)}`;
export const quoteText = (value: string): string =>
  value.includes('\\')
    ? ` E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${value.replaceAll("'", "''")}'`;

const connectionCodes = /^(08|57P0[123]|53300)/;
const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND']);

/** The connection is at fault, not the statement: worth another try. */
export const isConnectionError = (error: unknown): boolean => {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== undefined && (connectionCodes.test(code) || networkCodes.has(code))) return true;
  return (
    code === undefined &&
    /Connection terminated|connection timeout|Client has encountered|not queryable/i.test(message ?? '')
  );
};

export const sqlState = (error: unknown): string => (error as { code?: string }).code ?? '';
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** LSN text as a number that can be compared. */
export const lsnValue = (lsn: string): bigint => {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

export const lsnText = (value: bigint): string =>
  `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffffffffn).toString(16).toUpperCase()}`;

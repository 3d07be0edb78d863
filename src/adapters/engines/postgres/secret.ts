/** The JSON secret of a PostgreSQL database as connection settings; TLS is verified unless the host is this machine. */
import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';
import { Fault } from '../../../model/fault.ts';

export const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** Where a connection goes, for fault details; never the password. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly role: string;
}

export interface Target {
  readonly place: Place;
  readonly sslMode: SslMode;
  readonly client: ClientConfig;
}

const bad = (why: string): Fault =>
  new Fault({
    code: 'database.secret-invalid',
    summary: 'The secret of a database is not what octank can read.',
    detail: why,
    hint: 'It is JSON text with host, port, username, password, dbname and, optionally, sslmode and sslrootcert (a file).',
  });

// The parser's own message quotes the text, which holds the password: it is dropped on purpose.
const parse = (name: string, secret: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(secret);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    throw bad(`The secret of ${name} is not JSON.`);
  }
  throw bad(`The secret of ${name} is not a JSON object.`);
};

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

const text = (name: string, fields: Readonly<Record<string, unknown>>, key: string): string => {
  const value = fields[key];
  if (typeof value === 'string' && value !== '') return value;
  throw bad(`The secret of ${name} lacks ${key}.`);
};

const portOf = (name: string, value: unknown): number => {
  const port = Number(value ?? 5432);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw bad(`The port in the secret of ${name} is not a port.`);
};

const sslModeOf = (name: string, host: string, value: unknown): SslMode => {
  if (value === undefined || value === null) return isLoopback(host) ? 'disable' : 'verify-full';
  const known = sslModes.find((mode) => mode === value);
  // `prefer` and `allow` fall back to plain text in silence, which nobody would notice.
  if (!known) throw bad(`The sslmode in the secret of ${name} is none of ${sslModes.join(', ')}.`);
  return known;
};

const tlsOf = (name: string, mode: SslMode, rootCertificate: unknown): ClientConfig['ssl'] => {
  if (mode === 'disable') return false;
  if (mode === 'require') return { rejectUnauthorized: false };
  const file = typeof rootCertificate === 'string' && rootCertificate !== '' ? rootCertificate : undefined;
  const ca = file === undefined ? undefined : readCertificate(name, file);
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
};

const readCertificate = (name: string, file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault({
      code: 'database.tls',
      summary: 'The root certificate of a database cannot be read.',
      detail: `${name}: ${file}`,
      hint: 'Correct sslrootcert in the secret; for Aurora it is the global bundle of RDS.',
      cause,
    });
  }
};

/** Faults: `database.secret-invalid`, `database.tls`. */
export const decodeSecret = (name: string, secret: string): Target => {
  const fields = parse(name, secret);
  const host = text(name, fields, 'host');
  const place = {
    host,
    port: portOf(name, fields.port),
    database: text(name, fields, 'dbname'),
    role: text(name, fields, 'username'),
  };
  const sslMode = sslModeOf(name, host, fields.sslmode);
  return {
    place,
    sslMode,
    client: {
      host,
      port: place.port,
      database: place.database,
      user: place.role,
      password: text(name, fields, 'password'),
      ssl: tlsOf(name, sslMode, fields.sslrootcert),
      application_name: 'octank',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  };
};

/** Driver errors as named faults, with the effect that their place in the protocol proves. */
import { Fault, type FaultEffect } from '../../../model/fault.ts';
import type { Place } from './secret.ts';

/** What `pg` errors carry beyond a message. */
export interface DriverError {
  readonly message: string;
  readonly code?: string;
  readonly constraint?: string;
  readonly detail?: string;
}

export const driverError = (error: unknown): DriverError => {
  if (!(error instanceof Error)) return { message: String(error) };
  const field = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  const [code, constraint, detail] = [field('code'), field('constraint'), field('detail')];
  // Several addresses of one name, all refused: Node wraps them and leaves the message empty.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  return {
    message: error.message || (first instanceof Error ? first.message : (code ?? error.name)),
    ...(code === undefined ? {} : { code }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(detail === undefined ? {} : { detail }),
  };
};

export const sqlState = (error: unknown): string | undefined => driverError(error).code;

const lostCodes = new Set(['57P01', '57P02', '57P03', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED']);
const lostText =
  /connection (was )?(terminated|ended|closed)|connection error and is not queryable|query read timeout|socket has been ended/i;

/** The connection is gone, so whatever was not committed is rolled back by the server. */
export const isLost = (error: unknown): boolean => {
  const { code = '', message } = driverError(error);
  return lostCodes.has(code) || code.startsWith('08') || lostText.test(message);
};

const at = ({ host, port, database, role }: Place): string => `${host}:${port}, database ${database}, role ${role}`;

const tlsCodes =
  /^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_OSSL|HOSTNAME_MISMATCH)/;
const tlsText = /does not support SSL|no encryption|SSL off|certificate/i;

/** Faults: `database.unreachable`, `.wrong-password`, `.missing`, `.tls`, `.too-many-connections`, `.refused`; nothing has been done yet. */
export const connectFault = (error: unknown, place: Place): Fault => {
  const { code = '', message } = driverError(error);
  const fault = (name: string, summary: string, hint: string): Fault =>
    new Fault({
      code: `database.${name}`,
      summary,
      detail: `${at(place)}: ${message}`,
      hint,
      effect: 'none',
      cause: error,
    });
  if (tlsCodes.test(code) || tlsText.test(message))
    return fault(
      'tls',
      'The encrypted connection to a database could not be made.',
      'Give the certificate authority as sslrootcert in the secret (for Aurora: the global bundle of RDS), or correct sslmode.',
    );
  if (code === '28P01' || /password authentication failed/i.test(message))
    return fault(
      'wrong-password',
      'A database refused the role or its password.',
      'Correct username and password in the secret.',
    );
  if (code === '3D000') return fault('missing', 'The database does not exist on the server.', 'Correct dbname.');
  if (code === '53300')
    return fault('too-many-connections', 'The server has no connection left.', 'Raise max_connections, or end some.');
  if (code.startsWith('28') || code === '42501')
    return fault('refused', 'The server refuses the role.', 'Allow it in pg_hba.conf, and grant it LOGIN and CONNECT.');
  return fault(
    'unreachable',
    'A database cannot be reached.',
    'Check that the server runs, and that its address, port and firewall let this machine in.',
  );
};

/** A statement that failed on an open connection. `lostEffect`: what a lost connection leaves behind at this place. */
export const statementFault = (error: unknown, place: Place, lostEffect: FaultEffect = 'none'): Fault => {
  if (error instanceof Fault) return error;
  const { code = '', message, detail } = driverError(error);
  const fault = (name: string, summary: string, hint: string, effect: FaultEffect = 'none'): Fault =>
    new Fault({
      code: `database.${name}`,
      summary,
      detail: `${at(place)}: ${message}${code ? ` (${code})` : ''}${detail ? ` ${detail}` : ''}`,
      hint,
      effect,
      cause: error,
    });
  if (isLost(error))
    return fault(
      'connection-lost',
      'The connection to a database broke.',
      'Run the same command again: it looks first.',
      lostEffect,
    );
  if (code === '55P03')
    return fault('locked', 'A lock was not granted in time.', 'Look who holds it in pg_locks, then apply again.');
  if (code === '57014')
    return fault('timeout', 'A statement took longer than it may.', 'Apply again when the server is less busy.');
  if (code === '42501')
    return fault('no-privilege', 'The role lacks a privilege.', 'Grant it, as the message says, then apply again.');
  return fault('statement-failed', 'The database refused a statement.', '');
};

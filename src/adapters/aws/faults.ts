/** Any error of the AWS SDK as a Fault: by name, and classed by whether the effect can have happened. */
import { exitCodes, Fault, type FaultEffect } from '../../model/fault.ts';

export interface AwsCall {
  /** For people: `Route 53`. */
  readonly service: string;
  readonly operation: string;
  /** Whether an answer that was lost may hide an effect. */
  readonly mutates: boolean;
  /** Request or answer hold a secret: then nothing of AWS's own text is repeated, and no cause is kept. */
  readonly secret?: boolean;
}

interface SdkError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  /** Set on answers of the service, `server` for its own failures. */
  readonly side: string;
  readonly status: number | null;
  readonly attempts: number;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);

export const sdkError = (error: unknown): SdkError => {
  const bag = (typeof error === 'object' && error !== null ? error : {}) as Readonly<Record<string, unknown>>;
  const metadata = (bag.$metadata ?? {}) as Readonly<Record<string, unknown>>;
  return {
    name: textOf(bag.name),
    code: textOf(bag.code),
    message: error instanceof Error ? error.message : String(error),
    side: textOf(bag.$fault),
    status: numberOf(metadata.httpStatusCode),
    attempts: numberOf(metadata.attempts) ?? 1,
  };
};

export const isNamed = (error: unknown, ...names: readonly string[]): boolean => names.includes(sdkError(error).name);

/** Names differ between services for one thing: `Throttling` is Route 53's, unmodelled; the modelled ones are others'. */
export const isThrottled = (error: unknown): boolean =>
  isNamed(
    error,
    'Throttling',
    'ThrottlingException',
    'ThrottledException',
    'RequestLimitExceeded',
    'TooManyRequestsException',
    'RequestThrottled',
    'RequestThrottledException',
    'PriorRequestNotComplete',
  );

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const lost = new Set(['ETIMEDOUT', 'ECONNRESET', 'EPIPE', 'ECONNABORTED']);
const denied = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AccessDeniedFault',
  'AuthorizationError',
  'AuthorizationErrorException',
  'UnauthorizedOperation',
]);
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']);
const credentials = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'IncompleteSignature',
]);

interface Kind {
  readonly code: string;
  readonly summary: string;
  readonly hint: string;
  /** Of the last attempt alone. */
  readonly effect: FaultEffect;
}

const kinds = {
  denied: {
    code: 'aws.denied',
    summary: 'AWS denied a call.',
    hint: 'Grant the permission named, then run the same command again.',
    effect: 'none',
  },
  expired: {
    code: 'aws.credentials-expired',
    summary: 'The AWS credentials have expired.',
    hint: 'Sign in again (aws sso login), then run the same command: it continues.',
    effect: 'none',
  },
  credentials: {
    code: 'aws.no-credentials',
    summary: 'There are no AWS credentials that AWS accepts.',
    hint: 'Check aws.profile and aws.assumeRole of the plan: octank doctor.',
    effect: 'none',
  },
  throttled: {
    code: 'aws.throttled',
    summary: 'AWS throttled a call until octank gave up.',
    hint: 'Wait a minute, then run the same command again: it continues.',
    effect: 'none',
  },
  unreachable: {
    code: 'aws.unreachable',
    summary: 'An AWS endpoint cannot be reached.',
    hint: 'Check the network, the region, and AWS_ENDPOINT_URL.',
    effect: 'none',
  },
  lost: {
    code: 'aws.no-answer',
    summary: 'AWS gave no answer in time.',
    hint: 'Run the same command again: it looks first whether the effect happened.',
    effect: 'unknown',
  },
  unreadable: {
    code: 'aws.unreadable-answer',
    summary: 'An answer is not one of AWS: something between may have answered.',
    hint: 'Check proxies and AWS_ENDPOINT_URL; then run the same command again: it looks first.',
    effect: 'unknown',
  },
  unavailable: {
    code: 'aws.unavailable',
    summary: 'AWS failed to answer a call.',
    hint: 'Run the same command again: it looks first whether the effect happened.',
    effect: 'unknown',
  },
  refused: {
    code: 'aws.refused',
    summary: 'AWS refused a call.',
    hint: 'Correct what AWS names, then run the same command again.',
    effect: 'none',
  },
} as const satisfies Record<string, Kind>;

const kindOf = (error: unknown, seen: SdkError): Kind => {
  if (denied.has(seen.name)) return kinds.denied;
  if (expired.has(seen.name)) return kinds.expired;
  if (credentials.has(seen.name)) return kinds.credentials;
  if (isThrottled(error)) return kinds.throttled;
  if (neverSent.has(seen.code) || /CERT|TLS|SSL/.test(seen.code)) return kinds.unreachable;
  if (seen.name === 'TimeoutError' && seen.code === '' && /connection/i.test(seen.message)) return kinds.unreachable;
  if (lost.has(seen.code) || seen.name === 'TimeoutError') return kinds.lost;
  if ((seen.status ?? 0) >= 500) return kinds.unavailable;
  // Only answers of the service itself carry a side; a proxy's page does not, and `Unknown` is one that named nothing.
  if (seen.side === '' || seen.name === 'Unknown') return kinds.unreadable;
  return kinds.refused;
};

/** What an SDK error leaves known about the effect: an earlier attempt of the SDK's own may have been carried out. */
const effectOf = (kind: Kind, call: AwsCall, attempts: number): FaultEffect => {
  if (!call.mutates) return 'none';
  return attempts > 1 ? 'unknown' : kind.effect;
};

const detailOf = (seen: SdkError, call: AwsCall, kind: Kind): string => {
  const name = seen.name === '' || seen.name === 'Error' ? seen.code : seen.name;
  // The SDK quotes the beginning of an answer it cannot parse; nobody knows whose text that is.
  const quiet = call.secret === true || kind.code === kinds.unreadable.code;
  const status = seen.status === null ? '' : ` (HTTP ${seen.status})`;
  return quiet
    ? `${call.service} ${call.operation}: ${name}${status}`
    : `${call.service} ${call.operation}: ${name}${status}: ${seen.message}`;
};

export const awsFault = (error: unknown, call: AwsCall): Fault => {
  if (error instanceof Fault) return error;
  const seen = sdkError(error);
  const kind = kindOf(error, seen);
  return new Fault({
    code: kind.code,
    summary: kind.summary,
    detail: detailOf(seen, call, kind),
    hint: kind.hint,
    effect: effectOf(kind, call, seen.attempts),
    ...(kind === kinds.credentials ? { exitCode: exitCodes.invalid } : {}),
    ...(call.secret === true ? {} : { cause: error }),
  });
};

/** Runs one call and maps what it throws. */
export const calling = async <T>(call: AwsCall, run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    throw awsFault(error, call);
  }
};

/** The same, where some named answers of the service are an expected outcome. */
export const callingUnless = async <T, U>(
  call: AwsCall,
  expected: { readonly names: readonly string[]; readonly answer: U },
  run: () => Promise<T>,
): Promise<T | U> => {
  try {
    return await run();
  } catch (error) {
    if (isNamed(error, ...expected.names)) return expected.answer;
    throw awsFault(error, call);
  }
};

/**
 * A member that AWS always sends. Its XML clients read a proxy's well-formed page as an answer in which everything is missing:
 * taken as it is, that would be "no account", "no records", "done".
 */
export const required = <T>(value: T | undefined, call: AwsCall, member: string): T => {
  if (value !== undefined) return value;
  throw new Fault({
    code: kinds.unreadable.code,
    summary: kinds.unreadable.summary,
    detail: `${call.service} ${call.operation}: ${member} is missing.`,
    hint: kinds.unreadable.hint,
    effect: call.mutates ? 'unknown' : 'none',
  });
};

/** The one port that all services are served on: who is asked, may they, and what comes back. behaviour.md, section Wire. */
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Call, type Service, ServiceError } from '../service.ts';
import type { WireFaults } from './faults.ts';
import { errorAnswer, prepare, type WireAnswer, type WireRequest } from './protocols.ts';
import type { Throttle } from './throttle.ts';

const inflate = promisify(gunzip);
const bodyLimit = 1024 * 1024;
const inflatedLimit = 2 * bodyLimit;

/** A page in a browser may reach loopback under a name of its own; such a request carries that name. */
const isLoopbackHost = (host: string): boolean => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);

interface Credential {
  readonly accessKeyId: string;
  readonly region: string;
  readonly scope: string;
}

export const decodeCredential = (authorization: string): Credential | undefined => {
  const match = /^AWS4-HMAC-SHA256 .*Credential=([^/,\s]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization);
  return match ? { accessKeyId: match[1] ?? '', region: match[2] ?? '', scope: match[3] ?? '' } : undefined;
};

export interface WireOptions {
  readonly services: readonly Service[];
  readonly throttle: Throttle;
  readonly faults: WireFaults;
  /** Routes under `/_octank/`. */
  readonly control: (server: FastifyInstance) => void;
  log(line: string): void;
}

const headerOf = (request: FastifyRequest, name: string): string => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
};

const findService = (
  services: readonly Service[],
  credential: Credential | undefined,
  request: WireRequest,
): Service | undefined =>
  services.find((service) => service.scope === credential?.scope) ??
  services.find((s) => 'targetPrefix' in s && request.target.startsWith(`${s.targetPrefix}.`)) ??
  services.find((s) => s.protocol === 'rest-xml' && request.path.startsWith('/2013-04-01/'));

const bodyOf = async (request: FastifyRequest): Promise<Buffer> => {
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  if (headerOf(request, 'content-encoding') !== 'gzip') return raw;
  try {
    return await inflate(raw, { maxOutputLength: inflatedLimit });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new ServiceError(
      tooLarge ? 'RequestEntityTooLarge' : 'SerializationException',
      tooLarge ? 'Request body is too large' : 'The request body is not gzip',
      { status: tooLarge ? 413 : 400 },
    );
  }
};

const asServiceError = (error: unknown, log: (line: string) => void): ServiceError => {
  if (error instanceof ServiceError) return error;
  log(`internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return new ServiceError('InternalFailure', 'The embedded AWS failed; see its log.', { status: 500 });
};

/** `cut`: the connection ends without an answer, as a client sees a timeout. */
type Served = { readonly answer: WireAnswer } | 'cut';

const serve = async (options: WireOptions, service: Service, request: WireRequest, call: Call): Promise<Served> => {
  const prepared = prepare(service, request);
  const fault = options.faults.take(service.scope, prepared.operation);
  if (fault) options.log(`fault ${fault} on ${service.scope} ${prepared.operation}`);
  if (fault === 'timeout-before-effect') return 'cut';
  if (fault === '5xx') throw new ServiceError('ServiceUnavailable', 'Service is unavailable.', { status: 503 });
  const throttled =
    fault === 'throttle'
      ? options.throttle.codeOf(service.scope)
      : options.throttle.take(service.scope, prepared.operation);
  if (throttled) throw new ServiceError(throttled, 'Rate exceeded', { members: { queryCode: 'Throttling' } });
  const answer = await prepared.perform(call);
  return fault === 'timeout-after-effect' ? 'cut' : { answer };
};

const handle = async (options: WireOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
  const requestId = randomUUID();
  const credential = decodeCredential(headerOf(request, 'authorization'));
  const url = new URL(request.url, 'http://127.0.0.1');
  const bare = {
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    target: headerOf(request, 'x-amz-target'),
    body: Buffer.alloc(0),
  };
  const service = findService(options.services, credential, bare);
  let served: Served;
  try {
    if (!credential)
      throw new ServiceError('MissingAuthenticationToken', 'Missing Authentication Token', { status: 403 });
    if (!service)
      throw new ServiceError('UnknownOperationException', `No service ${credential.scope} is served here.`, {
        status: 404,
      });
    const call: Call = { region: credential.region, accessKeyId: credential.accessKeyId, requestId };
    served = await serve(options, service, { ...bare, body: await bodyOf(request) }, call);
  } catch (error) {
    served = { answer: errorAnswer(service, asServiceError(error, options.log), requestId) };
  }
  if (served === 'cut') {
    reply.hijack();
    request.raw.socket.destroy();
    return undefined;
  }
  const { answer } = served;
  return reply
    .code(answer.status)
    .headers({ 'x-amzn-requestid': requestId, ...answer.headers })
    .type(answer.contentType)
    .send(answer.body);
};

/** Not listening yet. */
export const createWireServer = (options: WireOptions): FastifyInstance => {
  const server = fastify({ bodyLimit, forceCloseConnections: true, exposeHeadRoutes: false });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.addHook('onRequest', async (request, reply) => {
    if (!isLoopbackHost(request.headers.host ?? ''))
      await reply.code(403).send('This is a rehearsal; it serves loopback only.\n');
  });
  options.control(server);
  server.all('/*', (request, reply) => handle(options, request, reply));
  return server;
};

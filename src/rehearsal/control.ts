/** What the lab and tests may ask of the embedded AWS beyond AWS: faults, messages, state, the end. behaviour.md, section Faults. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { RehearsalEndpoint } from './config.ts';
import type { RunningService } from './service.ts';
import type { Route53 } from './services/route53/index.ts';
import type { Sns } from './services/sns.ts';
import { type WireFaults, wireFaultKinds } from './wire/faults.ts';

const wireFault = z.strictObject({
  service: z.string(),
  operation: z.string().default('*'),
  kind: z.enum(wireFaultKinds),
  count: z.number().int().positive().default(1),
});

const serviceFault = z.strictObject({
  service: z.string(),
  kind: z.string(),
  target: z.string().optional(),
  seconds: z.number().positive().optional(),
});

const health = z.strictObject({ id: z.string(), healthy: z.boolean() });

export interface ControlOptions {
  readonly faults: WireFaults;
  readonly endpoint: () => RehearsalEndpoint | undefined;
  /** By the name a fault uses: a service's scope, or `dns`. */
  readonly services: ReadonlyMap<string, RunningService>;
  readonly route53: Route53;
  readonly sns: Sns;
  readonly shutdown: () => void;
  log(line: string): void;
}

/** Superuser passwords are for the file that only its owner can read. */
const publicEndpoint = (endpoint: RehearsalEndpoint): object => ({
  ...endpoint,
  databases: Object.keys(endpoint.databases),
});

type Decoded<T> = { readonly value: T } | { readonly problem: string };

const decode = <T>(schema: z.ZodType<T>, body: unknown): Decoded<T> => {
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.isBuffer(body) ? body.toString('utf8') : ''));
    return parsed.success ? { value: parsed.data } : { problem: z.prettifyError(parsed.error) };
  } catch {
    return { problem: 'The body is no JSON.' };
  }
};

const injectFault = async (options: ControlOptions, body: unknown): Promise<{ status: number; answer: object }> => {
  const onWire = decode(wireFault, body);
  if ('value' in onWire) {
    options.faults.add(onWire.value);
    options.log(`fault asked for: ${JSON.stringify(onWire.value)}`);
    return { status: 201, answer: onWire.value };
  }
  const inside = decode(serviceFault, body);
  if ('problem' in inside) return { status: 400, answer: { error: onWire.problem } };
  const { service, kind, target, seconds } = inside.value;
  const taken = await options.services.get(service)?.inject?.({
    service,
    kind,
    ...(target === undefined ? {} : { target }),
    ...(seconds === undefined ? {} : { seconds }),
  });
  if (!taken) return { status: 400, answer: { error: `${service} has no fault ${kind}.` } };
  options.log(`fault asked for: ${JSON.stringify(inside.value)}`);
  return { status: 201, answer: inside.value };
};

export const addControl = (server: FastifyInstance, options: ControlOptions): void => {
  server.get('/_octank/health', async (_request, reply) => {
    const endpoint = options.endpoint();
    return reply.code(endpoint ? 200 : 503).send({ ready: endpoint !== undefined, pid: process.pid });
  });
  server.get('/_octank/state', async (_request, reply) => {
    const endpoint = options.endpoint();
    return endpoint
      ? reply.send(publicEndpoint(endpoint))
      : reply.code(503).send({ error: 'The rehearsal is starting.' });
  });
  server.get('/_octank/messages', async () => ({ messages: options.sns.messages() }));
  server.get('/_octank/faults', async () => ({ faults: options.faults.list() }));
  server.delete('/_octank/faults', async () => {
    options.faults.clear();
    return { faults: [] };
  });
  server.post('/_octank/faults', async (request, reply) => {
    const { status, answer } = await injectFault(options, request.body);
    return reply.code(status).send(answer);
  });
  server.post('/_octank/health-checks', async (request, reply) => {
    const asked = decode(health, request.body);
    if ('problem' in asked) return reply.code(400).send({ error: asked.problem });
    const known = await options.route53.healthChecks.setUp(asked.value.id, asked.value.healthy);
    return known ? reply.send(asked.value) : reply.code(404).send({ error: 'No such health check.' });
  });
  server.post('/_octank/shutdown', async (_request, reply) => {
    // After the answer: the caller learns that it was heard.
    reply.raw.once('finish', options.shutdown);
    return reply.code(202).send({ pid: process.pid });
  });
};

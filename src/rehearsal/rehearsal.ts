/** The embedded AWS put together in this process: services, stand-ins, DNS, wire. `main.ts` runs it as a process of its own; tests may run it inside. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { createRehearsalClock } from './clock.ts';
import type { RehearsalConfig, RehearsalEndpoint } from './config.ts';
import { addControl } from './control.ts';
import { type DnsServer, startDnsServer } from './dns/server.ts';
import { makeInitial } from './initial.ts';
import type { Neighbours, RunningService, ServiceContext } from './service.ts';
import { type CloudWatch, createCloudWatch } from './services/cloudwatch/index.ts';
import { createRoute53, type Route53 } from './services/route53/index.ts';
import { createSecretsManager, type SecretsManager } from './services/secrets-manager/index.ts';
import { createSns, type Sns } from './services/sns.ts';
import { createSts } from './services/sts.ts';
import { createStore } from './store.ts';
import { createWireFaults } from './wire/faults.ts';
import { createWireServer } from './wire/server.ts';
import { createThrottle } from './wire/throttle.ts';

export interface Rehearsal {
  readonly endpoint: RehearsalEndpoint;
  readonly services: {
    readonly secrets: SecretsManager;
    readonly route53: Route53;
    readonly cloudWatch: CloudWatch;
    readonly sns: Sns;
  };
  stop(): Promise<void>;
}

export const endpointFile = (stateDir: string): string => join(stateDir, 'endpoint.json');

/** Where it was last time: clients that outlive a restart find it again. */
const earlierPorts = async (stateDir: string): Promise<{ readonly http: number; readonly dns: number }> => {
  const text = await readFile(endpointFile(stateDir), 'utf8').catch(() => '');
  if (text === '') return { http: 0, dns: 0 };
  const earlier = JSON.parse(text) as RehearsalEndpoint;
  return { http: Number(new URL(earlier.url).port), dns: earlier.dns.port };
};

/** The port asked for, or else the earlier one if it is free, or else any. */
const onPort = async <T>(asked: number, earlier: number, open: (port: number) => Promise<T>): Promise<T> => {
  if (asked !== 0 || earlier === 0) return open(asked);
  try {
    return await open(earlier);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return open(0);
  }
};

const listen = async (server: FastifyInstance, asked: number, earlier: number): Promise<string> =>
  onPort(asked, earlier, (port) => server.listen({ host: '127.0.0.1', port }));

export interface RehearsalOptions {
  readonly config: RehearsalConfig;
  log(line: string): void;
  /** Asked for over the wire. */
  readonly onShutdown?: () => void;
}

export const startInProcess = async ({ config, log, onShutdown }: RehearsalOptions): Promise<Rehearsal> => {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    // Newest first: nothing is asked by those still running.
    for (const one of started.splice(0).reverse())
      await one
        .stop()
        .catch((error: unknown) => log(`stop: ${error instanceof Error ? error.message : String(error)}`));
  };
  const begun = <T extends { stop(): Promise<void> }>(one: T): T => {
    started.push(one);
    return one;
  };
  try {
    return await assemble(config, { log, begun, stop, shutdown: onShutdown ?? (() => undefined) });
  } catch (error) {
    await stop();
    throw error;
  }
};

interface Assembly {
  log(line: string): void;
  begun<T extends { stop(): Promise<void> }>(one: T): T;
  stop(): Promise<void>;
  shutdown(): void;
}

const assemble = async (config: RehearsalConfig, assembly: Assembly): Promise<Rehearsal> => {
  const { log, begun } = assembly;
  const clock = createRehearsalClock(config.clock);
  const store = await createStore(join(config.stateDir, 'aws'));
  // The services know each other through this; it is filled while they are made, before any is asked.
  const peers: { secrets?: SecretsManager; cloudWatch?: CloudWatch } = {};
  const neighbours: Neighbours = {
    secret: (name) => peers.secrets?.secret(name),
    putSecret: async (name, text) => peers.secrets?.putSecret(name, text),
    putMetric: (datum) => peers.cloudWatch?.putMetric(datum),
  };
  const context: ServiceContext = { accountId: config.accountId, region: config.region, clock, store, neighbours, log };

  const sts = begun(await createSts(context));
  const sns = begun(await createSns(context));
  const secrets = begun(await createSecretsManager(context));
  peers.secrets = secrets;
  const cloudWatch = begun(await createCloudWatch({ ...context, publish: sns.publish }));
  peers.cloudWatch = cloudWatch;
  const route53 = begun(
    await createRoute53({ ...context, alarmData: (name) => cloudWatch.alarms.get(name)?.dataState }),
  );

  const earlier = await earlierPorts(config.stateDir);
  const dns: DnsServer = begun(
    await onPort(config.dnsPort, earlier.dns, (port) => startDnsServer({ port, answer: route53.answer, log })),
  );
  const databases = await startDatabases(config, { secrets, log, begun });
  await makeInitial(config, { route53, secrets, sns, cloudWatch });
  // After the databases and their secrets: tasks that were running connect at once.
  const { createDms } = await import('./dms/index.ts');
  const dms = begun(
    await createDms({ ...context, replicationInstances: config.replicationInstances, kind: config.kind }),
  );

  const running: readonly RunningService[] = [sts, sns, secrets, cloudWatch, route53, dms];
  const byName = new Map<string, RunningService>([
    ...running.map((one) => [one.service.scope, one] as const),
    ['dns', route53],
  ]);
  const faults = createWireFaults();
  let endpoint: RehearsalEndpoint | undefined;
  const server = createWireServer({
    services: running.map((one) => one.service),
    throttle: createThrottle(),
    faults,
    log,
    control: (fastify) =>
      addControl(fastify, {
        faults,
        endpoint: () => endpoint,
        services: byName,
        route53,
        sns,
        shutdown: assembly.shutdown,
        log,
      }),
  });
  begun({ stop: () => server.close() });
  const url = await listen(server, config.port, earlier.http);
  endpoint = {
    url,
    dns: { host: dns.host, port: dns.port },
    pid: process.pid,
    region: config.region,
    clock: config.clock,
    databases,
  };
  return { endpoint, services: { secrets, route53, cloudWatch, sns }, stop: assembly.stop };
};

const startDatabases = async (
  config: RehearsalConfig,
  options: Pick<Assembly, 'log' | 'begun'> & { readonly secrets: SecretsManager },
): Promise<RehearsalEndpoint['databases']> => {
  if (Object.keys(config.databases).length === 0) return {};
  const { startStandIns } = await import('./stand-ins/index.ts');
  const { log, begun, secrets } = options;
  return begun(await startStandIns({ config, putSecret: secrets.putSecret, log })).databases;
};

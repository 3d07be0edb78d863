/** The visitors: a bounded rate of page views from many networks, each going where its own resolver points. */
import { Agent, get } from 'node:http';
import type { DnsClient } from '../dns.ts';
import type { Random } from '../workload/random.ts';
import { createResolver } from './resolver.ts';
import type { Site } from './site.ts';

export interface VisitorTally {
  requests: number;
  failed: number;
  /** Lookups that gave no address, or one that belongs to no site. */
  unresolved: number;
  /** Views skipped because too many were still waiting: the rate is a bound, not a promise. */
  shed: number;
  readonly bySite: Record<string, number>;
}

const requestMs = 3000;
const maxWaiting = 200;

const view = (agent: Agent, port: number, host: string): Promise<number> =>
  new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/', agent, headers: { host }, timeout: requestMs });
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(0));
  });

export interface Visitors {
  readonly tally: VisitorTally;
  stop(): Promise<void>;
}

export const startVisitors = (options: {
  readonly dns: DnsClient;
  readonly name: string;
  readonly sites: readonly Site[];
  readonly resolvers: number;
  readonly ignoresTtl: boolean;
  readonly requestsPerSecond: number;
  readonly now: () => number;
  readonly random: Random;
}): Visitors => {
  const { dns, name, now, sites, random } = options;
  const networks = Array.from({ length: options.resolvers }, () =>
    createResolver({ dns, name, now, ignoresTtl: false }),
  );
  const stubborn = options.ignoresTtl ? createResolver({ dns, name, now, ignoresTtl: true }) : undefined;
  const agents = new Map(
    sites.map((site) => [site.address, { site, agent: new Agent({ keepAlive: true, maxSockets: 16 }) }]),
  );
  const tally: VisitorTally = { requests: 0, failed: 0, unresolved: 0, shed: 0, bySite: {} };
  for (const site of sites) tally.bySite[site.id] = 0;
  const waiting = new Set<Promise<void>>();

  const visit = async (count: number): Promise<void> => {
    // One view in two hundred comes from the client that ignores TTLs: it must not tilt the measured share.
    const resolver = stubborn && count % 200 === 0 ? stubborn : networks[random.int(networks.length)];
    const found = agents.get((await resolver?.resolve()) ?? '');
    tally.requests++;
    if (!found) {
      tally.unresolved++;
      tally.failed++;
      return;
    }
    const status = await view(found.agent, found.site.port, name);
    tally.bySite[found.site.id] = (tally.bySite[found.site.id] ?? 0) + 1;
    if (status === 0 || status >= 500) tally.failed++;
  };

  let sent = 0;
  const startedAt = Date.now();
  const tick = (): void => {
    const due = Math.floor(((Date.now() - startedAt) / 1000) * options.requestsPerSecond);
    // After a stall the missed views are not made up for in one burst.
    if (due - sent > options.requestsPerSecond) {
      tally.shed += due - sent - options.requestsPerSecond;
      sent = due - options.requestsPerSecond;
    }
    for (; sent < due; sent++) {
      if (waiting.size >= maxWaiting) {
        tally.shed++;
        continue;
      }
      const visiting: Promise<void> = visit(sent).finally(() => waiting.delete(visiting));
      waiting.add(visiting);
    }
  };
  const timer = setInterval(tick, 20);

  return {
    tally,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(waiting);
      for (const { agent } of agents.values()) agent.destroy();
    },
  };
};

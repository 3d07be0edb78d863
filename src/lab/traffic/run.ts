/** Puts the traffic together: sites, visitors, samples; and tells each second how many went where. */
import { z } from 'zod';
import type { Part } from '../child.ts';
import { openDns } from '../dns.ts';
import { seededRandom } from '../workload/random.ts';
import type { TrafficConfig } from './config.ts';
import { startPublisher } from './samples.ts';
import { startSite } from './site.ts';
import { startVisitors } from './visitors.ts';

export interface TrafficStatus {
  readonly type: 'traffic';
  readonly at: number;
  readonly requests: number;
  readonly failed: number;
  readonly unresolved: number;
  readonly shed: number;
  readonly bySite: Readonly<Record<string, number>>;
  /** Percent of the requests since the last status, by site. */
  readonly shares: Readonly<Record<string, number>>;
  readonly publishFailures: number;
}

/** Written to stdin as one line: makes one site fail or slow, or well again with zeros. */
export const faultCommand = z.strictObject({
  type: z.literal('fault'),
  site: z.string(),
  errorRate: z.number().min(0).max(1).default(0),
  latencyMs: z.number().min(0).max(10_000).default(0),
});

export type FaultCommand = z.input<typeof faultCommand>;

const sharesOf = (now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>) => {
  const added = Object.entries(now).map(([site, count]) => [site, count - (before[site] ?? 0)] as const);
  const total = added.reduce((sum, [, count]) => sum + count, 0);
  return Object.fromEntries(
    added.map(([site, count]) => [site, total === 0 ? 0 : Number(((100 * count) / total).toFixed(1))]),
  );
};

export const startTraffic = async (config: TrafficConfig): Promise<Part> => {
  const { rate, originMs } = config.clock;
  const now = (): number => originMs + (Date.now() - originMs) * rate;
  const dns = openDns(config.dns);
  const sites = await Promise.all(config.sites.map((site) => startSite({ site, config, now })));
  const publisher = startPublisher({
    aws: config.aws,
    sites: sites.map((site) => site.samples),
    clock: { rate, now },
  });
  const visitors = startVisitors({ ...config, dns, sites, now, random: seededRandom(config.seed) });
  let before: Readonly<Record<string, number>> = {};

  const status = (): TrafficStatus => {
    const bySite = { ...visitors.tally.bySite };
    const shares = sharesOf(bySite, before);
    before = bySite;
    const { requests, failed, unresolved, shed } = visitors.tally;
    return {
      type: 'traffic',
      at: Date.now(),
      requests,
      failed,
      unresolved,
      shed,
      bySite,
      shares,
      publishFailures: publisher.failures(),
    };
  };

  return {
    status,
    command: (line) => {
      const parsed = faultCommand.safeParse(line);
      if (!parsed.success) return;
      const { site: id, errorRate, latencyMs } = parsed.data;
      for (const site of sites) if (site.id === id) site.setFault({ errorRate, latencyMs });
    },
    stop: async () => {
      await visitors.stop();
      await publisher.stop();
      await Promise.all(sites.map((site) => site.stop()));
      dns.close();
      return status();
    },
  };
};

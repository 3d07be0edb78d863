/** One site: an HTTP server on loopback whose pages read the database through the application's pool. */
import { createServer } from 'node:http';
import { type ApplicationPool, openPool } from '../pool.ts';
import { openSecret } from '../secret.ts';
import type { Random } from '../workload/random.ts';
import { seededRandom } from '../workload/random.ts';
import type { SiteConfig, TrafficConfig } from './config.ts';
import { createSamples, type Samples } from './samples.ts';

/** What is wrong with a site on purpose, so that gates have something to find. */
export interface SiteFault {
  /** 0 to 1: this part of the requests is answered with 500. */
  readonly errorRate: number;
  readonly latencyMs: number;
}

export const healthy: SiteFault = { errorRate: 0, latencyMs: 0 };

export interface Site {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly samples: Samples;
  setFault(fault: SiteFault): void;
  stop(): Promise<void>;
}

const page = async (pool: ApplicationPool, config: TrafficConfig, random: Random): Promise<string> => {
  const text = config.statements[random.int(config.statements.length)] ?? 'select 1';
  const values = text.includes('$1') ? [1 + random.int(config.rows)] : [];
  const { rows } = await pool.use(({ client }) => client.query(text, values));
  return `<!doctype html><title>Octank</title><pre>${JSON.stringify(rows).replaceAll('<', '&lt;')}</pre>`;
};

export const startSite = async (options: {
  readonly site: SiteConfig;
  readonly config: TrafficConfig;
  /** Epoch ms on octank's clock. */
  readonly now: () => number;
}): Promise<Site> => {
  const { site, config } = options;
  const random = seededRandom(config.seed * 7919 + site.id.length);
  const samples = createSamples(site);
  const pool = openPool({
    secret: openSecret({ aws: config.aws, id: config.secret, ttlMs: config.secretTtlMs }),
    application: `shop-web-${site.id}`,
    max: 4,
    statementTimeoutMs: 2000,
  });
  let fault = healthy;

  const answer = async (): Promise<{ readonly status: number; readonly body: string }> => {
    if (fault.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, fault.latencyMs));
    if (random.unit() < fault.errorRate) return { status: 500, body: 'injected fault' };
    try {
      return { status: 200, body: await page(pool, config, random) };
    } catch {
      return { status: 503, body: 'the database does not answer' };
    }
  };

  const server = createServer((request, response) => {
    request.resume();
    const startedAt = performance.now();
    void answer().then(({ status, body }) => {
      samples.count({
        at: options.now(),
        seconds: (performance.now() - startedAt) / 1000,
        failed: status >= 500,
      });
      response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'x-site': site.id });
      response.end(body);
    });
  });
  server.keepAliveTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    id: site.id,
    address: site.address,
    port: typeof address === 'object' && address ? address.port : 0,
    samples,
    setFault: (next) => {
      fault = next;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.close();
    },
  };
};

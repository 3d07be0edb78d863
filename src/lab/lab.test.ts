import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestRehearsal, testRehearsal } from '../rehearsal/testing.ts';
import { built } from '../testing/dist.ts';
import { type Lab, type LabConfig, prepareSource, shopTables, startChecker, startLab } from './index.ts';
import { until } from './testing/secrets-stub.ts';
import type { MetricName } from './traffic/config.ts';
import { shopSites } from './traffic/config.ts';

const entries = { workload: built('lab/workload.js'), traffic: built('lab/traffic.js') };
const isBuilt = existsSync(entries.workload);
if (!isBuilt) process.stderr.write('skipped: the lab is not built (OCTANK_DIST=none)\n');

/** The lab's processes on the embedded AWS, as a rehearsal runs them. */
describe.skipIf(!isBuilt)('the lab', () => {
  let world: TestRehearsal;
  let folder: string;
  const rows = 300;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'octank-lab-'));
    const weighted = (id: string, value: string) => ({
      name: 'www.octank.com',
      type: 'A' as const,
      ttl: 60,
      values: [value],
      setIdentifier: id,
      weight: 128,
    });
    world = await testRehearsal({
      clock: { rate: 120, originMs: Date.now() },
      databases: {
        monolith: {
          role: 'on-premises',
          engine: 'postgres',
          secret: 'octank/monolith',
          dbname: 'shop',
          roles: { 'octank/shop-db-source': 'shop_app', 'octank/batch': 'shop_batch' },
          owner: 'shop_app',
        },
      },
      secrets: { 'octank/shop-db': '@secret:octank/shop-db-source' },
      zones: [
        { name: 'octank.com', records: [weighted('on-premises', '203.0.113.10'), weighted('cloud', '198.51.100.20')] },
      ],
    });
    await prepareSource({ mode: 'shop', connection: connection(), owner: 'shop_app', writers: ['shop_batch'], rows });
  });
  afterAll(async () => {
    await world?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const connection = () => {
    const found = world.rehearsal.endpoint.databases.monolith;
    if (!found) throw new Error('the rehearsal has no monolith');
    return {
      host: found.host,
      port: found.port,
      database: found.dbname,
      user: found.superuser,
      password: found.superuserPassword,
    };
  };
  const aws = () => ({ endpoint: world.rehearsal.endpoint.url, region: world.rehearsal.endpoint.region });
  const config = (): LabConfig => ({
    mode: 'shop',
    entries,
    folder,
    aws: aws(),
    secret: 'octank/shop-db',
    batchSecret: 'octank/batch',
    rows,
    clients: 8,
    traffic: { clock: world.rehearsal.endpoint.clock, dns: world.rehearsal.endpoint.dns, name: 'www.octank.com' },
  });

  const sumOf = async (metric: MetricName): Promise<number> => {
    const client = new CloudWatchClient(world.client);
    const { MetricDataResults: [result] = [] } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(world.rehearsal.endpoint.clock.originMs),
        EndTime: new Date(world.now() + 60_000),
        MetricDataQueries: [
          {
            Id: 'm',
            MetricStat: {
              Metric: {
                Namespace: metric.namespace,
                MetricName: metric.name,
                Dimensions: Object.entries(metric.dimensions ?? {}).map(([Name, Value]) => ({ Name, Value })),
              },
              Period: 60,
              Stat: 'Sum',
            },
          },
        ],
      }),
    );
    client.destroy();
    return (result?.Values ?? []).reduce((total, value) => total + value, 0);
  };

  it('writes and visits by themselves, counts at both ends, and loses nothing', async () => {
    const lab: Lab = await startLab(config());
    const record = { zone: 'octank.com', name: 'www', type: 'A', source: 'on-premises', target: 'cloud' } as const;
    const here = { connection: connection(), role: 'shop_app' };
    const nowhere = { connection: connection(), role: 'nobody_here' };
    const checker = startChecker({
      mode: 'shop',
      wave: 'shop',
      source: here,
      target: nowhere,
      pairs: shopTables.map((name) => {
        const [schema = '', table = ''] = name.split('.');
        return { source: { schema, table }, target: { schema, table } };
      }),
      aws: aws(),
      dns: world.rehearsal.endpoint.dns,
      records: [record],
      journalFolder: () => null,
    });
    const served = (site: string): number => lab.status().traffic?.bySite[site] ?? 0;
    await until(() => served('cloud') > 60 && served('on-premises') > 60, 'visits to both sites', 15_000);
    const [onPremises, cloud] = shopSites;
    await until(
      async () => (await sumOf(cloud!.metrics.requests as MetricName)) > 30,
      'requests counted in the cloud',
      15_000,
    );
    expect(await sumOf(onPremises!.metrics.requests as MetricName)).toBeGreaterThan(10);
    expect(await sumOf(cloud!.metrics.serverErrors as MetricName)).toBe(0);

    lab.fault({ site: 'cloud', errorRate: 0.5 });
    await until(
      async () => (await sumOf(cloud!.metrics.serverErrors as MetricName)) > 5,
      'errors counted in the cloud',
      15_000,
    );

    const summary = await lab.stop();
    expect(summary.workload.acknowledged).toBeGreaterThan(200);
    expect(summary.traffic).toMatchObject({ unresolved: 0, publishFailures: 0 });
    expect(summary.traffic?.failed).toBeGreaterThan(0);
    expect(lab.dead().toSorted()).toEqual(['traffic', 'workload']);

    const report = await checker.stop({ logs: summary.logs, rowsWithinSeconds: null });
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ writer: 'source', writes: { lost: 0, duplicated: 0 } });
    expect(report.writes.acknowledged).toBe(summary.workload.acknowledged);
    expect(report.looks.names).toBeGreaterThan(3);
    expect(report.looks.weights).toBeGreaterThan(1);
  });

  it('keeps secrets out of files and arguments', async () => {
    for (const name of ['workload.json', 'traffic.json']) {
      const path = join(folder, name);
      expect((await stat(path)).mode & 0o077).toBe(0);
      expect(await readFile(path, 'utf8')).not.toMatch(/password/i);
    }
  });

  it('does not outlive its parent', async () => {
    for (const entry of [entries.workload, entries.traffic]) {
      const child = spawn(
        process.execPath,
        [entry, join(folder, entry === entries.workload ? 'workload.json' : 'traffic.json')],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      await once(child.stdout!, 'data');
      // What a dead parent leaves: both ends of its pipes closed, no signal sent.
      child.stdin!.destroy();
      child.stdout!.destroy();
      const [code] = await once(child, 'exit');
      expect(code).toBe(0);
    }
  });
});

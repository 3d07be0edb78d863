/** The rehearsal as a process: started, found again, refused twice on one folder, and the same after kill -9. */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CloudWatchClient, GetMetricDataCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  ChangeResourceRecordSetsCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { built } from '../testing/dist.ts';
import type { RehearsalConfig, RehearsalEndpoint } from './config.ts';
import { rehearsalStatus, startRehearsal, stopRehearsal } from './lifecycle.ts';
import { ownerOf } from './pid-file.ts';
import { clientSettings, eventually, testConfig } from './testing.ts';

let config: RehearsalConfig;

beforeEach(async () => {
  config = await testConfig({
    secrets: { app: 'first' },
    zones: [
      {
        name: 'octank.com',
        records: [
          { name: 'www', type: 'A', ttl: 60, values: ['203.0.113.10'], setIdentifier: 'on-premises', weight: 255 },
        ],
      },
    ],
  });
});
afterEach(async () => {
  await stopRehearsal(config.stateDir);
  await rm(config.stateDir, { recursive: true, force: true });
});

const start = (given: Partial<RehearsalConfig> = {}): Promise<RehearsalEndpoint> =>
  startRehearsal({
    config: { ...config, ...given },
    entry: built('rehearsal/main.js'),
    log: () => undefined,
    deadlineSeconds: 30,
  });

const weightOf = async (url: string): Promise<number | undefined> => {
  const client = new Route53Client(clientSettings(url));
  const HostedZoneId = (await client.send(new ListHostedZonesCommand({}))).HostedZones?.[0]?.Id ?? '';
  const { ResourceRecordSets = [] } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId }));
  return ResourceRecordSets.find((one) => one.SetIdentifier === 'on-premises')?.Weight;
};

describe('the process', () => {
  it('keeps acknowledged changes, its ports and what happened since the config, through kill -9', async () => {
    const first = await start();
    const settings = clientSettings(first.url);
    await new SecretsManagerClient(settings).send(
      new PutSecretValueCommand({ SecretId: 'app', SecretString: 'second' }),
    );
    const route53 = new Route53Client(settings);
    const HostedZoneId = (await route53.send(new ListHostedZonesCommand({}))).HostedZones?.[0]?.Id ?? '';
    await route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId,
        ChangeBatch: {
          Changes: [
            {
              Action: 'UPSERT',
              ResourceRecordSet: {
                Name: 'www.octank.com',
                Type: 'A',
                SetIdentifier: 'on-premises',
                Weight: 7,
                TTL: 60,
                ResourceRecords: [{ Value: '203.0.113.10' }],
              },
            },
          ],
        },
      }),
    );
    const scaled = (): number => first.clock.originMs + (Date.now() - first.clock.originMs) * first.clock.rate;
    const Timestamp = new Date(scaled());
    await new CloudWatchClient(settings).send(
      new PutMetricDataCommand({ Namespace: 'N', MetricData: [{ MetricName: 'm', Value: 3, Timestamp }] }),
    );
    // Metrics are written within half a second; the file shows it.
    await eventually(
      () =>
        readFile(
          join(config.stateDir, 'aws', `cloudwatch-hour-${Math.floor(Timestamp.getTime() / 3_600_000) % 15}.json`),
          'utf8',
        ).catch(() => ''),
      (text) => text.includes('"N'),
    );
    process.kill(first.pid, 'SIGKILL');
    await eventually(
      () => ownerOf(config.stateDir),
      (owner) => owner === undefined,
    );
    expect(await rehearsalStatus(config.stateDir)).toEqual({ state: 'stopped' });

    const second = await start();
    expect([second.url, second.dns.port]).toEqual([first.url, first.dns.port]);
    expect(second.pid).not.toBe(first.pid);
    expect(await weightOf(second.url)).toBe(7);
    const again = clientSettings(second.url);
    expect(
      (await new SecretsManagerClient(again).send(new GetSecretValueCommand({ SecretId: 'app' }))).SecretString,
    ).toBe('second');
    const { MetricDataResults } = await new CloudWatchClient(again).send(
      new GetMetricDataCommand({
        StartTime: new Date(Timestamp.getTime() - 60_000),
        EndTime: new Date(Timestamp.getTime() + 60_000),
        MetricDataQueries: [
          { Id: 'm', MetricStat: { Metric: { Namespace: 'N', MetricName: 'm' }, Period: 60, Stat: 'Sum' } },
        ],
      }),
    );
    expect(MetricDataResults?.[0]?.Values).toEqual([3]);
  });

  it('is found by a second start, and refuses a second process on its folder', async () => {
    const first = await start();
    expect((await start()).pid).toBe(first.pid);
    const { spawnSync } = await import('node:child_process');
    const second = spawnSync(process.execPath, [built('rehearsal/main.js'), join(config.stateDir, 'config.json')], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect([second.status, second.stderr]).toEqual([1, expect.stringContaining(`already (pid ${first.pid})`)]);
    expect(await rehearsalStatus(config.stateDir)).toMatchObject({ state: 'running', endpoint: { pid: first.pid } });
  });

  it('stops when told over the wire, once; what only the owner may read is readable by the owner only', async () => {
    const { url } = await start();
    for (const file of ['endpoint.json', 'config.json'])
      expect((await stat(join(config.stateDir, file))).mode & 0o077).toBe(0);
    expect((await fetch(`${url}/_octank/shutdown`, { method: 'POST' })).status).toBe(202);
    await eventually(
      () => rehearsalStatus(config.stateDir),
      (status) => status.state === 'stopped',
    );
    expect(await stopRehearsal(config.stateDir)).toBe(false);
  });

  it('is not fooled by a pid that was used again', async () => {
    await writeFile(join(config.stateDir, 'rehearsal.pid'), `${process.pid} 1\n`);
    expect(await rehearsalStatus(config.stateDir)).toEqual({ state: 'stopped' });
    await start();
  });

  it('says why it did not start', async () => {
    await expect(start({ secrets: { copy: '@secret:nowhere' } })).rejects.toMatchObject({
      code: 'rehearsal.not-started',
      detail: expect.stringContaining('the secret copy copies nowhere, which is not there'),
    });
    expect(await rehearsalStatus(config.stateDir)).toEqual({ state: 'stopped' });
  });
});

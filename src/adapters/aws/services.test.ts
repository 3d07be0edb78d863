/** The adapters against the embedded AWS: what they claim of secrets, records, messages and metrics is seen there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GateSpec } from '../../model/plan.ts';
import type { WeightedRecord } from '../../ports/traffic.ts';
import { createHealth } from '../health/index.ts';
import { createClock } from '../local/clock.ts';
import { createRepoint } from '../repoint/index.ts';
import { createMetrics } from './cloudwatch.ts';
import { createTraffic } from './route53.ts';
import { createSecretStore, createSecrets } from './secrets.ts';
import { createNotify } from './sns.ts';
import { createIdentity } from './sts.ts';
import { startAws, type TestAws } from './testdata/rehearsal.ts';

/** 240 times faster: a minute of metrics in a quarter of a second. */
const clockConfig = { rate: 240, originMs: Date.now() };
const clock = createClock(clockConfig);
const topic = 'arn:aws:sns:eu-west-1:111122223333:octank-migrations';

let aws: TestAws;
beforeAll(async () => {
  aws = await startAws({
    clock: clockConfig,
    topics: ['octank-migrations'],
    secrets: {
      'octank/shop-db': '{"host":"old"}',
      'octank/shop-db-source': '{"host":"old"}',
      'octank/shop-db-target': '{"host":"new"}',
    },
    zones: [
      {
        name: 'octank.com',
        records: [
          { name: 'www', type: 'A', ttl: 60, values: ['203.0.113.10'], setIdentifier: 'on-premises', weight: 100 },
          { name: 'www', type: 'A', ttl: 60, values: ['198.51.100.20'], setIdentifier: 'cloud', weight: 0 },
        ],
      },
      {
        name: 'octank.internal',
        records: [{ name: 'shop-db', type: 'CNAME', ttl: 30, values: ['old.internal.'] }],
      },
    ],
    alarms: [{ name: 'errors', namespace: 'Shop', metric: 'Errors', threshold: 5, comparison: 'GreaterThanThreshold' }],
  });
});
afterAll(() => aws.stop());

const traffic = () => createTraffic({ clients: aws.clients, clock });
const untilTrue = async (what: string, look: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 10_000;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await clock.wall.sleep(50);
  }
};

it('knows who it is', async () => {
  expect(await createIdentity(aws.clients).whoami()).toMatchObject({ account: '111122223333' });
});

describe('notifications', () => {
  it('are published, and a failure is told and nothing more', async () => {
    const failures: string[] = [];
    const onFailure = (fault: { code: string }): number => failures.push(fault.code);
    await createNotify({ clients: aws.clients, topicArn: topic, onFailure }).send({ subject: 'held\n', body: 'why' });
    expect(aws.rehearsal.services.sns.messages()).toMatchObject([{ subject: 'held ', message: 'why' }]);
    await createNotify({ clients: aws.clients, topicArn: `${topic}-absent`, onFailure }).send({
      subject: 's',
      body: 'b',
    });
    await createNotify({ clients: aws.clients, topicArn: null, onFailure }).send({ subject: 's', body: 'b' });
    expect(failures).toEqual(['aws.refused']);
  });
});

describe('secrets', () => {
  it('are read by name, and named when they are missing', async () => {
    const secrets = createSecrets({ clients: aws.clients, env: { DB: 'x' }, baseFolder: '/' });
    expect(await secrets.read({ kind: 'secretsManager', id: 'octank/shop-db-target' })).toBe('{"host":"new"}');
    expect(await secrets.read({ kind: 'env', variable: 'DB' })).toBe('x');
    await expect(secrets.read({ kind: 'secretsManager', id: 'octank/none' })).rejects.toMatchObject({
      code: 'secret.missing',
      detail: expect.stringContaining('octank/none'),
    });
    await expect(secrets.read({ kind: 'env', variable: 'NONE' })).rejects.toMatchObject({ code: 'secret.missing' });
  });

  it('move with one token once, and move again after an undo', async () => {
    const store = createSecretStore(aws.clients);
    await aws.rehearsal.services.secrets.putSecret('a', 'before');
    await aws.rehearsal.services.secrets.putSecret('b', 'after');
    const first = await store.current('a');
    const moved = await store.copy({ from: 'b', to: 'a', token: 'run:1' });
    expect(await store.copy({ from: 'b', to: 'a', token: 'run:1' })).toEqual(moved);
    await store.restore({ id: 'a', versionId: first!.versionId });
    expect(aws.rehearsal.services.secrets.secret('a')).toBe('before');
    await store.copy({ from: 'b', to: 'a', token: 'run:1' });
    expect(await store.current('a')).toEqual(moved);
    await expect(store.restore({ id: 'a', versionId: 'f'.repeat(40) })).rejects.toMatchObject({
      code: 'secret.version-missing',
      effect: 'none',
    });
    expect(await store.current('nowhere')).toBeUndefined();
  });
});

describe('records', () => {
  const read = () => traffic().read({ zone: 'octank.com', name: 'www' });
  const weighed = (records: readonly WeightedRecord[], cloud: number): readonly WeightedRecord[] =>
    records.map((record) => ({ ...record, weight: record.setIdentifier === 'cloud' ? cloud : 100 - cloud }));
  const weightOf = (records: readonly WeightedRecord[]): number | null | undefined =>
    records.find(({ setIdentifier }) => setIdentifier === 'cloud')?.weight;

  it('are swapped at once, refused when they moved, and in sync after a while', async () => {
    const before = await read();
    expect(before).toHaveLength(2);
    const { changeId } = await traffic().swap({ expected: before, wanted: weighed(before, 5), comment: 'five' });
    expect(weightOf(await read())).toBe(5);
    await untilTrue('INSYNC', async () => (await traffic().changeStatus(changeId)) === 'INSYNC');
    await expect(
      traffic().swap({ expected: before, wanted: weighed(before, 50), comment: 'late' }),
    ).rejects.toMatchObject({ code: 'route53.moved', effect: 'none' });
    expect(weightOf(await read())).toBe(5);
  });

  it.each([
    ['timeout-after-effect', 25],
    ['timeout-before-effect', 5],
  ] as const)('are in doubt after a %s, and the world tells', async (kind, share) => {
    const before = weighed(await read(), 5);
    const live = await read();
    if (weightOf(live) !== 5) await traffic().swap({ expected: live, wanted: before, comment: 'back' });
    await aws.fault({ service: 'route53', operation: 'ChangeResourceRecordSets', kind });
    await expect(
      traffic().swap({ expected: before, wanted: weighed(before, 25), comment: 'lost' }),
    ).rejects.toMatchObject({ code: 'route53.unknown', effect: 'unknown' });
    expect(weightOf(await read())).toBe(share);
  });

  it('are swapped although AWS throttles', async () => {
    const live = await read();
    await aws.fault({ service: 'route53', operation: 'ChangeResourceRecordSets', kind: 'throttle', count: 2 });
    await traffic().swap({ expected: live, wanted: weighed(live, 75), comment: 'throttled' });
    expect(weightOf(await read())).toBe(75);
  });
});

describe('repointing', () => {
  const services = () => ({
    secretStore: createSecretStore(aws.clients),
    traffic: traffic(),
    clock,
    run: () => Promise.reject(new Error('not used')),
    announce: () => undefined,
  });
  const secret = () =>
    createRepoint(
      {
        kind: 'secretsManager',
        settings: {
          secret: 'octank/shop-db',
          source: 'octank/shop-db-source',
          target: 'octank/shop-db-target',
        },
      },
      services(),
    );
  const name = () =>
    createRepoint(
      {
        kind: 'route53',
        settings: {
          zone: 'octank.internal',
          name: 'shop-db',
          source: 'old.internal',
          target: 'New.internal',
          ttl: 5,
        },
      },
      services(),
    );

  it.each([
    ['secretsManager', secret],
    ['route53', name],
  ] as const)('by %s goes there and back, twice if asked', async (_, open) => {
    const driver = open();
    const { at, before } = await driver.observe({});
    expect(at).toBe('source');
    expect(JSON.stringify(before)).not.toContain('host');
    await driver.perform(before, 'token:1');
    expect((await driver.observe(before)).at).toBe('target');
    await driver.perform(before, 'token:1');
    await driver.undo(before, 'token:2');
    expect((await driver.observe(before)).at).toBe('source');
    await driver.undo(before, 'token:2');
    // The same attempt, after it was undone: an idempotent token must not turn it into nothing.
    await driver.perform(before, 'token:1');
    expect((await driver.observe(before)).at).toBe('target');
    await driver.undo(before, 'token:1');
    expect((await driver.observe(before)).at).toBe('source');
  });

  it('leaves alone what somebody else wrote', async () => {
    await aws.rehearsal.services.secrets.putSecret('octank/shop-db', '{"host":"third"}');
    expect((await secret().observe({})).at).toBe('foreign');
    await expect(secret().perform({}, 't')).rejects.toMatchObject({
      code: 'repoint.foreign',
      effect: 'none',
      exitCode: 9,
    });
    await expect(secret().undo({}, 't')).rejects.toMatchObject({ code: 'repoint.foreign' });
    expect(aws.rehearsal.services.secrets.secret('octank/shop-db')).toBe('{"host":"third"}');
  });

  it('by name takes as long as the longer TTL', async () => {
    expect(await name().tailSeconds()).toBeGreaterThanOrEqual(5);
    expect(await secret().tailSeconds()).toBeNull();
  });
});

describe('health', () => {
  const health = () =>
    createHealth({ metrics: createMetrics(aws.clients), countSessions: () => Promise.reject(new Error('not used')) });
  const gate = (kind: string, settings: GateSpec['settings']): GateSpec => ({
    name: kind,
    kind,
    settings,
    failWhen: { comparison: '>', threshold: 0.01 },
    windowSeconds: 300,
    periodSeconds: 60,
    datapointsToFail: 1,
    evaluationPoints: 3,
    minRequests: 0,
    noData: 'hold',
    range: null,
  });
  const ratio = gate('cloudwatch', {
    expression: 'FILL(m5xx,0)/mreq',
    metrics: {
      m5xx: { namespace: 'Shop', metric: 'Errors' },
      mreq: { namespace: 'Shop', metric: 'Requests' },
    },
  });
  const put = async (metric: string, at: number, value: number): Promise<void> => {
    aws.rehearsal.services.cloudWatch.putMetric({ namespace: 'Shop', name: metric, dimensions: {}, value, at });
  };
  const window = () => ({ since: clock.now() - 300_000, until: clock.now() });

  it('has no datapoint where nothing was measured: absence is not health', async () => {
    expect(await health().sample(ratio, window())).toEqual({ datapoints: [], requests: 0, failure: null });
    expect(await health().sample(gate('alarm', { name: 'errors' }), window())).toEqual({
      datapoints: [],
      requests: null,
      failure: null,
    });
    expect(await health().requests({ namespace: 'Shop', metric: 'Requests', dimensions: {} }, window())).toBeNull();
  });

  it('counts closed periods only, computes the ratio where errors are silent, and sums requests', async () => {
    const minute = Math.floor(clock.now() / 60_000) * 60_000;
    for (const back of [3, 2, 1]) await put('Requests', minute - back * 60_000 + 1, 100);
    await put('Errors', minute - 2 * 60_000 + 1, 5);
    await put('Requests', minute + 1, 7);
    // Here they are put late, so that they are readable half a minute after now; the unfinished period is never asked for.
    const window = { since: minute - 3 * 60_000, until: minute + 60_000 };
    const readable = Math.max(window.until, clock.now() + 31_000);
    await untilTrue('all has arrived', async () => clock.now() >= readable);
    const samples = await health().sample(ratio, window);
    expect(samples.failure).toBeNull();
    expect(samples.datapoints).toEqual([
      { at: minute - 180_000, value: 0 },
      { at: minute - 120_000, value: 0.05 },
      { at: minute - 60_000, value: 0 },
    ]);
    expect(samples.requests).toBe(300);
    const requests = { namespace: 'Shop', metric: 'Requests', dimensions: {} };
    expect(await health().requests(requests, window)).toBe(300);
    // The newest minute may still be arriving: it is left to the next look.
    expect(await health().requests(requests, { ...window, until: window.until - 1 })).toBe(200);
  });

  it('says why a source failed instead of throwing or passing', async () => {
    const broken = gate('cloudwatch', { ...ratio.settings, expression: 'NOSUCH(((' });
    const unknownAlarm = gate('alarm', { name: 'nobody' });
    for (const one of [broken, unknownAlarm, gate('tarot', {}), gate('cloudwatch', { wrong: 1 })]) {
      const samples = await health().sample(one, window());
      expect(samples.failure).toBeTruthy();
      expect(samples.datapoints).toEqual([]);
    }
    await aws.fault({ service: 'monitoring', operation: 'GetMetricData', kind: '5xx', count: 9 });
    expect((await health().sample(ratio, window())).failure).toContain('GetMetricData');
    await fetch(`${aws.rehearsal.endpoint.url}/_octank/faults`, { method: 'DELETE' });
  });
});

/** What only shows when the services are together: stale name servers, health by alarm, the weight-0 trap, faults inside a service. */
import {
  CloudWatchClient,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  ChangeResourceRecordSetsCommand,
  CreateHealthCheckCommand,
  ListHostedZonesCommand,
  Route53Client,
  TestDNSAnswerCommand,
} from '@aws-sdk/client-route-53';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, type TestRehearsal, testRehearsal } from './testing.ts';

let test: TestRehearsal;
let route53: Route53Client;
let HostedZoneId: string;

beforeEach(async () => {
  test = await testRehearsal({
    zones: [{ name: 'octank.com', records: [{ name: 'plain', type: 'A', ttl: 60, values: ['192.0.2.1'] }] }],
    topics: ['arn:aws:sns:eu-west-1:111122223333:octank-migrations'],
    alarms: [
      {
        name: 'given',
        namespace: 'N',
        metric: 'm',
        dimensions: {},
        statistic: 'Sum',
        periodSeconds: 60,
        evaluationPeriods: 1,
        threshold: 1,
        comparison: 'GreaterThanThreshold',
        treatMissingData: 'breaching',
      },
    ],
  });
  route53 = new Route53Client({ ...test.client, maxAttempts: 5 });
  HostedZoneId = (await route53.send(new ListHostedZonesCommand({}))).HostedZones?.[0]?.Id ?? '';
});
afterEach(() => test.stop());

const ask = async (name: string): Promise<string | undefined> =>
  (await route53.send(new TestDNSAnswerCommand({ HostedZoneId, RecordName: name, RecordType: 'A' }))).RecordData?.[0];

const upsert = (
  Name: string,
  value: string,
  more: { SetIdentifier?: string; Weight?: number; HealthCheckId?: string } = {},
) => ({
  Action: 'UPSERT' as const,
  ResourceRecordSet: { Name, Type: 'A' as const, TTL: 60, ResourceRecords: [{ Value: value }], ...more },
});

const change = (...Changes: ReturnType<typeof upsert>[]) =>
  route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));

describe('the services together', () => {
  it('F2 stale name servers keep the old answer past INSYNC time, then follow', async () => {
    // 3000 scaled seconds are one of the wall.
    await test.control('faults', { service: 'dns', kind: 'stale', seconds: 3000 });
    await change(upsert('plain.octank.com', '192.0.2.2'));
    const stale = Date.now() + 700;
    expect(await ask('plain.octank.com')).toBe('192.0.2.1');
    await eventually(
      async () => Date.now(),
      (now) => now > stale - 300,
    );
    expect(await ask('plain.octank.com')).toBe('192.0.2.1');
    await eventually(
      () => ask('plain.octank.com'),
      (answer) => answer === '192.0.2.2',
      { everyMs: 150 },
    );
  });

  it('D2 R10 the weight-0 trap: an alarm on the source sends all traffic to the standby, a forced state does not', async () => {
    const cloudWatch = new CloudWatchClient({ ...test.client, maxAttempts: 5 });
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'source',
        Namespace: 'N',
        MetricName: 'up',
        Statistic: 'Minimum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'ignore',
      }),
    );
    const { HealthCheck } = await route53.send(
      new CreateHealthCheckCommand({
        CallerReference: 'h',
        HealthCheckConfig: {
          Type: 'CLOUDWATCH_METRIC',
          AlarmIdentifier: { Region: 'eu-west-1', Name: 'source' },
          InsufficientDataHealthStatus: 'LastKnownStatus',
        },
      }),
    );
    await change(
      upsert('www.octank.com', '203.0.113.10', {
        SetIdentifier: 'source',
        Weight: 255,
        HealthCheckId: HealthCheck?.Id ?? '',
      }),
      upsert('www.octank.com', '198.51.100.20', { SetIdentifier: 'target', Weight: 0 }),
    );
    await eventually(
      () => ask('www.octank.com'),
      (answer) => answer === '203.0.113.10',
      { everyMs: 150 },
    );
    await cloudWatch.send(
      new SetAlarmStateCommand({ AlarmName: 'source', StateValue: 'ALARM', StateReason: 'forced' }),
    );
    expect(await ask('www.octank.com')).toBe('203.0.113.10');
    const minutes = Array.from({ length: 100 }, (_, index) => new Date(test.now() + index * 60_000));
    await cloudWatch.send(
      new PutMetricDataCommand({
        Namespace: 'N',
        MetricData: minutes.map((Timestamp) => ({ MetricName: 'up', Value: 0, Timestamp })),
      }),
    );
    await eventually(
      () => ask('www.octank.com'),
      (answer) => answer === '198.51.100.20',
      { everyMs: 150 },
    );
  });

  it('makes what the config names, and a topic given by ARN under its name', async () => {
    expect(test.rehearsal.services.cloudWatch.alarms.get('given')).toBeDefined();
    expect(
      await test.rehearsal.services.sns.publish('arn:aws:sns:eu-west-1:111122223333:octank-migrations', 's', 'm'),
    ).toBe(true);
    await eventually(
      async () => test.rehearsal.services.cloudWatch.alarms.get('given')?.state,
      (state) => state === 'ALARM',
    );
  });
});

/** behaviour.md, section Route 53, by the real SDK. */
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  CreateHealthCheckCommand,
  CreateHostedZoneCommand,
  DeleteHealthCheckCommand,
  GetChangeCommand,
  GetHealthCheckStatusCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
  TestDNSAnswerCommand,
} from '@aws-sdk/client-route-53';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RehearsalConfig } from '../../config.ts';
import { eventually, type TestRehearsal, testRehearsal } from '../../testing.ts';

let test: TestRehearsal;
let client: Route53Client;
let zone: string;

const record = (
  id: string,
  weight: number,
  value: string,
  ttl = 60,
): RehearsalConfig['zones'][number]['records'][number] => ({
  name: 'www',
  type: 'A',
  ttl,
  values: [value],
  setIdentifier: id,
  weight,
});

beforeEach(async () => {
  test = await testRehearsal({
    zones: [
      {
        name: 'octank.com',
        records: [
          record('on-premises', 255, '203.0.113.10'),
          record('cloud', 0, '198.51.100.20'),
          { name: 'plain', type: 'A', ttl: 60, values: ['192.0.2.1'] },
        ],
      },
      { name: 'octank.internal', records: [] },
    ],
  });
  client = new Route53Client(test.client);
  zone = (await client.send(new ListHostedZonesByNameCommand({ DNSName: 'octank.com' }))).HostedZones?.[0]?.Id ?? '';
});
afterEach(() => test.stop());

const set = (id: string, weight: number, value: string, ttl = 60): ResourceRecordSet => ({
  Name: 'www.octank.com',
  Type: 'A',
  SetIdentifier: id,
  Weight: weight,
  TTL: ttl,
  ResourceRecords: [{ Value: value }],
});
const source = (weight: number, ttl = 60): ResourceRecordSet => set('on-premises', weight, '203.0.113.10', ttl);
const target = (weight: number, ttl = 60): ResourceRecordSet => set('cloud', weight, '198.51.100.20', ttl);

/** Repeats while the zone is busy with the change before, as every client of Route 53 must. */
const change = (changes: Change[]) =>
  eventually(
    () =>
      client
        .send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zone, ChangeBatch: { Changes: changes } }))
        .catch((error: Error) => {
          if (error.name === 'PriorRequestNotComplete') return undefined;
          throw error;
        }),
    (answer) => answer !== undefined,
  );

const swap = (before: ResourceRecordSet[], after: ResourceRecordSet[]): Change[] => [
  ...before.map((ResourceRecordSet): Change => ({ Action: 'DELETE', ResourceRecordSet })),
  ...after.map((ResourceRecordSet): Change => ({ Action: 'CREATE', ResourceRecordSet })),
];

const weights = async (): Promise<Record<string, number | undefined>> => {
  const { ResourceRecordSets = [] } = await client.send(
    new ListResourceRecordSetsCommand({ HostedZoneId: zone, StartRecordName: 'www.octank.com', StartRecordType: 'A' }),
  );
  return Object.fromEntries(
    ResourceRecordSets.flatMap((one) => (one.SetIdentifier ? [[one.SetIdentifier, one.Weight]] : [])),
  );
};

describe('change batches', () => {
  it('R1 R2 moves weights by delete and create, and refuses the whole batch when one live value is not as said', async () => {
    await change(swap([source(255), target(0)], [source(95), target(5)]));
    expect(await weights()).toEqual({ 'on-premises': 95, cloud: 5 });
    await expect(change(swap([source(95), target(0)], [source(75), target(25)]))).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
      message: expect.stringContaining(
        "[Tried to delete resource record set [name='www.octank.com.', type='A', set identifier='cloud'] but the values provided do not match the current values",
      ),
    });
    expect(await weights()).toEqual({ 'on-premises': 95, cloud: 5 });
  });

  const refused: readonly [string, () => Change[], string | RegExp][] = [
    ['R2 a create of what is there', () => [{ Action: 'CREATE', ResourceRecordSet: target(0) }], 'it already exists'],
    [
      'R2 a delete of what is not',
      () => [{ Action: 'DELETE', ResourceRecordSet: set('third', 1, '192.0.2.9') }],
      'it was not found',
    ],
    [
      'R2 a delete with another ttl',
      () => [{ Action: 'DELETE', ResourceRecordSet: target(0, 61) }],
      'do not match the current values',
    ],
    [
      'R3 unequal ttls in a group',
      () => [{ Action: 'UPSERT', ResourceRecordSet: target(0, 30) }],
      'must contain the same TTL',
    ],
    [
      'R3 a simple record beside weighted ones',
      () => [
        {
          Action: 'CREATE',
          ResourceRecordSet: { Name: 'www.octank.com', Type: 'A', TTL: 60, ResourceRecords: [{ Value: '192.0.2.7' }] },
        },
      ],
      'non multivalue answer',
    ],
    [
      'R3 an upsert that would convert a simple record',
      () => [{ Action: 'UPSERT', ResourceRecordSet: { ...source(1), Name: 'plain.octank.com' } }],
      'non multivalue answer',
    ],
    [
      'R3 a cname beside another type',
      () => [
        {
          Action: 'CREATE',
          ResourceRecordSet: {
            Name: 'plain.octank.com',
            Type: 'CNAME',
            TTL: 60,
            ResourceRecords: [{ Value: 'x.octank.com' }],
          },
        },
      ],
      'conflicts with other records',
    ],
    [
      'R3 a cname at the apex',
      () => [
        {
          Action: 'CREATE',
          ResourceRecordSet: {
            Name: 'octank.com',
            Type: 'CNAME',
            TTL: 60,
            ResourceRecords: [{ Value: 'x.octank.com' }],
          },
        },
      ],
      'not permitted at apex',
    ],
    [
      "another zone's name",
      () => [{ Action: 'CREATE', ResourceRecordSet: { ...source(1), Name: 'www.notoctank.com' } }],
      'is not permitted in zone',
    ],
    [
      'an address that is none',
      () => [{ Action: 'UPSERT', ResourceRecordSet: set('cloud', 0, '198.51.100') }],
      'IllegalIPv4Address',
    ],
  ];
  it.each(refused)('refuses %s', async (_name, changes, message) => {
    await expect(change(changes())).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
      message: expect.stringMatching(message),
    });
  });

  const invalid: readonly [string, ResourceRecordSet][] = [
    ['a weight over 255', target(256)],
    ['a weight below 0', target(-1)],
    ['an identifier without a policy', { ...target(1), Weight: undefined }],
    ['a policy without an identifier', { ...target(1), SetIdentifier: undefined }],
    ['a policy that is not served', { ...target(1), Weight: undefined, Region: 'eu-west-1' }],
  ];
  it.each(invalid)('R3 refuses %s as invalid input', async (_name, ResourceRecordSet) => {
    await expect(change([{ Action: 'UPSERT', ResourceRecordSet }])).rejects.toMatchObject({ name: 'InvalidInput' });
    expect(await weights()).toEqual({ 'on-premises': 255, cloud: 0 });
  });

  it('R3 converts simple to weighted in one batch, and lowers the ttl of a whole group in one', async () => {
    const simple: ResourceRecordSet = {
      Name: 'plain.octank.com',
      Type: 'A',
      TTL: 60,
      ResourceRecords: [{ Value: '192.0.2.1' }],
    };
    await change(swap([simple], [{ ...simple, SetIdentifier: 'one', Weight: 1 }]));
    await change(swap([source(255), target(0)], [source(255, 10), target(0, 10)]));
  });

  it('R4 counts an upsert twice against the limit of 1000 values', async () => {
    const many = (count: number, Action: 'CREATE' | 'UPSERT'): Change[] =>
      Array.from({ length: count }, (_, index) => ({
        Action,
        ResourceRecordSet: {
          Name: `h${index}.octank.com`,
          Type: 'A',
          TTL: 60,
          ResourceRecords: [{ Value: '192.0.2.1' }],
        },
      }));
    await expect(change(many(501, 'UPSERT'))).rejects.toThrow('limit of 1000');
    await change(many(501, 'CREATE'));
    const names = new Set<string>();
    let start: { StartRecordName?: string; StartRecordType?: 'A' } = {};
    for (let pages = 1; ; pages += 1) {
      const page = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...start }));
      for (const one of page.ResourceRecordSets ?? []) names.add(`${one.Name} ${one.Type} ${one.SetIdentifier}`);
      if (!page.IsTruncated) {
        expect([pages, names.size]).toEqual([2, 506]);
        return;
      }
      start = { StartRecordName: page.NextRecordName ?? '', StartRecordType: 'A' };
    }
  });

  it('R6 takes no second change while one is being taken', async () => {
    const send = () =>
      client.send(
        new ChangeResourceRecordSetsCommand({
          HostedZoneId: zone,
          ChangeBatch: { Changes: [{ Action: 'UPSERT', ResourceRecordSet: target(0) }] },
        }),
      );
    const outcomes = await Promise.allSettled([send(), send(), send()]);
    const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.name)] : []));
    expect(refused).toEqual(['PriorRequestNotComplete', 'PriorRequestNotComplete']);
  });
});

describe('propagation', () => {
  it('R5 is not in sync at once, and TestDNSAnswer shows the new record only then', async () => {
    const slow = await testRehearsal({
      clock: { rate: 60, originMs: Date.now() },
      zones: [
        {
          name: 'octank.com',
          records: [record('on-premises', 255, '203.0.113.10'), record('cloud', 0, '198.51.100.20')],
        },
      ],
    });
    try {
      const own = new Route53Client(slow.client);
      const { HostedZones = [] } = await own.send(new ListHostedZonesCommand({}));
      const HostedZoneId = HostedZones[0]?.Id ?? '';
      const ask = async () =>
        (await own.send(new TestDNSAnswerCommand({ HostedZoneId, RecordName: 'www.octank.com', RecordType: 'A' })))
          .RecordData?.[0];
      const { ChangeInfo } = await own.send(
        new ChangeResourceRecordSetsCommand({
          HostedZoneId,
          ChangeBatch: { Changes: swap([source(255), target(0)], [source(0), target(255)]) },
        }),
      );
      expect(ChangeInfo?.Status).toBe('PENDING');
      expect(await ask()).toBe('203.0.113.10');
      const status = async () =>
        (await own.send(new GetChangeCommand({ Id: ChangeInfo?.Id ?? '' }))).ChangeInfo?.Status;
      expect(await status()).toBe('PENDING');
      await eventually(status, (now) => now === 'INSYNC');
      expect(await ask()).toBe('198.51.100.20');
    } finally {
      await slow.stop();
    }
  });
});

describe('reading', () => {
  it('R7 pages by identifier inside a group, in order, with the wildcard written out', async () => {
    await change([
      {
        Action: 'CREATE',
        ResourceRecordSet: { Name: '*.octank.com', Type: 'TXT', TTL: 60, ResourceRecords: [{ Value: '"any"' }] },
      },
    ]);
    const seen: string[] = [];
    let start = {};
    for (let page = 0; page < 20; page += 1) {
      const answer = await client.send(
        new ListResourceRecordSetsCommand({ HostedZoneId: zone, MaxItems: 1, ...start }),
      );
      for (const one of answer.ResourceRecordSets ?? [])
        seen.push(`${one.Name} ${one.Type} ${one.SetIdentifier ?? '-'}`);
      if (!answer.IsTruncated) break;
      start = {
        StartRecordName: answer.NextRecordName,
        StartRecordType: answer.NextRecordType,
        ...(answer.NextRecordIdentifier ? { StartRecordIdentifier: answer.NextRecordIdentifier } : {}),
      };
    }
    expect(seen).toEqual([
      'octank.com. NS -',
      'octank.com. SOA -',
      '\\052.octank.com. TXT -',
      'plain.octank.com. A -',
      'www.octank.com. A cloud',
      'www.octank.com. A on-premises',
    ]);
  });

  it('R9 names what is not there', async () => {
    await expect(client.send(new GetHostedZoneCommand({ Id: 'ZNO' }))).rejects.toMatchObject({
      name: 'NoSuchHostedZone',
      $metadata: { httpStatusCode: 404 },
    });
    await expect(client.send(new GetChangeCommand({ Id: 'CNO' }))).rejects.toMatchObject({ name: 'NoSuchChange' });
    await expect(client.send(new GetHealthCheckStatusCommand({ HealthCheckId: 'no' }))).rejects.toMatchObject({
      name: 'NoSuchHealthCheck',
    });
  });

  it('lists zones by name from a name on, and creates one whose change can be followed', async () => {
    const { HostedZones = [] } = await client.send(new ListHostedZonesByNameCommand({ DNSName: 'octank.internal' }));
    expect(HostedZones.map((one) => one.Name)).toEqual(['octank.internal.']);
    const made = await client.send(new CreateHostedZoneCommand({ Name: 'new.example', CallerReference: 'r1' }));
    expect(made.DelegationSet?.NameServers?.length).toBe(4);
    const changeId = made.ChangeInfo?.Id ?? '';
    await eventually(
      () => client.send(new GetChangeCommand({ Id: changeId })),
      (answer) => answer.ChangeInfo?.Status === 'INSYNC',
    );
    await expect(
      client.send(new CreateHostedZoneCommand({ Name: 'new.example', CallerReference: 'r1' })),
    ).rejects.toMatchObject({ name: 'HostedZoneAlreadyExists' });
  });
});

describe('health checks', () => {
  it('R10 are healthy until told otherwise, and are gone when deleted', async () => {
    const { HealthCheck } = await client.send(
      new CreateHealthCheckCommand({
        CallerReference: 'h1',
        HealthCheckConfig: { Type: 'HTTP', IPAddress: '203.0.113.10', Port: 80, ResourcePath: '/' },
      }),
    );
    const HealthCheckId = HealthCheck?.Id ?? '';
    const status = async () =>
      (await client.send(new GetHealthCheckStatusCommand({ HealthCheckId }))).HealthCheckObservations?.[0]?.StatusReport
        ?.Status;
    expect(await status()).toMatch(/^Success/);
    expect((await test.control('health-checks', { id: HealthCheckId, healthy: false })).status).toBe(200);
    expect(await status()).toMatch(/^Failure/);
    await client.send(new DeleteHealthCheckCommand({ HealthCheckId }));
    await expect(status()).rejects.toMatchObject({ name: 'NoSuchHealthCheck' });
  });
});

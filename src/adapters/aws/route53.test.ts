/** Dangers of records: a foreign edit overwritten, a swap sent twice, a page not read, 0/0, a record that cannot be repeated. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WeightedRecord } from '../../ports/traffic.ts';
import { wallClock } from '../local/clock.ts';
import { createTraffic } from './route53.ts';
import { type Answer, type Asked, clientsAt, type Stub, startStub, xmlError } from './testdata/stub.ts';

const zone = (id: string): string =>
  `<HostedZone><Id>/hostedzone/${id}</Id><Name>octank.com.</Name><CallerReference>c</CallerReference></HostedZone>`;
const zones = (...ids: readonly string[]): Answer => ({
  body: `<R><HostedZones>${ids.map(zone).join('')}<HostedZone><Id>/hostedzone/ZX</Id><Name>octank.community.</Name><CallerReference>c</CallerReference></HostedZone></HostedZones><IsTruncated>false</IsTruncated></R>`,
});
const weighted = (id: string, weight: number, name = 'www.octank.com.'): string =>
  `<ResourceRecordSet><Name>${name}</Name><Type>A</Type><SetIdentifier>${id}</SetIdentifier><Weight>${weight}</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>203.0.113.${weight % 250}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>`;
const list = (sets: string, next = ''): Answer => ({
  body: `<R><ResourceRecordSets>${sets}</ResourceRecordSets><IsTruncated>${next !== ''}</IsTruncated><MaxItems>300</MaxItems>${next}</R>`,
});
const accepted: Answer = {
  body: '<R><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status><SubmittedAt>2026-11-24T00:00:00Z</SubmittedAt></ChangeInfo></R>',
};

let stub: Stub;
let changes: () => Answer;
let listing: (asked: Asked) => Answer;
let zoneAnswer: Answer;

const route = (asked: Asked): Answer => {
  if (asked.path.includes('hostedzonesbyname')) return zoneAnswer;
  return asked.method === 'POST' ? changes() : listing(asked);
};
const sent = (): readonly Asked[] => stub.asked.filter(({ method }) => method === 'POST');

beforeAll(async () => {
  stub = await startStub(route);
});
afterAll(() => stub.close());
beforeEach(() => {
  (stub.asked as Asked[]).length = 0;
  zoneAnswer = zones('Z1');
  changes = () => accepted;
  listing = () => list(weighted('cloud', 0) + weighted('on-premises', 100));
});

const traffic = () => createTraffic({ clients: clientsAt(stub.url), clock: wallClock(), random: () => 0 });
const record = (setIdentifier: string, weight: number): WeightedRecord => ({
  zone: 'octank.com',
  name: 'www.octank.com',
  type: 'A',
  setIdentifier,
  weight,
  ttlSeconds: 60,
  values: ['203.0.113.1'],
  healthCheckId: null,
});
const pair = (source: number, target: number) => [record('on-premises', source), record('cloud', target)];

describe('reading', () => {
  it('follows a name over pages, by name, type and identifier, and ends with it', async () => {
    listing = ({ path }) => {
      const query = new URLSearchParams(path.split('?')[1]);
      return query.get('identifier') === 'on-premises'
        ? list(weighted('on-premises', 100) + weighted('x', 1, 'zzz.octank.com.'))
        : list(
            weighted('cloud', 3),
            '<NextRecordName>www.octank.com.</NextRecordName><NextRecordType>A</NextRecordType><NextRecordIdentifier>on-premises</NextRecordIdentifier>',
          );
    };
    const records = await traffic().read({ zone: 'octank.com', name: 'www' });
    expect(records.map((r) => [r.setIdentifier, r.weight])).toEqual([
      ['cloud', 3],
      ['on-premises', 100],
    ]);
  });

  it('takes the zone of exactly that name, and says when there is none', async () => {
    zoneAnswer = zones();
    await expect(traffic().read({ zone: 'octank.com', name: 'www' })).rejects.toMatchObject({
      code: 'route53.zone-missing',
    });
  });

  it('takes, of a public and a private zone of one name, the one that has the record; neither by guess', async () => {
    zoneAnswer = zones('ZPUBLIC', 'ZPRIVATE');
    listing = ({ path }) => list(path.includes('ZPRIVATE') ? weighted('cloud', 1) : '');
    expect(await traffic().read({ zone: 'octank.com', name: 'www' })).toHaveLength(1);
    listing = () => list(weighted('cloud', 1));
    await expect(traffic().read({ zone: 'octank.com', name: 'www' })).rejects.toMatchObject({
      code: 'route53.zone-ambiguous',
    });
  });

  it('refuses a record that it could not put back exactly', async () => {
    listing = () =>
      list(
        '<ResourceRecordSet><Name>www.octank.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>lb.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>',
      );
    await expect(traffic().read({ zone: 'octank.com', name: 'www' })).rejects.toMatchObject({
      code: 'route53.record-unsupported',
    });
  });
});

describe('swapping', () => {
  const swap = () => traffic().swap({ expected: pair(100, 0), wanted: pair(95, 5), comment: 'test' });

  it('is one batch that deletes exactly what was read and creates what is wanted', async () => {
    expect(await swap()).toEqual({ changeId: '/change/C1' });
    expect(sent()).toHaveLength(1);
    const body = sent()[0]?.body ?? '';
    expect([...body.matchAll(/<Action>(\w+)<\/Action>/g)].map((match) => match[1])).toEqual([
      'DELETE',
      'DELETE',
      'CREATE',
      'CREATE',
    ]);
    expect([...body.matchAll(/<Weight>(\d+)<\/Weight>/g)].map((match) => match[1])).toEqual(['100', '0', '95', '5']);
  });

  it.each([
    ['today', xmlError('InvalidChangeBatch', '[Tried to delete resource record set but the values do not match]')],
    [
      'the older',
      {
        status: 400,
        body: '<InvalidChangeBatch><Messages><Message>Tried to delete</Message></Messages></InvalidChangeBatch>',
      },
    ],
  ] as const)('changes nothing when the records moved (%s form of the refusal)', async (_, answer) => {
    changes = () => answer;
    await expect(swap()).rejects.toMatchObject({
      code: 'route53.moved',
      effect: 'none',
      detail: expect.stringContaining('Tried to delete'),
    });
  });

  it.each([['reset'], ['hang']] as const)(
    'is sent once and is unknown when the answer is lost (%s)',
    async (answer) => {
      changes = () => answer;
      await expect(swap()).rejects.toMatchObject({ code: 'route53.unknown', effect: 'unknown' });
      expect(sent()).toHaveLength(1);
    },
  );

  it('is tried again where the zone is busy or the account throttled', async () => {
    const answers = [xmlError('PriorRequestNotComplete'), xmlError('Throttling', 'Rate exceeded'), accepted];
    changes = () => answers.shift() ?? 'reset';
    await swap();
    expect(sent()).toHaveLength(3);
  });

  it('does not take a well-formed page of a proxy for an answer', async () => {
    changes = () => ({ body: '<html><p>sign in</p></html>' });
    await expect(swap()).rejects.toMatchObject({ code: 'route53.unknown', effect: 'unknown' });
    listing = () => ({ body: '<html><p>sign in</p></html>' });
    await expect(traffic().read({ zone: 'octank.com', name: 'www' })).rejects.toMatchObject({
      code: 'aws.unreadable-answer',
    });
  });

  it.each([
    ['0/0', pair(0, 0)],
    ['a weight over 255', pair(256, 1)],
    ['a fraction', pair(99.5, 0.5)],
    ['two TTLs', [record('on-premises', 100), { ...record('cloud', 1), ttlSeconds: 30 }]],
    ['a simple record among weighted ones', [record('on-premises', 100), { ...record('cloud', 1), weight: null }]],
    ['an identifier twice', [record('cloud', 100), record('cloud', 1)]],
    ['no record at all', []],
  ])('never sends %s', async (_, wanted) => {
    await expect(traffic().swap({ expected: pair(100, 0), wanted, comment: '' })).rejects.toMatchObject({
      code: 'internal.assertion',
    });
    expect(sent()).toHaveLength(0);
  });
});

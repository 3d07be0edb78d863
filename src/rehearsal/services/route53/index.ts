/** Route 53 on the wire: zones, record sets, changes, health checks, test answers. behaviour.md, section Route 53. */
import { answerQuestion, type DnsAnswer } from '../../dns/answer.ts';
import {
  type InjectedFault,
  type RestRequest,
  type RestXmlService,
  type RunningService,
  type ServiceContext,
  ServiceError,
} from '../../service.ts';
import { childOf, renderXml, textOf } from '../../wire/xml.ts';
import { type AlarmData, createHealthChecks, type HealthChecks } from './health-checks.ts';
import { compareSets, isRecordType, normalName, orderKey, wireName } from './records.ts';
import { answerXml, decodeBody, decodeChanges, invalidInput, setXml } from './xml.ts';
import { type Change, createZones, nameServerCount, nameServerName, type Zone, type Zones } from './zones.ts';

export interface Route53 extends RunningService {
  readonly zones: Zones;
  readonly healthChecks: HealthChecks;
  /** What a name server, drawn at random, answers. */
  answer(question: { readonly name: string; readonly type: string }): DnsAnswer & { readonly nameServer: string };
}

interface RestAnswer {
  readonly status: number;
  readonly xml: string;
  readonly headers?: Record<string, string>;
}

const ok = (xml: string): RestAnswer => ({ status: 200, xml });

const maxItemsOf = (query: URLSearchParams, most: number): number => {
  const text = query.get('maxitems') ?? String(most);
  if (!/^\d+$/.test(text) || Number(text) < 1) throw invalidInput(`Invalid maxitems ${text}`);
  return Math.min(most, Number(text));
};

const changeXml = (change: Change & { readonly status: string }): string =>
  renderXml('ChangeInfo', {
    Id: `/change/${change.id}`,
    Status: change.status,
    SubmittedAt: new Date(change.submittedAt).toISOString(),
    Comment: change.comment || undefined,
  });

const zoneXml = (zone: Zone): string =>
  renderXml('HostedZone', {
    Id: `/hostedzone/${zone.id}`,
    Name: zone.name,
    CallerReference: zone.callerReference,
    Config: { Comment: zone.comment || undefined, PrivateZone: false },
    ResourceRecordSetCount: zone.records.length,
  });

const delegationXml = renderXml('DelegationSet', { NameServers: [] }).replace(
  '<NameServers></NameServers>',
  renderXml(
    'NameServers',
    Array.from({ length: nameServerCount }, (_, index) => nameServerName(index)),
    'NameServer',
  ),
);

const listRecords = (zone: Zone, query: URLSearchParams): RestAnswer => {
  const name = query.get('name');
  const type = query.get('type');
  const identifier = query.get('identifier');
  if (type !== null && (name === null || !isRecordType(type)))
    throw invalidInput('The type needs a name, and must be one of the record types.');
  if (identifier !== null && type === null) throw invalidInput('The identifier needs a name and a type.');
  const start =
    name === null
      ? undefined
      : { name: normalName(name), ...(type ? { type } : {}), ...(identifier ? { setIdentifier: identifier } : {}) };
  const from = zone.records.filter((set) => start === undefined || compareSets(set, start) >= 0);
  const maxItems = maxItemsOf(query, 300);
  const next = from[maxItems];
  return ok(
    answerXml(
      'ListResourceRecordSetsResponse',
      {
        IsTruncated: next !== undefined,
        MaxItems: maxItems,
        ...(next
          ? { NextRecordName: wireName(next.name), NextRecordType: next.type, NextRecordIdentifier: next.setIdentifier }
          : {}),
      },
      `<ResourceRecordSets>${from.slice(0, maxItems).map(setXml).join('')}</ResourceRecordSets>`,
    ),
  );
};

const listZones = (zones: Zones, query: URLSearchParams): RestAnswer => {
  const all = [...zones.list()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const from = all.findIndex((zone) => zone.id === (query.get('marker') ?? all[0]?.id));
  const maxItems = maxItemsOf(query, 100);
  const page = from < 0 ? [] : all.slice(from, from + maxItems);
  const next = from < 0 ? undefined : all[from + maxItems];
  return ok(
    answerXml(
      'ListHostedZonesResponse',
      { IsTruncated: next !== undefined, MaxItems: maxItems, NextMarker: next?.id },
      `<HostedZones>${page.map(zoneXml).join('')}</HostedZones>`,
    ),
  );
};

const listZonesByName = (zones: Zones, query: URLSearchParams): RestAnswer => {
  const wanted = query.get('dnsname');
  const keyed = zones.list().map((zone) => ({ zone, key: `${orderKey(zone.name)} ${zone.id}` }));
  const start = wanted === null ? '' : `${orderKey(normalName(wanted))} ${query.get('hostedzoneid') ?? ''}`;
  const from = keyed.filter(({ key }) => key >= start).sort((a, b) => (a.key < b.key ? -1 : 1));
  const maxItems = maxItemsOf(query, 100);
  const next = from[maxItems]?.zone;
  return ok(
    answerXml(
      'ListHostedZonesByNameResponse',
      {
        DNSName: wanted ?? undefined,
        IsTruncated: next !== undefined,
        MaxItems: maxItems,
        ...(next ? { NextDNSName: next.name, NextHostedZoneId: next.id } : {}),
      },
      `<HostedZones>${from
        .slice(0, maxItems)
        .map(({ zone }) => zoneXml(zone))
        .join('')}</HostedZones>`,
    ),
  );
};

const changeRecords = async (zones: Zones, zone: Zone, body: string): Promise<RestAnswer> => {
  const { changes, comment } = decodeChanges(body);
  const result = await zones.change(zone, changes, comment);
  if (result.type === 'busy')
    throw new ServiceError(
      'PriorRequestNotComplete',
      'The request was rejected because Route 53 was still processing a prior request.',
    );
  if (result.type === 'refused') throw new ServiceError('InvalidChangeBatch', `[${result.reasons.join(', ')}]`);
  const change = zones.lastChange(zone);
  return ok(
    answerXml('ChangeResourceRecordSetsResponse', {}, change ? changeXml({ ...change, status: 'PENDING' }) : ''),
  );
};

const createZone = async (zones: Zones, body: string): Promise<RestAnswer> => {
  const request = decodeBody(body, 'CreateHostedZoneRequest');
  const name = textOf(request, 'Name') ?? '';
  const callerReference = textOf(request, 'CallerReference') ?? '';
  if (!/^([\w-]+\.)+[\w-]+\.?$/.test(name))
    throw new ServiceError('InvalidDomainName', `${name} is not a valid domain name.`);
  if (zones.list().some((zone) => zone.callerReference === callerReference))
    throw new ServiceError(
      'HostedZoneAlreadyExists',
      'A hosted zone has already been created with the specified caller reference.',
      { status: 409 },
    );
  const comment = textOf(childOf(request, 'HostedZoneConfig'), 'Comment') ?? '';
  const zone = await zones.create({ name, callerReference, comment });
  const change = zones.lastChange(zone);
  const changed = change ? changeXml({ ...change, status: 'PENDING' }) : '';
  return {
    status: 201,
    headers: { location: `/2013-04-01/hostedzone/${zone.id}` },
    xml: answerXml('CreateHostedZoneResponse', {}, zoneXml(zone) + changed + delegationXml),
  };
};

export const createRoute53 = async (
  context: ServiceContext & { readonly alarmData: (name: string) => AlarmData; readonly random?: () => number },
): Promise<Route53> => {
  const { clock, store, random = Math.random } = context;
  const zones = await createZones({ clock, store, random });
  const healthChecks = await createHealthChecks({ clock, store, alarmData: context.alarmData });

  const answer = (question: { readonly name: string; readonly type: string }): DnsAnswer & { nameServer: string } => {
    const index = Math.floor(random() * nameServerCount);
    const dice = { isHealthy: healthChecks.isHealthy, random };
    return { ...answerQuestion(question, (name) => zones.view(name, index), dice), nameServer: nameServerName(index) };
  };

  const requireZone = (id: string): Zone => {
    const zone = zones.get(id);
    if (!zone) throw new ServiceError('NoSuchHostedZone', `No hosted zone found with ID: ${id}`, { status: 404 });
    return zone;
  };

  const testAnswer = (query: URLSearchParams): RestAnswer => {
    const zone = requireZone((query.get('hostedzoneid') ?? '').replace(/^\/hostedzone\//, ''));
    const name = query.get('recordname') ?? zone.name;
    const type = query.get('recordtype') ?? '';
    if (!isRecordType(type)) throw invalidInput(`Invalid record type ${type}`);
    const found = answer({ name, type });
    return ok(
      answerXml(
        'TestDNSAnswerResponse',
        {
          Nameserver: found.nameServer,
          RecordName: normalName(name),
          RecordType: type,
          ResponseCode: found.code,
          Protocol: 'UDP',
        },
        renderXml(
          'RecordData',
          found.answers.map((one) => one.value),
          'RecordDataEntry',
        ),
      ),
    );
  };

  const change = (id: string): RestAnswer => {
    const found = zones.getChange(id);
    if (!found) throw new ServiceError('NoSuchChange', `Could not find resource with ID: ${id}`, { status: 404 });
    return ok(answerXml('GetChangeResponse', {}, changeXml(found)));
  };

  const healthCheck = async (
    method: string,
    id: string,
    part: string,
    body: string,
  ): Promise<RestAnswer | undefined> => {
    if (method === 'POST' && id === '') {
      const made = await healthChecks.create(body);
      return {
        status: made.created ? 201 : 200,
        headers: { location: `/2013-04-01/healthcheck/${made.id}` },
        xml: answerXml('CreateHealthCheckResponse', {}, made.xml),
      };
    }
    if (method === 'GET' && id === '')
      return ok(
        answerXml(
          'ListHealthChecksResponse',
          { Marker: '', IsTruncated: false, MaxItems: 100 },
          `<HealthChecks>${healthChecks.list()}</HealthChecks>`,
        ),
      );
    if (method === 'GET' && part === 'status')
      return ok(answerXml('GetHealthCheckStatusResponse', {}, healthChecks.statusXml(id)));
    if (method === 'GET') return ok(answerXml('GetHealthCheckResponse', {}, healthChecks.get(id)));
    if (method === 'POST') return ok(answerXml('UpdateHealthCheckResponse', {}, await healthChecks.update(id, body)));
    if (method !== 'DELETE') return undefined;
    await healthChecks.remove(id);
    return ok(answerXml('DeleteHealthCheckResponse', {}));
  };

  const route = async ({ method, path, query, body }: RestRequest): Promise<RestAnswer | undefined> => {
    const [resource = '', id = '', part = ''] = path
      .replace(/^\/2013-04-01\//, '')
      .split('/')
      .map(decodeURIComponent);
    switch (resource) {
      case 'hostedzone':
        if (part === 'rrset')
          return method === 'POST' ? changeRecords(zones, requireZone(id), body) : listRecords(requireZone(id), query);
        if (id === '') return method === 'POST' ? createZone(zones, body) : listZones(zones, query);
        return method === 'GET'
          ? ok(answerXml('GetHostedZoneResponse', {}, zoneXml(requireZone(id)) + delegationXml))
          : undefined;
      case 'hostedzonesbyname':
        return listZonesByName(zones, query);
      case 'hostedzonecount':
        return ok(answerXml('GetHostedZoneCountResponse', { HostedZoneCount: zones.list().length }));
      case 'change':
        return change(id);
      case 'testdnsanswer':
        return testAnswer(query);
      case 'healthcheck':
        return healthCheck(method, id, part, body);
      default:
        return undefined;
    }
  };

  const service: RestXmlService = {
    protocol: 'rest-xml',
    scope: 'route53',
    handle: async (request) => {
      const found = await route(request);
      if (!found)
        throw new ServiceError('UnknownOperationException', `${request.method} ${request.path} is not served here.`, {
          status: 404,
        });
      return found;
    },
  };

  return {
    service,
    zones,
    healthChecks,
    answer,
    inject: async ({ kind, seconds = 60 }: InjectedFault) => {
      if (kind !== 'stale') return false;
      zones.freezeUntil(clock.now() + seconds * 1000);
      return true;
    },
    stop: () => zones.save(),
  };
};

/** Route 53 behind the traffic port: records read whole, changed by compare-and-swap in one batch. */
import type { Change, ResourceRecordSet } from '@aws-sdk/client-route-53';
import { assert, exitCodes, Fault } from '../../model/fault.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Traffic, WeightedRecord } from '../../ports/traffic.ts';
import type { AwsClients, Loaded } from './clients.ts';
import { type AwsCall, awsFault, calling, isNamed, isThrottled, required, sdkError } from './faults.ts';
import { allPages } from './pages.ts';

type Route53 = Loaded<'route53'>;
type RecordType = WeightedRecord['type'];

const read = (operation: string): AwsCall => ({ service: 'Route 53', operation, mutates: false });
const changing: AwsCall = { service: 'Route 53', operation: 'ChangeResourceRecordSets', mutates: true };

/** Refusals that certainly changed nothing are tried again for this long: a zone takes one change at a time. */
const retryForMs = 60_000;
const firstPauseMs = 200;
const longestPauseMs = 5000;

/** Route 53 answers lower case, with a final dot, and `\052` for an asterisk. */
const plainName = (name: string): string =>
  name
    .replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .replace(/\.$/, '')
    .toLowerCase();

/** `www` in zone `octank.com`, `www.octank.com` and `@` are all understood. */
const fullName = (name: string, zone: string): string => {
  const [record, suffix] = [plainName(name), plainName(zone)];
  if (record === '' || record === '@') return suffix;
  return record === suffix || record.endsWith(`.${suffix}`) ? record : `${record}.${suffix}`;
};

const isRecordType = (type: string | undefined): type is RecordType =>
  type === 'A' || type === 'AAAA' || type === 'CNAME';

/** A record that DELETE could not repeat exactly must not be read as one that it could. */
const requirePlain = (set: ResourceRecordSet): void => {
  const policy = [
    set.AliasTarget && 'an alias',
    set.Region && 'latency-based',
    set.GeoLocation && 'by geolocation',
    set.GeoProximityLocation && 'by geoproximity',
    set.CidrRoutingConfig && 'IP-based',
    set.Failover && 'failover',
    set.MultiValueAnswer && 'multivalue',
    set.TrafficPolicyInstanceId && 'made by a traffic policy',
  ].find(Boolean);
  if (policy === undefined) return;
  throw new Fault({
    code: 'route53.record-unsupported',
    summary: 'A record has a routing policy that octank does not move.',
    detail: `${set.Name} ${set.Type} is ${policy}.`,
    hint: 'Replace it by plain or weighted records with values, in one batch, before the migration.',
  });
};

const decode = (set: ResourceRecordSet, type: RecordType, zone: string): WeightedRecord => {
  requirePlain(set);
  return {
    zone,
    name: plainName(set.Name ?? ''),
    type,
    setIdentifier: set.SetIdentifier ?? null,
    weight: set.Weight ?? null,
    ttlSeconds: set.TTL ?? 0,
    values: (set.ResourceRecords ?? []).map(({ Value }) => Value ?? ''),
    healthCheckId: set.HealthCheckId ?? null,
  };
};

const encode = (record: WeightedRecord): ResourceRecordSet => ({
  Name: fullName(record.name, record.zone),
  Type: record.type,
  TTL: record.ttlSeconds,
  ResourceRecords: record.values.map((Value) => ({ Value })),
  ...(record.setIdentifier === null ? {} : { SetIdentifier: record.setIdentifier }),
  ...(record.weight === null ? {} : { Weight: record.weight }),
  ...(record.healthCheckId === null ? {} : { HealthCheckId: record.healthCheckId }),
});

const groupKey = (record: WeightedRecord): string => `${fullName(record.name, record.zone)} ${record.type}`;

/** Whatever the caller meant: weights 0/0 answer both sides equally, and groups with several TTLs are refused half-way. */
export const requireSound = (records: readonly WeightedRecord[]): void => {
  for (const name of new Set(records.map(groupKey))) {
    const group = records.filter((record) => groupKey(record) === name);
    for (const { weight } of group)
      assert(
        weight === null || (Number.isInteger(weight) && weight >= 0 && weight <= 255),
        `${name}: weight ${weight} is not within 0..255.`,
      );
    const weights = group.flatMap(({ weight }) => weight ?? []);
    assert(weights.length === 0 || weights.length === group.length, `${name}: weighted and simple records are mixed.`);
    assert(weights.length === 0 || weights.some((weight) => weight > 0), `${name}: all weights would be 0.`);
    assert(new Set(group.map(({ ttlSeconds }) => ttlSeconds)).size === 1, `${name}: TTLs would differ.`);
    assert(new Set(group.map((r) => r.setIdentifier)).size === group.length, `${name}: an identifier is given twice.`);
  }
};

const listName = async (
  { sdk, client }: Route53,
  zoneId: string,
  name: string,
): Promise<readonly ResourceRecordSet[]> => {
  type Start = Pick<ResourceRecordSet, 'Name' | 'Type' | 'SetIdentifier'>;
  // The list is in the zone's order, so what has our name comes first from here; the next name ends it.
  const sets = await allPages(async (token: string | undefined) => {
    const start: Start = token === undefined ? { Name: name } : JSON.parse(token);
    const answer = await calling(read('ListResourceRecordSets'), () =>
      client.send(
        new sdk.ListResourceRecordSetsCommand({
          HostedZoneId: zoneId,
          StartRecordName: start.Name,
          StartRecordType: start.Type,
          StartRecordIdentifier: start.SetIdentifier,
        }),
      ),
    );
    const next: Start = {
      Name: answer.NextRecordName,
      Type: answer.NextRecordType,
      SetIdentifier: answer.NextRecordIdentifier,
    };
    const truncated = required(answer.IsTruncated, read('ListResourceRecordSets'), 'IsTruncated');
    const goesOn = truncated && plainName(next.Name ?? '') === name;
    return { items: answer.ResourceRecordSets ?? [], next: goesOn ? JSON.stringify(next) : undefined };
  });
  return sets.filter((set) => plainName(set.Name ?? '') === name);
};

const listZones = async ({ sdk, client }: Route53, zone: string): Promise<readonly string[]> => {
  const answer = await calling(read('ListHostedZonesByName'), () =>
    client.send(new sdk.ListHostedZonesByNameCommand({ DNSName: zone })),
  );
  required(answer.IsTruncated, read('ListHostedZonesByName'), 'IsTruncated');
  // Zones of one name stand together at the head of the list.
  return (answer.HostedZones ?? [])
    .filter((found) => plainName(found.Name ?? '') === zone)
    .map((found) => (found.Id ?? '').replace(/^\/hostedzone\//, ''));
};

/** A public and a private zone may share a name: the one that has the record is meant. */
const findZone = async (route53: Route53, zone: string, name: string): Promise<string> => {
  const ids = await listZones(route53, plainName(zone));
  const [only] = ids;
  if (only === undefined)
    throw new Fault({
      code: 'route53.zone-missing',
      summary: 'A hosted zone is not there.',
      detail: zone,
      hint: 'Create it, correct its name in the plan, or check which account the credentials belong to.',
    });
  if (ids.length === 1) return only;
  const holding: string[] = [];
  for (const id of ids) if ((await listName(route53, id, name)).length > 0) holding.push(id);
  const [holder] = holding;
  if (holder !== undefined && holding.length === 1) return holder;
  throw new Fault({
    code: 'route53.zone-ambiguous',
    summary: 'Several hosted zones have the name, and it cannot be told which one is meant.',
    detail: `${zone}: ${ids.join(', ')}; ${holding.length} of them have ${name}.`,
    hint: 'Keep the record in one of them only for the time of the migration.',
  });
};

const moved = (message: string): Fault =>
  new Fault({
    code: 'route53.moved',
    summary: 'The records are not what they were when they were read; nothing was changed.',
    detail: message,
    hint: 'Someone else changes them. See octank migrate status; then run the same command again.',
  });

const unknown = (cause: Fault): Fault =>
  new Fault({
    code: 'route53.unknown',
    summary: 'The answer to a change of records was lost: it may have happened.',
    detail: cause.detail,
    hint: 'Run the same command again: it reads the records first.',
    effect: 'unknown',
    exitCode: exitCodes.fault,
    cause,
  });

/** Today's service says it in the message, the older form in a list that the SDK does not name. */
const batchMessage = (error: unknown): string | undefined => {
  const bag = error as { messages?: readonly string[]; Messages?: { Message?: readonly string[] | string } };
  if (isNamed(error, 'InvalidChangeBatch')) return [sdkError(error).message, ...(bag.messages ?? [])].join(' ');
  return bag.Messages?.Message === undefined ? undefined : String(bag.Messages.Message);
};

export const createTraffic = (options: {
  readonly clients: AwsClients;
  readonly clock: Pick<Clock, 'wall'>;
  /** 0..1, for the jitter between attempts. */
  readonly random?: () => number;
}): Traffic => {
  const { clients } = options;
  const { wall } = options.clock;
  const random = options.random ?? Math.random;
  const zones = new Map<string, string>();

  const zoneId = async (route53: Route53, zone: string, name: string): Promise<string> => {
    const key = `${plainName(zone)} ${name}`;
    const id = zones.get(key) ?? (await findZone(route53, zone, name));
    zones.set(key, id);
    return id;
  };

  /** Sent once per attempt, never by the SDK again: a retried swap that had worked would read as a conflict. */
  const send = async (id: string, changes: Change[], comment: string): Promise<string> => {
    const { sdk, client } = await clients.get('route53', 'once');
    const until = wall.now() + retryForMs;
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      try {
        const answer = await client.send(
          new sdk.ChangeResourceRecordSetsCommand({
            HostedZoneId: id,
            ChangeBatch: { Changes: changes, Comment: comment },
          }),
        );
        return required(answer.ChangeInfo?.Id, changing, 'ChangeInfo.Id');
      } catch (error) {
        if (isThrottled(error) && wall.now() + pause < until) {
          await wall.sleep(pause * (0.5 + random() / 2));
          continue;
        }
        const message = batchMessage(error);
        if (message !== undefined) throw moved(message);
        const fault = awsFault(error, changing);
        throw fault.effect === 'unknown' ? unknown(fault) : fault;
      }
    }
  };

  return {
    read: async ({ zone, name }) => {
      const route53 = await clients.get('route53');
      const full = fullName(name, zone);
      const sets = await listName(route53, await zoneId(route53, zone, full), full);
      return sets.flatMap((set) => (isRecordType(set.Type) ? [decode(set, set.Type, zone)] : []));
    },

    swap: async ({ expected, wanted, comment }) => {
      const [first] = [...expected, ...wanted];
      assert(first !== undefined, 'a swap of no records');
      assert(
        [...expected, ...wanted].every((record) => plainName(record.zone) === plainName(first.zone)),
        'one batch belongs to one zone',
      );
      requireSound(wanted);
      // No name may lose its last record: resolvers would remember its absence longer than any TTL of ours.
      const kept = new Set(wanted.map(groupKey));
      assert(
        expected.every((record) => kept.has(groupKey(record))),
        'a delete without its create',
      );
      const route53 = await clients.get('route53');
      const id = await zoneId(route53, first.zone, fullName(first.name, first.zone));
      const changes: Change[] = [
        ...expected.map((record) => ({ Action: 'DELETE' as const, ResourceRecordSet: encode(record) })),
        ...wanted.map((record) => ({ Action: 'CREATE' as const, ResourceRecordSet: encode(record) })),
      ];
      return { changeId: await send(id, changes, comment.slice(0, 256)) };
    },

    changeStatus: async (changeId) => {
      const { sdk, client } = await clients.get('route53');
      const answer = await calling(read('GetChange'), () => client.send(new sdk.GetChangeCommand({ Id: changeId })));
      return required(answer.ChangeInfo?.Status, read('GetChange'), 'ChangeInfo.Status') === 'INSYNC'
        ? 'INSYNC'
        : 'PENDING';
    },
  };
};

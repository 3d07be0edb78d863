/** Route 53's XML: requests decoded strictly, record sets and changes rendered. */
import { ServiceError } from '../../service.ts';
import { childOf, childrenOf, parseXml, renderXml, textOf, type XmlElement, type XmlValue } from '../../wire/xml.ts';
import type { RecordChange } from './change-batch.ts';
import { isRecordType, normalName, type RecordSet, wireName } from './records.ts';

export const invalidInput = (message: string): ServiceError => new ServiceError('InvalidInput', message);

export const decodeBody = (body: string, root: string): XmlElement => {
  let element: XmlElement;
  try {
    element = parseXml(body);
  } catch (cause) {
    throw invalidInput(`Invalid XML ; ${cause instanceof Error ? cause.message : ''}`);
  }
  if (element.name !== root)
    throw invalidInput(`Invalid XML ; cvc-elt.1: Cannot find the declaration of element '${element.name}'.`);
  return element;
};

const integer = (text: string, what: string, max: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max)
    throw invalidInput(
      `Invalid XML ; cvc-maxInclusive-valid: Value '${text}' is not facet-valid with respect to maxInclusive '${max}' for type '${what}'.`,
    );
  return value;
};

/** Policies that are not served are refused: answering them as if they were simple would be wrong. */
const otherPolicies = [
  'Region',
  'GeoLocation',
  'Failover',
  'MultiValueAnswer',
  'CidrRoutingConfig',
  'GeoProximityLocation',
  'TrafficPolicyInstanceId',
];

const aliasOf = (element: XmlElement): RecordSet['alias'] => {
  const alias = childOf(element, 'AliasTarget');
  return (
    alias && {
      zoneId: textOf(alias, 'HostedZoneId') ?? '',
      dnsName: normalName(textOf(alias, 'DNSName') ?? ''),
      evaluateTargetHealth: textOf(alias, 'EvaluateTargetHealth') === 'true',
    }
  );
};

const decodeSet = (element: XmlElement): RecordSet => {
  const type = textOf(element, 'Type') ?? '';
  const name = textOf(element, 'Name') ?? '';
  if (!name || !isRecordType(type))
    throw invalidInput(`Invalid XML ; Value '${type}' is not facet-valid for type 'RRType'.`);
  for (const policy of otherPolicies)
    if (childOf(element, policy)) throw invalidInput(`The routing policy ${policy} is not served by the embedded AWS.`);
  const setIdentifier = textOf(element, 'SetIdentifier');
  const weight = textOf(element, 'Weight');
  const ttl = textOf(element, 'TTL');
  const healthCheckId = textOf(element, 'HealthCheckId');
  const alias = aliasOf(element);
  const values = childrenOf(element, 'ResourceRecords', 'ResourceRecord').map(
    (record) => textOf(record, 'Value') ?? '',
  );
  const subject = `for resource record set [name='${normalName(name)}', type='${type}']`;
  if ((weight === undefined) !== (setIdentifier === undefined))
    throw invalidInput(
      weight === undefined
        ? `Invalid request: Missing field 'Weight' ${subject}: a SetIdentifier needs a routing policy`
        : `Invalid request: Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=${normalName(name)}, Type=${type}, SetIdentifier=null]`,
    );
  if (alias ? ttl !== undefined || values.length > 0 : ttl === undefined || values.length === 0)
    throw invalidInput(
      `Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] ${subject}`,
    );
  return {
    name: normalName(name),
    type,
    values,
    ...(setIdentifier === undefined ? {} : { setIdentifier }),
    ...(weight === undefined ? {} : { weight: integer(weight, 'RRSetWeight', 255) }),
    ...(ttl === undefined ? {} : { ttlSeconds: integer(ttl, 'TTL', 2_147_483_647) }),
    ...(alias ? { alias } : {}),
    ...(healthCheckId ? { healthCheckId } : {}),
  };
};

export const decodeChanges = (
  body: string,
): { readonly comment: string; readonly changes: readonly RecordChange[] } => {
  const batch = childOf(decodeBody(body, 'ChangeResourceRecordSetsRequest'), 'ChangeBatch');
  const changes = childrenOf(batch, 'Changes', 'Change').map((change): RecordChange => {
    const action = textOf(change, 'Action');
    const set = childOf(change, 'ResourceRecordSet');
    if ((action !== 'CREATE' && action !== 'DELETE' && action !== 'UPSERT') || !set)
      throw invalidInput('Invalid XML ; a Change needs an Action and a ResourceRecordSet');
    return { action, set: decodeSet(set) };
  });
  if (changes.length === 0) throw invalidInput('Invalid XML ; a ChangeBatch needs Changes');
  return { comment: textOf(batch, 'Comment') ?? '', changes };
};

export const setXml = (set: RecordSet): string =>
  renderXml('ResourceRecordSet', {
    Name: wireName(set.name),
    Type: set.type,
    SetIdentifier: set.setIdentifier,
    Weight: set.weight,
    TTL: set.ttlSeconds,
    ...(set.alias
      ? {
          AliasTarget: {
            HostedZoneId: set.alias.zoneId,
            DNSName: set.alias.dnsName,
            EvaluateTargetHealth: set.alias.evaluateTargetHealth,
          },
        }
      : {}),
  }).replace(
    '</ResourceRecordSet>',
    `${
      set.alias
        ? ''
        : renderXml(
            'ResourceRecords',
            set.values.map((Value) => ({ Value })),
            'ResourceRecord',
          )
    }${renderXml('HealthCheckId', set.healthCheckId)}</ResourceRecordSet>`,
  );

/** A whole answer; parts given as XML text are put in as they are. */
export const answerXml = (name: string, fields: Readonly<Record<string, XmlValue>>, raw = ''): string =>
  `<?xml version="1.0"?>\n<${name} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${Object.entries(fields)
    .map(([key, value]) => renderXml(key, value))
    .join('')}${raw}</${name}>`;

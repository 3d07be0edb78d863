/** A change batch against a zone's records: all of it or, with every reason, nothing. behaviour.md R1 to R4. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import { compareSets, isEqualSet, isInZone, isSameGroup, isSameSet, type RecordSet } from './records.ts';

export interface RecordChange {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT';
  readonly set: RecordSet;
}

export type BatchResult =
  | { readonly type: 'accepted'; readonly records: readonly RecordSet[] }
  | { readonly type: 'refused'; readonly reasons: readonly string[] };

const maxRecords = 1000;
const maxCharacters = 32_000;
const maxGroup = 100;

const labelOf = (set: RecordSet): string =>
  `[name='${set.name}', type='${set.type}'${set.setIdentifier === undefined ? '' : `, set identifier='${set.setIdentifier}'`}]`;

const longLabel = (set: RecordSet): string =>
  `RRSet with DNS name ${set.name}, type ${set.type}${set.setIdentifier === undefined ? '' : `, SetIdentifier ${set.setIdentifier}`}`;

const sizeProblems = (changes: readonly RecordChange[]): string[] => {
  const weigh = (of: (set: RecordSet) => number): number =>
    changes.reduce((sum, { action, set }) => sum + of(set) * (action === 'UPSERT' ? 2 : 1), 0);
  const count = weigh((set) => set.values.length);
  const characters = weigh((set) => set.values.reduce((sum, value) => sum + value.length, 0));
  return [
    ...(count > maxRecords ? [`Number of records limit of ${maxRecords} exceeded.`] : []),
    ...(characters > maxCharacters ? [`Number of characters limit of ${maxCharacters} exceeded.`] : []),
  ];
};

const valueProblem = (set: RecordSet, value: string): string | undefined => {
  const bad = (rule: string, why: string): string =>
    `Invalid Resource Record: 'FATAL problem: ${rule} (${why}) encountered with '${value}''`;
  if (set.type === 'A' && !isIPv4(value)) return bad('ARRDATAIllegalIPv4Address', 'Value is not a valid IPv4 address');
  if (set.type === 'AAAA' && !isIPv6(value))
    return bad('AAAARRDATAIllegalIPv6Address', 'Value is not a valid IPv6 address');
  if (set.type === 'TXT' && !/^("(?:[^"\\]|\\.)*"\s*)+$/.test(value))
    return bad('InvalidCharacterString', 'Value should be enclosed in quotation marks');
  return undefined;
};

/** What is wrong with a set by itself. */
const setProblems = (set: RecordSet, zone: string): string[] => {
  const problems: string[] = [];
  if (!isInZone(set.name, zone)) problems.push(`RRSet with DNS name ${set.name} is not permitted in zone ${zone}`);
  if (set.type === 'CNAME' && set.name === zone)
    problems.push(`RRSet of type CNAME with DNS name ${set.name} is not permitted at apex in zone ${zone}`);
  if (set.type === 'CNAME' && set.values.length > 1) problems.push(`${longLabel(set)} cannot have more than one value`);
  if (new Set(set.values).size !== set.values.length)
    problems.push(`Duplicate Resource Record: '${set.values.join(', ')}'`);
  return [...problems, ...set.values.flatMap((value) => valueProblem(set, value) ?? [])];
};

const groupProblems = (group: readonly RecordSet[]): string[] => {
  const [first] = group;
  if (!first || group.length < 2) return [];
  if (group.some((set) => set.weight === undefined))
    return [
      `${longLabel(group.find((set) => set.weight !== undefined) ?? first)} cannot be created because a non multivalue answer rrset exists with the same name and type.`,
    ];
  if (group.length > maxGroup) return [`${longLabel(first)}: a group has at most ${maxGroup} weighted sets.`];
  const timed = group.filter((set) => set.ttlSeconds !== undefined);
  const odd = timed.find((set) => set.ttlSeconds !== timed[0]?.ttlSeconds);
  return odd ? [`${longLabel(odd)} cannot be created as weighted sets must contain the same TTL.`] : [];
};

/** What the batch would leave behind; judged on the whole, so that a conversion in one batch passes. */
const resultProblems = (records: readonly RecordSet[], touched: readonly RecordSet[], zone: string): string[] => {
  const seen = new Set<string>();
  return touched.flatMap((set) => {
    const key = `${set.name} ${set.type}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const group = records.filter((record) => isSameGroup(record, set));
    if (group.length === 0)
      return set.name === zone && (set.type === 'SOA' || set.type === 'NS')
        ? [`A HostedZone must contain at least one ${set.type} record for the zone itself.`]
        : [];
    const others = records.filter((record) => record.name === set.name && record.type !== set.type);
    const conflict = others.length > 0 && (set.type === 'CNAME' || others.some((record) => record.type === 'CNAME'));
    return [
      ...groupProblems(group),
      ...(conflict
        ? [
            `RRSet of type ${set.type} with DNS name ${set.name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone}`,
          ]
        : []),
    ];
  });
};

export const applyBatch = (zone: string, live: readonly RecordSet[], changes: readonly RecordChange[]): BatchResult => {
  let records = [...live];
  const reasons = sizeProblems(changes);
  for (const { action, set } of changes) {
    const current = records.find((record) => isSameSet(record, set));
    if (action === 'DELETE') {
      if (!current) reasons.push(`Tried to delete resource record set ${labelOf(set)} but it was not found`);
      else if (!isEqualSet(current, set))
        reasons.push(
          `Tried to delete resource record set ${labelOf(set)} but the values provided do not match the current values`,
        );
      else records = records.filter((record) => record !== current);
      continue;
    }
    reasons.push(...setProblems(set, zone));
    if (action === 'CREATE' && current)
      reasons.push(`Tried to create resource record set ${labelOf(set)} but it already exists`);
    else records = [...records.filter((record) => record !== current), set];
  }
  if (reasons.length === 0)
    reasons.push(
      ...resultProblems(
        records,
        changes.map((change) => change.set),
        zone,
      ),
    );
  return reasons.length > 0 ? { type: 'refused', reasons } : { type: 'accepted', records: records.sort(compareSets) };
};

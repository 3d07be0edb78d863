/** Record sets as Route 53 keeps them: normal names, identity, order, equality. Pure. */

export const recordTypes = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT', 'CAA'] as const;
export type RecordType = (typeof recordTypes)[number];

export interface AliasTarget {
  readonly zoneId: string;
  readonly dnsName: string;
  readonly evaluateTargetHealth: boolean;
}

export interface RecordSet {
  /** Lower-case, absolute, with the final dot; `*` as such. */
  readonly name: string;
  readonly type: RecordType;
  /** With a routing policy only; the one served here is weighted. */
  readonly setIdentifier?: string;
  readonly weight?: number;
  /** Absent for an alias. */
  readonly ttlSeconds?: number;
  readonly values: readonly string[];
  readonly alias?: AliasTarget;
  readonly healthCheckId?: string;
}

export const isRecordType = (type: string): type is RecordType => recordTypes.some((known) => known === type);

export const normalName = (name: string): string => {
  const lower = name.toLowerCase().replaceAll('\\052', '*');
  return lower.endsWith('.') ? lower : `${lower}.`;
};

/** As the API writes it. */
export const wireName = (name: string): string => name.replaceAll('*', '\\052');

export const isInZone = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

export const isSameGroup = (a: RecordSet, b: Pick<RecordSet, 'name' | 'type'>): boolean =>
  a.name === b.name && a.type === b.type;

export const isSameSet = (a: RecordSet, b: Pick<RecordSet, 'name' | 'type' | 'setIdentifier'>): boolean =>
  isSameGroup(a, b) && a.setIdentifier === b.setIdentifier;

const sorted = (values: readonly string[]): string => JSON.stringify([...values].sort());

/** What a DELETE must repeat: everything. Values in any order. */
export const isEqualSet = (a: RecordSet, b: RecordSet): boolean =>
  isSameSet(a, b) &&
  a.weight === b.weight &&
  a.ttlSeconds === b.ttlSeconds &&
  a.healthCheckId === b.healthCheckId &&
  JSON.stringify(a.alias ?? null) === JSON.stringify(b.alias ?? null) &&
  sorted(a.values) === sorted(b.values);

/** Reversed labels: `com.example.www`. */
export const orderKey = (name: string): string => name.split('.').reverse().join('.');

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const compareSets = (
  a: Pick<RecordSet, 'name' | 'type' | 'setIdentifier'>,
  b: { readonly name: string; readonly type?: string; readonly setIdentifier?: string },
): number =>
  compareText(orderKey(a.name), orderKey(b.name)) ||
  compareText(a.type, b.type ?? '') ||
  compareText(a.setIdentifier ?? '', b.setIdentifier ?? '');

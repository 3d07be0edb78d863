/** Hosted zones, their changes on the way to the name servers, and what each name server has at a moment. behaviour.md R5, R6. */
import { createHash, randomBytes } from 'node:crypto';
import type { RehearsalClock, Store } from '../../service.ts';
import { applyBatch, type BatchResult, type RecordChange } from './change-batch.ts';
import { compareSets, isInZone, normalName, type RecordSet } from './records.ts';

export const nameServerCount = 4;
export const nameServerName = (index: number): string => `ns-${index + 1}.octank-dns.test.`;

/** A state of the zone, and when (scaled epoch ms) each name server has it. */
interface Version {
  readonly at: readonly number[];
  readonly records: readonly RecordSet[];
}

export interface Zone {
  readonly id: string;
  readonly name: string;
  readonly callerReference: string;
  readonly comment: string;
  records: readonly RecordSet[];
  versions: Version[];
}

export interface Change {
  readonly id: string;
  readonly zoneId: string;
  readonly comment: string;
  readonly submittedAt: number;
  readonly inSyncAt: number;
}

interface State {
  readonly zones: Record<string, Zone>;
  changes: Record<string, Change>;
}

export interface Zones {
  list(): readonly Zone[];
  get(id: string): Zone | undefined;
  create(options: {
    readonly name: string;
    readonly callerReference: string;
    readonly comment?: string;
    readonly records?: readonly RecordSet[];
  }): Promise<Zone>;
  change(
    zone: Zone,
    changes: readonly RecordChange[],
    comment: string,
  ): Promise<BatchResult | { readonly type: 'busy' }>;
  getChange(id: string): (Change & { readonly status: 'PENDING' | 'INSYNC' }) | undefined;
  lastChange(zone: Zone): Change | undefined;
  /** The zone that a name lies in, the longest match, and its records as that name server has them. */
  view(name: string, nameServer: number): { readonly zone: string; readonly records: readonly RecordSet[] } | undefined;
  /** Name servers take up nothing new until then (scaled epoch ms). */
  freezeUntil(at: number): void;
  save(): Promise<void>;
}

/** Real time in which a zone takes no second change. */
const busyMs = 300;
const keptChanges = 1000;

const apexRecords = (zone: string): RecordSet[] => [
  {
    name: zone,
    type: 'NS',
    ttlSeconds: 172_800,
    values: Array.from({ length: nameServerCount }, (_, i) => nameServerName(i)),
  },
  {
    name: zone,
    type: 'SOA',
    ttlSeconds: 900,
    values: [`${nameServerName(0)} hostmaster.octank-dns.test. 1 7200 900 1209600 86400`],
  },
];

/** The same name gives the same id, so that a plan may name a zone of a rehearsal by id. */
const zoneId = (name: string, callerReference: string): string =>
  `Z${createHash('sha256').update(`${name} ${callerReference}`).digest('hex').toUpperCase().slice(0, 20)}`;

export const createZones = async (options: {
  readonly clock: RehearsalClock;
  readonly store: Store;
  readonly random?: () => number;
}): Promise<Zones> => {
  const { clock, store, random = Math.random } = options;
  const state = (await store.load<State>('route53')) ?? { zones: {}, changes: {} };
  const save = (): Promise<void> => store.save('route53', state);
  const busyUntil = new Map<string, number>();
  let frozenAt: number | undefined;
  let frozenUntil = 0;

  const taken = (nameServer: number, version: Version, now: number): boolean => (version.at[nameServer] ?? 0) <= now;

  /** Versions that every name server is past are forgotten. */
  const prune = (zone: Zone): void => {
    const now = clock.now();
    const last = zone.versions.findLastIndex((version) => version.at.every((at) => at <= now));
    if (last > 0 && frozenUntil < now) zone.versions = zone.versions.slice(last);
  };

  const publish = (zone: Zone, comment: string): Change => {
    const submittedAt = clock.now();
    const spread = 20_000 + random() * 20_000;
    const at = Array.from({ length: nameServerCount }, () => submittedAt + 3000 + random() * (spread - 3000));
    const change: Change = {
      id: `C${randomBytes(10).toString('hex').toUpperCase()}`,
      zoneId: zone.id,
      comment,
      submittedAt,
      inSyncAt: Math.max(frozenUntil, submittedAt + spread),
    };
    prune(zone);
    zone.versions.push({ at, records: zone.records });
    state.changes[change.id] = change;
    const ids = Object.keys(state.changes);
    for (const id of ids.slice(0, ids.length - keptChanges)) delete state.changes[id];
    return change;
  };

  return {
    list: () => Object.values(state.zones),
    get: (id) => (Object.hasOwn(state.zones, id) ? state.zones[id] : undefined),
    create: async ({ name, callerReference, comment = '', records = [] }) => {
      const normal = normalName(name);
      const id = zoneId(normal, callerReference);
      const all = [...apexRecords(normal), ...records].sort(compareSets);
      const zone: Zone = {
        id,
        name: normal,
        callerReference,
        comment,
        records: all,
        versions: [{ at: [], records: all }],
      };
      state.zones[id] = zone;
      publish(zone, '');
      await save();
      return zone;
    },
    change: async (zone, changes, comment) => {
      if ((busyUntil.get(zone.id) ?? 0) > Date.now()) return { type: 'busy' };
      const result = applyBatch(zone.name, zone.records, changes);
      if (result.type === 'refused') return result;
      busyUntil.set(zone.id, Number.POSITIVE_INFINITY);
      zone.records = result.records;
      publish(zone, comment);
      try {
        await save();
      } finally {
        busyUntil.set(zone.id, Date.now() + busyMs);
      }
      return result;
    },
    getChange: (id) => {
      const change = Object.hasOwn(state.changes, id) ? state.changes[id] : undefined;
      return change && { ...change, status: clock.now() >= change.inSyncAt ? 'INSYNC' : 'PENDING' };
    },
    lastChange: (zone) => Object.values(state.changes).findLast((change) => change.zoneId === zone.id),
    view: (name, nameServer) => {
      const zone = Object.values(state.zones)
        .filter((candidate) => isInZone(name, candidate.name))
        .sort((a, b) => b.name.length - a.name.length)[0];
      if (!zone) return undefined;
      const now = clock.now();
      const at = frozenAt !== undefined && now < frozenUntil ? frozenAt : now;
      const version = zone.versions.findLast((candidate) => taken(nameServer, candidate, at)) ?? zone.versions[0];
      return { zone: zone.name, records: version?.records ?? zone.records };
    },
    freezeUntil: (at) => {
      frozenAt = clock.now();
      frozenUntil = at;
    },
    save,
  };
};

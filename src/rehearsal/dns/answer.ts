/** What one name server answers to a question: weights, health, CNAMEs, absence. behaviour.md D2, D3, D5. Pure but for the dice handed in. */
import { normalName, type RecordSet } from '../services/route53/records.ts';

/** The zone a name lies in, as the name server that was asked has it. */
export type ZoneView = (name: string) => { readonly zone: string; readonly records: readonly RecordSet[] } | undefined;

export interface Dice {
  readonly isHealthy: (healthCheckId: string) => boolean;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

export interface Resource {
  /** As asked, or as the CNAME before says. Final dot. */
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly value: string;
}

export interface DnsAnswer {
  readonly code: 'NOERROR' | 'NXDOMAIN' | 'REFUSED' | 'SERVFAIL';
  readonly answers: readonly Resource[];
  /** The SOA, where something is absent. */
  readonly authority: readonly Resource[];
}

const drawn = (sets: readonly RecordSet[], random: () => number): RecordSet | undefined => {
  const total = sets.reduce((sum, set) => sum + (set.weight ?? 0), 0);
  if (total === 0) return sets[Math.floor(random() * sets.length)];
  let point = random() * total;
  for (const set of sets) {
    point -= set.weight ?? 0;
    if (point < 0) return set;
  }
  return sets.findLast((set) => (set.weight ?? 0) > 0);
};

/** Route 53's choice inside one weighted group. */
export const chooseWeighted = (group: readonly RecordSet[], dice: Dice): RecordSet | undefined => {
  const healthy = group.filter((set) => set.healthCheckId === undefined || dice.isHealthy(set.healthCheckId));
  const heavy = healthy.filter((set) => (set.weight ?? 0) > 0);
  // Weight 0 is a standby, not "off": it answers when every other one is sick.
  if (heavy.length > 0) return drawn(heavy, dice.random);
  return drawn(healthy.length > 0 ? healthy : group, dice.random);
};

const choose = (group: readonly RecordSet[], dice: Dice): RecordSet | undefined =>
  group.some((set) => set.weight !== undefined) ? chooseWeighted(group, dice) : group[0];

/** The sets at a name: its own, else those of the nearest wildcard. Undefined: there is no such name. */
const setsAt = (records: readonly RecordSet[], name: string, zone: string): readonly RecordSet[] | undefined => {
  const own = records.filter((set) => set.name === name);
  if (own.length > 0) return own;
  const exists = (candidate: string): boolean =>
    records.some((set) => set.name === candidate || set.name.endsWith(`.${candidate}`));
  if (exists(name)) return [];
  for (let parent = name; parent !== zone; ) {
    parent = parent.slice(parent.indexOf('.') + 1);
    const wild = records.filter((set) => set.name === `*.${parent}`);
    if (wild.length > 0) return wild;
    if (exists(parent)) return undefined;
  }
  return undefined;
};

const soaOf = (records: readonly RecordSet[], zone: string): Resource[] => {
  const soa = records.find((set) => set.name === zone && set.type === 'SOA');
  const value = soa?.values[0];
  return soa && value !== undefined ? [{ name: zone, type: 'SOA', ttlSeconds: soa.ttlSeconds ?? 900, value }] : [];
};

const maxHops = 8;

export const answerQuestion = (
  question: { readonly name: string; readonly type: string },
  view: ZoneView,
  dice: Dice,
): DnsAnswer => {
  const answers: Resource[] = [];
  let asked = question.name.endsWith('.') ? question.name : `${question.name}.`;
  /** Who the answer is for when an alias is followed: the alias's own name. */
  let lookup = normalName(asked);
  for (let hop = 0; hop < maxHops; hop += 1) {
    const found = view(lookup);
    if (!found) return { code: answers.length > 0 ? 'NOERROR' : 'REFUSED', answers, authority: [] };
    const sets = setsAt(found.records, lookup, found.zone);
    const absent = { answers, authority: soaOf(found.records, found.zone) };
    if (!sets) return { code: 'NXDOMAIN', ...absent };
    const group = sets.filter((set) => set.type === question.type);
    const cname =
      group.length > 0
        ? undefined
        : choose(
            sets.filter((set) => set.type === 'CNAME'),
            dice,
          );
    const chosen = cname ?? choose(group, dice);
    if (!chosen) return { code: 'NOERROR', ...absent };
    if (chosen.alias) {
      if (!view(chosen.alias.dnsName)) return { code: 'NOERROR', ...absent };
      lookup = chosen.alias.dnsName;
      continue;
    }
    for (const value of chosen.values)
      answers.push({ name: asked, type: chosen.type, ttlSeconds: chosen.ttlSeconds ?? 60, value });
    if (!cname) return { code: 'NOERROR', answers, authority: [] };
    asked = normalName(cname.values[0] ?? '');
    lookup = asked;
  }
  return { code: 'SERVFAIL', answers: [], authority: [] };
};

/** Rules about records and ladders: what Route 53 would refuse or misread, and steps that are too bold. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Plan, TrafficSpec } from '../../model/plan.ts';
import { errorAt, type Finding, infoAt, pairsOf, type Rule, warningAt } from './rule.ts';

const nameOf = ({ record }: TrafficSpec): string => `${record.name}.${record.zone}`.toLowerCase();

const each = (plan: Plan, check: (entry: TrafficSpec, index: number) => readonly Finding[]): readonly Finding[] =>
  plan.traffic.flatMap(check);

/** Longer TTLs keep clients on a side that has already failed. Reference: traffic, section 5. */
const longestTtlSeconds = 60;

const ttls = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) =>
    entry.record.ttlSeconds <= longestTtlSeconds
      ? []
      : [
          warningAt(['traffic', index, 'record', 'ttl'], {
            summary: 'Going back will be slow: resolvers keep answers for the TTL.',
            detail: `${nameOf(entry)} has a TTL of ${entry.record.ttlSeconds} s.`,
            hint: `Write ttl: ${longestTtlSeconds} or less, and lower it on the live record at least one old TTL before the first step.`,
          }),
        ],
  );

/** Route 53 refuses a weighted group whose members differ in TTL, and step ids are made of names. */
const recordsOfOneName = (plan: Plan): readonly Finding[] =>
  pairsOf(plan.traffic)
    .filter(({ a, b }) => nameOf(a) === nameOf(b))
    .map(({ a, b, j }) =>
      errorAt(['traffic', j, 'record', 'name'], {
        summary: 'One name has two ladders.',
        detail: `${nameOf(b)} is moved twice${a.record.type === b.record.type ? '' : `, as ${a.record.type} and as ${b.record.type}`}.`,
        hint:
          a.record.type === b.record.type
            ? 'Make one ladder of the two.'
            : 'Two families of one name must move in one batch, which is not performed yet: point one CNAME at both, or move one family only.',
      }),
    );

const unequalTtls = (plan: Plan): readonly Finding[] =>
  pairsOf(plan.traffic)
    .filter(({ a, b }) => nameOf(a) === nameOf(b) && a.record.ttlSeconds !== b.record.ttlSeconds)
    .map(({ a, b, j }) =>
      errorAt(['traffic', j, 'record', 'ttl'], {
        summary: 'Records of one name have different TTLs.',
        detail: `${nameOf(b)}: ${a.record.ttlSeconds} s and ${b.record.ttlSeconds} s.`,
        hint: `Write ttl: ${Math.min(a.record.ttlSeconds, b.record.ttlSeconds)} in both.`,
      }),
    );

/** A repoint writes a simple record; Route 53 keeps no simple record beside weighted ones of the same name. */
const repointedRecords = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) =>
    wave.cutover.repoint.flatMap(({ kind, settings }, at) => {
      const name = `${String(settings.name)}.${String(settings.zone)}`.toLowerCase();
      return settings.zone !== undefined && plan.traffic.some((entry) => nameOf(entry) === name)
        ? [
            errorAt(['waves', index, 'cutover', 'repoint', at, kind], {
              summary: 'One name is both repointed and moved by weights.',
              detail: name,
              hint: 'Give the database a name of its own.',
            }),
          ]
        : [];
    }),
  );

const fits = (type: TrafficSpec['record']['type'], value: string): boolean =>
  type === 'A' ? isIPv4(value) : type === 'AAAA' ? isIPv6(value) : !isIPv4(value) && !isIPv6(value);

const sides = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) => {
    const wrong = (['source', 'target'] as const)
      .filter((side) => !fits(entry.record.type, entry[side].value))
      .map((side) =>
        errorAt(['traffic', index, side, 'value'], {
          summary: 'A value does not fit the type of its record.',
          detail: `${entry[side].value} in a record of type ${entry.record.type}.`,
          hint: { A: 'Write an IPv4 address.', AAAA: 'Write an IPv6 address.', CNAME: 'Write a host name.' }[
            entry.record.type
          ],
        }),
      );
    const isSame = entry.source.id === entry.target.id || entry.source.value === entry.target.value;
    const same = errorAt(['traffic', index, 'target'], {
      summary: 'Source and target of a record are the same.',
      detail: `${nameOf(entry)}: ${entry.source.id} ${entry.source.value} and ${entry.target.id} ${entry.target.value}.`,
      hint: 'Identifiers and values must both differ.',
    });
    return isSame ? [...wrong, same] : wrong;
  });

const repeatedZone = (plan: Plan): readonly Finding[] =>
  each(plan, ({ record }, index) => {
    const zone = record.zone.toLowerCase();
    const name = record.name.toLowerCase();
    if (name !== zone && !name.endsWith(`.${zone}`)) return [];
    const short = record.name.slice(0, -zone.length - 1);
    return [
      errorAt(['traffic', index, 'record', 'name'], {
        summary: 'The name of a record repeats its zone.',
        detail: `${record.name} in ${record.zone} would be ${record.name}.${record.zone}.`,
        hint:
          short === ''
            ? 'A record at the top of its zone is not moved yet; move www instead.'
            : `Write name: ${short}.`,
      }),
    ];
  });

const ladders = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) => {
    const findings = entry.ladder.flatMap((rung, at): readonly Finding[] => {
      const before = entry.ladder[at - 1]?.sharePercent ?? 0;
      const path = ['traffic', index, 'ladder', at, 'share'];
      if (rung.sharePercent <= before)
        return [
          errorAt(path, {
            summary: 'A ladder does not rise.',
            detail: `${rung.sharePercent} % follows ${before} %.`,
            hint: 'Order the rungs by share, each once.',
          }),
        ];
      return rung.sharePercent - before <= entry.maxStepPercent
        ? []
        : [
            errorAt(path, {
              summary: 'A step of a ladder is too large.',
              detail: `From ${before} % to ${rung.sharePercent} % is more than ${entry.maxStepPercent} points.`,
              hint: `Add a rung at ${before + entry.maxStepPercent}, or, if so many may be hit at once, write maxStep: ${rung.sharePercent - before}.`,
            }),
          ];
    });
    return entry.ladder.at(-1)?.sharePercent === 100
      ? findings
      : [
          ...findings,
          errorAt(['traffic', index, 'ladder'], {
            summary: 'A ladder does not end at 100 %.',
            detail: `${nameOf(entry)} ends at ${entry.ladder.at(-1)?.sharePercent} %.`,
            hint: 'Add { share: 100, bake: 60m }.',
          }),
        ];
  });

const blindLadders = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) =>
    entry.gates.length > 0
      ? []
      : [
          warningAt(['traffic', index, 'ladder'], {
            summary: 'A ladder has no gates: nothing would stop it.',
            detail: nameOf(entry),
            hint: 'Name gates: error rate and latency of the target at least.',
          }),
        ],
  );

/** A gate's window begins with the bake: a shorter bake never holds all its datapoints, and the run would be held for evidence. */
const shortBakes = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) =>
    entry.ladder.flatMap((rung, at) =>
      plan.gates
        .filter(
          (gate) => entry.gates.includes(gate.name) && rung.bakeSeconds < gate.periodSeconds * gate.evaluationPoints,
        )
        .slice(0, 1)
        .map((gate) =>
          warningAt(['traffic', index, 'ladder', at, 'bake'], {
            summary: 'A bake is shorter than what its gate looks at.',
            detail: `${rung.bakeSeconds} s at ${rung.sharePercent} %, while ${gate.name} judges ${gate.evaluationPoints} datapoints of ${gate.periodSeconds} s.`,
            hint: `Bake at least ${gate.periodSeconds * gate.evaluationPoints} s.`,
          }),
        ),
    ),
  );

const unmeasured = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) =>
    entry.measure
      ? []
      : [
          infoAt(['traffic', index, 'record'], {
            summary: 'The real share of a record is not measured.',
            detail: `${nameOf(entry)}: only the TTL is waited for.`,
            hint: 'Write measure: { source, target } with a request metric of each side.',
          }),
        ],
  );

/**
 * Route 53 answers a record of weight 0 when every other one is unhealthy. The plan does not show health checks (preflight
 * reads them), but it shows when that answer could never be right: the source's data stays behind for good.
 */
const weightZero = (plan: Plan): readonly Finding[] =>
  each(plan, (entry, index) => {
    const oneWay = plan.waves.filter(
      (wave) => wave.cutover.fallback === 'none' && (entry.target.writes ?? [wave.name]).includes(wave.name),
    );
    return oneWay.length === 0
      ? []
      : [
          warningAt(['traffic', index, 'source'], {
            summary:
              'Weight 0 is not off: a failing health check of the target sends traffic to a source whose data is old.',
            detail: `${nameOf(entry)}: ${oneWay.map((wave) => wave.name).join(', ')} will have no way back, so ${entry.source.id} must never answer again.`,
            hint: 'Keep health checks off this pair, and stop the source once traffic is at 100 %; or keep fallback: reverse-replication.',
          }),
        ];
  });

export const trafficRules: readonly Rule[] = [
  { name: 'record-twice', check: (plan) => [...recordsOfOneName(plan), ...repointedRecords(plan)] },
  { name: 'equal-ttl', check: unequalTtls },
  { name: 'ttl', check: ttls },
  { name: 'record-value', check: sides },
  { name: 'record-name', check: repeatedZone },
  { name: 'ladder', check: ladders },
  { name: 'ladder-without-gates', check: blindLadders },
  { name: 'bake-too-short', check: shortBakes },
  { name: 'unmeasured', check: unmeasured },
  { name: 'weight-zero-trap', check: weightZero },
];

/** Rules about gates: one that can never be judged is refused now, not at three in the morning. */
import { canonicalJson } from '../../model/canonical.ts';
import type { GateSpec, Plan, RequestMetric } from '../../model/plan.ts';
import { nearestHint } from '../nearest.ts';
import type { Path } from '../yaml-source.ts';
import { closure } from './one-writer.ts';
import { errorAt, type Finding, infoAt, type Rule, warningAt } from './rule.ts';

/** Gates over metric math are known by their settings, not by their kind: the kind belongs to an adapter. */
interface Metrics {
  readonly expression: string;
  readonly ids: readonly string[];
  readonly requests: string | undefined;
}

const requestIds = ['mreq', 'requests'];

const metricsOf = ({ settings }: GateSpec): Metrics | undefined => {
  const { expression, metrics, requests } = settings;
  if (typeof expression !== 'string' || typeof metrics !== 'object' || metrics === null) return undefined;
  const ids = Object.keys(metrics);
  return {
    expression,
    ids,
    requests: typeof requests === 'string' ? requests : requestIds.find((id) => ids.includes(id)),
  };
};

/** Metric ids begin with a small letter, functions are capitals; what stands in quotes is neither. */
const idsIn = (expression: string): readonly string[] => [
  ...new Set(expression.replaceAll(/"[^"]*"|'[^']*'/g, '').match(/\b[a-z]\w*\b/g)),
];

const each = (plan: Plan, check: (gate: GateSpec, path: Path) => readonly Finding[]): readonly Finding[] =>
  plan.gates.flatMap((gate, index) => check(gate, ['gates', index]));

const windows = (plan: Plan): readonly Finding[] =>
  each(plan, (gate, path) => {
    const needed = gate.periodSeconds * gate.evaluationPoints;
    return gate.windowSeconds >= needed
      ? []
      : [
          errorAt([...path, 'window'], {
            summary: 'The window of a gate is too short for its datapoints.',
            detail: `${gate.name}: ${gate.evaluationPoints} datapoints of ${gate.periodSeconds} s do not fit into ${gate.windowSeconds} s.`,
            hint: `Write window: ${needed}s or more, or judge fewer datapoints.`,
          }),
        ];
  });

const expressions = (plan: Plan): readonly Finding[] =>
  each(plan, (gate, path) => {
    const math = metricsOf(gate);
    if (!math) return [];
    const used = idsIn(math.expression);
    const isAll = math.expression.includes('METRICS(');
    const place = [...path, gate.kind];
    return [
      ...used
        .filter((id) => !math.ids.includes(id))
        .map((id) =>
          errorAt([...place, 'expression'], {
            summary: 'An expression uses a metric that is not named.',
            detail: `${gate.name}: ${id}.`,
            hint: nearestHint(id, math.ids),
          }),
        ),
      ...math.ids
        .filter((id) => !/^[a-z]\w*$/.test(id))
        .map((id) =>
          errorAt([...place, 'metrics', id], {
            summary: 'CloudWatch does not accept the id of a metric.',
            detail: `${gate.name}: ${id}.`,
            hint: 'Write a small letter first, then letters, digits and underscores.',
          }),
        ),
      ...math.ids
        .filter((id) => !used.includes(id) && !isAll && id !== math.requests)
        .map((id) =>
          warningAt([...place, 'metrics', id], {
            summary: 'A metric is named and not used.',
            detail: `${gate.name}: ${id}.`,
            hint: 'Use it in the expression, or remove it.',
          }),
        ),
    ];
  });

const volumes = (plan: Plan): readonly Finding[] =>
  each(plan, (gate, path) => {
    const math = metricsOf(gate);
    const counts = math?.requests !== undefined && math.ids.includes(math.requests);
    const hint = `Name a metric that counts requests ${requestIds.join(' or ')}, or name its id under requests.`;
    return [
      ...(math?.requests !== undefined && !counts
        ? [
            errorAt([...path, gate.kind, 'requests'], {
              summary: 'The requests metric of a gate is not named among its metrics.',
              detail: `${gate.name}: ${math.requests}.`,
              hint: nearestHint(math.requests, math.ids),
            }),
          ]
        : []),
      ...(gate.minRequests > 0 && !counts
        ? [
            errorAt([...path, 'minRequests'], {
              summary: 'A gate wants a number of requests and counts none.',
              detail: `${gate.name}: it could never pass.`,
              hint: math ? hint : 'Remove minRequests: this kind of gate counts no requests.',
            }),
          ]
        : []),
      ...(gate.noData === 'success' && !counts
        ? [
            errorAt([...path, 'noData'], {
              summary: 'A gate takes silence for health.',
              detail: `${gate.name}: no errors seen means something only where requests were seen.`,
              hint: math ? hint : 'Write noData: hold.',
            }),
          ]
        : []),
    ];
  });

/** CloudWatch's own rule: a percentile means little with fewer than 10/(1-p) samples. */
const thinPercentiles = (plan: Plan): readonly Finding[] =>
  each(plan, (gate, path) => {
    const percentile = Math.max(
      0,
      ...[...JSON.stringify(gate.settings).matchAll(/"stat":"p(\d{2}(?:\.\d+)?)"/g)].map((match) => Number(match[1])),
    );
    const needed = Math.ceil(10 / (1 - percentile / 100) - 1e-6);
    return percentile === 0 || percentile >= 100 || gate.minRequests >= needed
      ? []
      : [
          infoAt([...path, 'minRequests'], {
            summary: 'A percentile is judged on fewer samples than it needs.',
            detail: `${gate.name}: p${percentile} wants ${needed} requests in the window, minRequests is ${gate.minRequests}.`,
            hint: `Write minRequests: ${needed} where there is so much traffic, or a lower percentile.`,
          }),
        ];
  });

const unused = (plan: Plan): readonly Finding[] => {
  const named = new Set([
    ...plan.waves.flatMap((wave) => wave.cutover.gates),
    ...plan.traffic.flatMap((entry) => entry.gates),
  ]);
  return each(plan, (gate, path) =>
    named.has(gate.name)
      ? []
      : [
          warningAt([...path, 'name'], {
            summary: 'A gate guards nothing.',
            detail: `${gate.name} is named by no cutover and no ladder.`,
            hint: 'Name it under gates of a cutover or a ladder, or remove it.',
          }),
        ],
  );
};

const readsFrom = ({ settings }: GateSpec, end: RequestMetric): boolean => {
  const { metrics } = settings;
  const isSame = (metric: unknown): boolean =>
    typeof metric === 'object' &&
    metric !== null &&
    'namespace' in metric &&
    'dimensions' in metric &&
    canonicalJson([metric.namespace, metric.dimensions]) === canonicalJson([end.namespace, end.dimensions]);
  return typeof metrics === 'object' && metrics !== null && Object.values(metrics).some(isSame);
};

/** A cutover comes before the ladders that wait for it: what only a ladder brings to life is silent, and silence holds. */
const silentAtCutover = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) =>
    wave.cutover.gates.flatMap((name, at) => {
      const gate = plan.gates.find((known) => known.name === name);
      const later = plan.traffic.find(
        ({ after, measure }) =>
          measure && gate && closure(plan, after).has(wave.name) && readsFrom(gate, measure.target),
      );
      return later && gate?.noData === 'hold'
        ? [
            warningAt(['waves', index, 'cutover', 'gates', at], {
              summary: 'A gate of a cutover reads a side that has no traffic yet.',
              detail: `${name} reads what ${later.target.id} serves, and ${later.record.name}.${later.record.zone} sends it nothing before ${wave.name} is cut over: without other requests the cutover waits for evidence in vain.`,
              hint: `Name ${name} on the ladder only, and a gate on the applications as they run during the cutover here.`,
            }),
          ]
        : [];
    }),
  );

export const gateRules: readonly Rule[] = [
  { name: 'gate-window', check: windows },
  { name: 'gate-expression', check: expressions },
  { name: 'gate-volume', check: volumes },
  { name: 'gate-percentile', check: thinPercentiles },
  { name: 'gate-unused', check: unused },
  { name: 'gate-without-traffic', check: silentAtCutover },
];

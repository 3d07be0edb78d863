/** The linter: what a plan that is well written may still get wrong. Adding a rule is an entry in one of the lists. */
import type { Diagnostic, SourceRange } from '../../model/diagnostic.ts';
import type { Plan } from '../../model/plan.ts';
import type { Path } from '../yaml-source.ts';
import { approvalRules } from './approvals.ts';
import { gateRules } from './gates.ts';
import { nameRules } from './names.ts';
import { oneWriterRules } from './one-writer.ts';
import type { Rule } from './rule.ts';
import { trafficRules } from './traffic.ts';

export const lintRules: readonly Rule[] = [
  ...nameRules,
  ...oneWriterRules,
  ...trafficRules,
  ...gateRules,
  ...approvalRules,
];

/** Without the text only whole entries have a place. */
const placeIn =
  (plan: Plan) =>
  ([room, index]: Path): SourceRange | null => {
    if (typeof index !== 'number') return null;
    if (room === 'waves') return plan.waves[index]?.range ?? null;
    if (room === 'traffic') return plan.traffic[index]?.range ?? null;
    return room === 'gates' ? (plan.gates[index]?.range ?? null) : null;
  };

/** Pure: the same plan gives the same findings. `place` makes their ranges exact where the text is at hand. */
export const lintPlan = (
  plan: Plan,
  place: (path: Path) => SourceRange | null = placeIn(plan),
): readonly Diagnostic[] =>
  lintRules.flatMap((rule) =>
    rule.check(plan).map(({ path, ...finding }) => ({ ...finding, code: `lint.${rule.name}`, range: place(path) })),
  );

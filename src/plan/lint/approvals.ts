/** Rules about approvals: what must not happen without somebody having said yes. */
import type { Plan } from '../../model/plan.ts';
import { errorAt, type Finding, type Rule, warningAt } from './rule.ts';

const oneWay = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) =>
    wave.cutover.fallback !== 'none' || plan.approvals.includes('no-fallback')
      ? []
      : [
          errorAt(['waves', index, 'cutover', 'fallback'], {
            summary: 'A wave has no way back, and nobody approves that.',
            detail: `${wave.name}: after its point of no return the writes of the target exist only there.`,
            hint: `Write fallback: reverse-replication, or approvals: [${[...plan.approvals, 'no-fallback'].join(', ')}].`,
          }),
        ],
  );

const localState = (plan: Plan): readonly Finding[] =>
  plan.state.backend !== 'local' || plan.approvals.includes('cutover') || plan.approvals.includes('local-state')
    ? []
    : [
        warningAt(['approvals'], {
          summary: 'The journal is on one machine, so every cutover asks for approval.',
          detail: `If ${plan.state.path} is lost between fence and repoint, no other machine can continue.`,
          hint: 'Write approvals: [cutover, local-state] to say so in the plan.',
        }),
      ];

export const approvalRules: readonly Rule[] = [
  { name: 'no-fallback', check: oneWay },
  { name: 'local-state', check: localState },
];

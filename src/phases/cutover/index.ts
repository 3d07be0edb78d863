/** Cutover of one wave, in the order of DESIGN section 6: steps 0 to 10, the fence window being the section that stands or falls together. */
import type { Change, ChangeAction } from '../../model/change.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Plan, Wave } from '../../model/plan.ts';
import type { Phase } from '../contract.ts';
import { planStatements } from '../convert-schema.ts';
import type { WaveObserved } from '../observed.ts';
import { stepId } from '../wave.ts';
import { closeFeedStep, proveStep, repointStep, reverseStartStep, unfenceTargetStep } from './open.ts';
import { canaryStep, reverseRightsStep, reverseSlotsStep } from './ready.ts';
import { recheckStep } from './recheck.ts';
import { pointOfNoReturnStep, reversePositionStep, sequencesStep, stopForwardStep } from './turn.ts';
import { drainStep, fenceStep, finalParityStep, forwardRunningStep } from './window.ts';

export const cutoverSection = (wave: string): string => `cutover/${wave}`;

interface Planned {
  readonly name: string;
  readonly kind: string;
  readonly action: ChangeAction;
  readonly summary: string;
  readonly inputs?: JsonObject;
  readonly destructive?: boolean;
  readonly approval?: string | null;
}

const approvalLines = (plan: Plan, wave: Wave, observed: WaveObserved | undefined): readonly string[] => [
  `Writers of ${observed ? `${observed.pairs.length} tables` : 'the tables'} move from ${wave.source} to ${wave.target}.`,
  `Writes are refused on ${wave.source} for at most ${wave.cutover.downtimeBudgetSeconds} s; the fence lifts itself if octank dies.`,
  `Sessions of these roles are ended: ${observed?.writerRoles.join(', ') || 'those that may write the tables'}.`,
  'Until the point of no return going back costs nothing: the fence is lifted.',
  wave.cutover.fallback === 'none'
    ? 'After it there is NO way back for the data: fallback is none.'
    : `After it, changes flow back from ${wave.target} to ${wave.source}, so that the way back stays open.`,
  ...(plan.state.backend === 'local' ? [`The journal is on this machine only (${plan.state.path}).`] : []),
];

const ready = (wave: Wave): readonly Planned[] =>
  wave.cutover.fallback === 'none'
    ? []
    : [
        {
          name: 'reverse-slots',
          kind: 'cutover.reverse-slots',
          action: 'create',
          summary: `slots on ${wave.target} for the way back and its canary`,
        },
        {
          name: 'reverse-endpoints',
          kind: 'dms.endpoints',
          action: 'create',
          summary: `DMS endpoints ${wave.target} to ${wave.source}, connections tested`,
          inputs: { streams: ['reverse', 'canary'] },
        },
        {
          name: 'reverse-rights',
          kind: 'cutover.reverse-rights',
          action: 'read',
          summary: `the replication role may write every table of ${wave.source}`,
        },
        {
          name: 'reverse-task',
          kind: 'dms.task',
          action: 'create',
          summary: `DMS task ${wave.target} to ${wave.source}, not started`,
          inputs: { stream: 'reverse' },
        },
        {
          name: 'canary-task',
          kind: 'dms.task',
          action: 'create',
          summary: 'small DMS task that carries only the canary row back',
          inputs: { stream: 'canary' },
        },
        {
          name: 'canary-run',
          kind: 'dms.run',
          action: 'change',
          summary: 'start the canary task',
          inputs: { stream: 'canary' },
        },
        {
          name: 'canary',
          kind: 'cutover.canary',
          action: 'read',
          summary: 'a row goes to the source and its answer comes back: both ways work',
        },
      ];

const window = (plan: Plan, wave: Wave, observed: WaveObserved | undefined): readonly Planned[] => [
  {
    name: 'forward-running',
    kind: 'cutover.forward-running',
    action: 'change',
    summary: 'the forward task is running',
  },
  {
    name: 'recheck',
    kind: 'cutover.recheck',
    action: 'read',
    summary: `everything again: checks, schema, lag, parity not older than ${wave.parity.maxAgeSeconds} s, no long transaction, downtime predicted within ${wave.cutover.downtimeBudgetSeconds} s`,
    approval: plan.approvals.includes('cutover') || plan.state.backend === 'local' ? 'cutover' : null,
    inputs: { approvalLines: approvalLines(plan, wave, observed) },
  },
  {
    name: 'fence',
    kind: 'cutover.fence',
    action: 'change',
    summary: `refuse writes on ${wave.source}, at most ${wave.cutover.downtimeBudgetSeconds} s; end writers' sessions; probe`,
    destructive: true,
  },
  {
    name: 'drain',
    kind: 'cutover.drain',
    action: 'wait',
    summary: 'a marker passes through replication, and no row change follows it',
  },
  {
    name: 'parity',
    kind: 'cutover.parity',
    action: 'read',
    summary: 'final parity: all counts, and every chunk changed since its last clean check',
  },
  {
    name: 'stop-forward',
    kind: 'cutover.stop-forward',
    action: 'change',
    summary: 'request the stop of the forward task',
  },
  {
    name: 'sequences',
    kind: 'cutover.sequences',
    action: 'change',
    summary: `sequences of ${wave.target} past both sides`,
  },
  ...(wave.cutover.fallback === 'none'
    ? []
    : [
        {
          name: 'reverse-position',
          kind: 'cutover.reverse-position',
          action: 'change' as const,
          summary: 'the way back starts here: its slot moves to now',
        },
      ]),
  {
    name: 'point-of-no-return',
    kind: 'cutover.point-of-no-return',
    action: 'change',
    summary: `make the fence of ${wave.source} permanent`,
    destructive: true,
  },
];

const opening = (wave: Wave): readonly Planned[] => [
  {
    name: 'unfence-target',
    kind: 'cutover.unfence-target',
    action: 'change',
    summary: `${wave.target} takes writes from here on`,
  },
  ...wave.cutover.repoint.map(
    (spec, index): Planned => ({
      name: `repoint-${index + 1}-${spec.kind}`,
      kind: 'cutover.repoint',
      action: 'change',
      summary: `point applications at ${wave.target}: ${spec.kind}`,
      inputs: { index },
    }),
  ),
  ...(wave.cutover.fallback === 'none'
    ? []
    : [
        {
          name: 'reverse-start',
          kind: 'cutover.reverse-start',
          action: 'change' as const,
          summary: 'when the forward task has stopped: start the way back',
        },
      ]),
  {
    name: 'prove',
    kind: 'cutover.prove',
    action: 'read',
    summary: 'writes and sessions on the target, none on the source; application probe; gates',
  },
  {
    name: 'close-feed',
    kind: 'cutover.close-feed',
    action: 'delete',
    summary: `drop octank's feed slot on ${wave.source}`,
  },
];

const planWave = (plan: Plan, wave: Wave, observed: WaveObserved | undefined): readonly Change[] => {
  const make =
    (section: string | null) =>
    (planned: Planned): Change => ({
      id: stepId('cutover', wave.name, planned.name),
      phase: 'cutover',
      wave: wave.name,
      kind: planned.kind,
      action: planned.action,
      summary: planned.summary,
      destructive: planned.destructive ?? false,
      approval: planned.approval ?? null,
      section,
      inputs: { ...planned.inputs, ...(wave.needs.length > 0 ? { after: wave.needs } : {}) },
    });
  return [
    planStatements('cutover', wave, observed, { part: 'validate', name: 'validate', summary: 'validate foreign keys' }),
    ...ready(wave).map(make(null)),
    ...window(plan, wave, observed).map(make(cutoverSection(wave.name))),
    ...opening(wave).map(make(null)),
  ];
};

export const cutover: Phase = {
  name: 'cutover',
  onResume: 'restart',
  // Whatever goes wrong before the point of no return, the source takes writes again.
  unwindsOn: () => true,
  plan: ({ plan, observed }) => plan.waves.flatMap((wave) => planWave(plan, wave, observed?.waves[wave.name])),
  steps: [
    reverseSlotsStep,
    reverseRightsStep,
    canaryStep,
    forwardRunningStep,
    recheckStep,
    fenceStep,
    drainStep,
    finalParityStep,
    stopForwardStep,
    sequencesStep,
    reversePositionStep,
    pointOfNoReturnStep,
    unfenceTargetStep,
    repointStep,
    reverseStartStep,
    proveStep,
    closeFeedStep,
  ],
};

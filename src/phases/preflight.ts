/** Preflight: everything that can be known to be wrong before anything is touched. */
import type { Change } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { Fault } from '../model/fault.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { runChecks } from './checks.ts';
import type { Phase, Ports, StepContext, StepKind } from './contract.ts';
import { gatherWave } from './gather.ts';
import {
  checkInstance,
  checkLobs,
  checkNumerics,
  checkRepoints,
  checkTargetEmpty,
  checkTraffic,
} from './live-checks.ts';
import type { WaveObserved } from './observed.ts';
import { checkTail } from './repoint-tail.ts';
import { checksStepId, encodePairs, rowPairs, stepId, waveNamed } from './wave.ts';

/** All problems of a wave, from facts and from the world around it. */
export const waveProblems = async (
  plan: Plan,
  wave: Wave,
  ports: Ports,
  observed: WaveObserved,
): Promise<readonly Diagnostic[]> => {
  const input = { plan, wave, observed, ports };
  const live = await Promise.all([
    checkTargetEmpty(input),
    checkLobs(input),
    checkNumerics(input),
    checkInstance(input),
    checkRepoints(input),
    checkTail(input),
  ]);
  return [...runChecks(input), ...live.flat()];
};

const problemsFault = (problems: readonly Diagnostic[]): Fault =>
  new Fault({
    code: problems.length === 1 ? (problems[0]?.code ?? 'preflight.failed') : 'preflight.failed',
    summary: 'Preflight found what would go wrong.',
    detail: problems.map((p) => `${p.code}: ${p.summary} ${p.detail}`).join('\n'),
    hint: problems
      .map((p) => p.hint)
      .filter((hint) => hint !== '')
      .join('\n'),
  });

/** A check is done when it passes; its evidence is the list of warnings that remain. */
const checkStep = (kind: string, run: (context: StepContext) => Promise<readonly Diagnostic[]>): StepKind => ({
  kind,
  limit: { intervalSeconds: 1, deadlineSeconds: 1, timer: 'wall', reason: 'a check is asked once' },
  observe: async (context) => {
    const found = await run(context);
    const errors = found.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) throw problemsFault(errors);
    for (const diagnostic of found) await context.record({ type: 'diagnostic', diagnostic });
    return {
      state: 'done',
      evidence: { warnings: found.filter((p) => p.severity === 'warning').map((p) => `${p.code}: ${p.detail}`) },
    };
  },
});

const waveChecks = checkStep('preflight.wave', async ({ plan, change, ports }) => {
  const wave = waveNamed(plan, change.wave);
  const { observed, diagnostics } = await gatherWave(plan, wave, ports);
  return [...diagnostics, ...(await waveProblems(plan, wave, ports, observed))];
});

const trafficChecks = checkStep('preflight.traffic', async ({ plan, ports }) => checkTraffic({ plan, ports }));

/** Partitions carry the rows and are named in the log; their parent is only a way to write them. */
const splitPairs = (observed: WaveObserved) => ({
  pairs: encodePairs(rowPairs(observed)),
  parents: encodePairs(observed.pairs.filter((pair) => !rowPairs(observed).includes(pair))),
});

const planWave = (wave: Wave, observed: WaveObserved | undefined): Change => ({
  id: checksStepId(wave.name),
  phase: 'preflight',
  wave: wave.name,
  kind: 'preflight.wave',
  action: 'read',
  summary: observed
    ? `check ${observed.pairs.length} tables, both databases and everyone who writes them`
    : 'check both databases and everyone who writes the tables',
  destructive: false,
  approval: null,
  section: null,
  inputs: observed
    ? {
        ...splitPairs(observed),
        writerRoles: observed.writerRoles,
        exempt: {
          source: [...new Set([observed.source.role.name, observed.replicationRoles.source])],
          target: [...new Set([observed.target.role.name, observed.replicationRoles.target])],
        },
      }
    : {},
});

export const preflight: Phase = {
  name: 'preflight',
  onResume: 'continue',
  unwindsOn: () => false,
  plan: ({ plan, observed }) => [
    ...plan.waves.map((wave) => planWave(wave, observed?.waves[wave.name])),
    ...(plan.traffic.length > 0
      ? [
          {
            id: stepId('preflight', 'traffic'),
            phase: 'preflight' as const,
            wave: null,
            kind: 'preflight.traffic',
            action: 'read' as const,
            summary: 'check the weighted records, their TTL and the gates',
            destructive: false,
            approval: null,
            section: null,
            inputs: {},
          },
        ]
      : []),
  ],
  steps: [waveChecks, trafficChecks],
};

/** CDC: indexes and foreign keys while nothing is applied, then change capture until octank's own heartbeat arrives in time. */
import type { Change } from '../model/change.ts';
import type { Wave } from '../model/plan.ts';
import type { Phase, StepKind } from './contract.ts';
import { planStatements } from './convert-schema.ts';
import { runTaskStep } from './dms-steps.ts';
import { watchSource } from './keep-watch.ts';
import type { WaveObserved } from './observed.ts';
import { openWave, stepId } from './wave.ts';

/** Samples in a row that must be within the limit: one quick heartbeat proves nothing. */
export const lagSamples = 3;

const catchUpStep: StepKind = {
  kind: 'cdc.catch-up',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 24 * 3600,
    timer: 'wall',
    reason: 'changes made during the load take time to apply',
  },
  observe: async (context) => {
    const { wave, pairs } = await openWave(context);
    watchSource(context, wave);
    const live = await context.live.of(wave, pairs);
    const lagSeconds = live.lagSeconds();
    if (lagSeconds !== null) context.progress({ text: `lag ${lagSeconds.toFixed(1)} s`, lagSeconds });
    if (live.steadyLag(lagSamples, wave.cutover.maxLagSeconds))
      return { state: 'done', evidence: { lagSeconds: Number(lagSeconds?.toFixed(3) ?? 0) } };
    return {
      state: 'in-progress',
      detail:
        lagSeconds === null
          ? 'no heartbeat has arrived yet'
          : `lag ${lagSeconds.toFixed(1)} s, wanted ${wave.cutover.maxLagSeconds} s`,
    };
  },
};

const planWave = (wave: Wave, observed: WaveObserved | undefined): readonly Change[] => {
  const base = { phase: 'cdc' as const, wave: wave.name, destructive: false, approval: null, section: null };
  return [
    planStatements('cdc', wave, observed, {
      part: 'after',
      name: 'indexes',
      summary: 'indexes, foreign keys (not yet validated), views, functions, triggers, grants',
    }),
    {
      ...base,
      id: stepId('cdc', wave.name, 'resume'),
      kind: 'dms.run',
      action: 'change',
      summary: 'apply the changes that were cached, and go on capturing',
      inputs: { stream: 'forward' },
    },
    {
      ...base,
      id: stepId('cdc', wave.name, 'catch-up'),
      kind: 'cdc.catch-up',
      action: 'wait',
      summary: `until the heartbeat arrives within ${wave.cutover.maxLagSeconds} s`,
      inputs: {},
    },
  ];
};

export const cdc: Phase = {
  name: 'cdc',
  onResume: 'continue',
  unwindsOn: () => false,
  plan: ({ plan, observed }) => plan.waves.flatMap((wave) => planWave(wave, observed?.waves[wave.name])),
  steps: [runTaskStep, catchUpStep],
};

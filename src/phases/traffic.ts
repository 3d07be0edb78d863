/** Traffic: the ladder. Weights move one rung at a time, read back, settled by measured share, baked under gates; failure moves them back in one batch. */

import { judge, sampleWindow } from '../gate/judge.ts';
import { inBand, settleSeconds, sharePercent, weightsFor } from '../gate/ladder.ts';
import type { Change } from '../model/change.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Plan, Rung, TrafficSpec } from '../model/plan.ts';
import { type Verdict, worstVerdict } from '../model/verdict.ts';
import type { WeightedRecord } from '../ports/traffic.ts';
import type { Observation, Phase, StepContext, StepKind } from './contract.ts';
import { watchWaysBack } from './keep-watch.ts';
import { stepId } from './wave.ts';

export const recordName = (spec: TrafficSpec): string => `${spec.record.name}.${spec.record.zone}`;

const specOf = (context: StepContext): TrafficSpec => {
  const found = context.plan.traffic[Number(context.change.inputs.index)];
  if (!found)
    throw new Fault({
      code: 'run.unknown-record',
      summary: 'A step names a record that the plan lacks.',
      detail: context.change.id,
    });
  return found;
};

const rungOf = (context: StepContext): Rung => {
  const rung = specOf(context).ladder[Number(context.change.inputs.rung)];
  if (!rung)
    throw new Fault({
      code: 'run.unknown-rung',
      summary: 'A step names a rung that the ladder lacks.',
      detail: context.change.id,
    });
  return rung;
};

interface LivePair {
  readonly source: WeightedRecord;
  readonly target: WeightedRecord;
  readonly share: number;
}

/** The pair as Route 53 has it now: never remembered. */
const readPair = async (context: StepContext): Promise<LivePair> => {
  const spec = specOf(context);
  const sets = (await context.ports.traffic.read({ zone: spec.record.zone, name: spec.record.name })).filter(
    (record) => record.type === spec.record.type,
  );
  const source = sets.find((record) => record.setIdentifier === spec.source.id);
  const target = sets.find((record) => record.setIdentifier === spec.target.id);
  if (!source || !target || sets.length !== 2)
    throw new Fault({
      code: 'traffic.records-foreign',
      summary: 'The weighted pair is not as planned.',
      detail: `${recordName(spec)} has ${sets.map((r) => r.setIdentifier ?? 'a simple record').join(', ') || 'no record'}.`,
      hint: 'Restore the pair; nothing was moved.',
      exitCode: exitCodes.held,
    });
  return { source, target, share: sharePercent(source.weight ?? 0, target.weight ?? 0) };
};

/** The share that we last set, from the journal: 0 before the first move. Anything else live is somebody else's. */
const journaledShare = (context: StepContext): number => {
  const name = recordName(specOf(context));
  const last = context.state.weights.findLast((weights) => weights.record === name && weights.why !== 'observed');
  return last ? sharePercent(last.sourceWeight, last.targetWeight) : 0;
};

const recordWeights = (context: StepContext, live: LivePair, why: 'moved' | 'moved-back'): Promise<void> =>
  context.record({
    type: 'weights',
    record: recordName(specOf(context)),
    sourceWeight: live.source.weight ?? 0,
    targetWeight: live.target.weight ?? 0,
    why,
  });

const isShare = (live: number, wanted: number): boolean => Math.abs(live - wanted) < 0.25;

const foreign = (context: StepContext, live: LivePair): Observation => ({
  state: 'drifted',
  detail: `${recordName(specOf(context))} has weights ${live.source.weight}/${live.target.weight}, which octank did not set (it last set a share of ${journaledShare(context)} %).`,
  hint: `Find who changed it. Set the weights back to a share of ${journaledShare(context)} %, then apply again; or go back: octank migrate rollback ${context.plan.file}`,
});

const swapTo = async (context: StepContext, share: number, why: 'moved' | 'moved-back'): Promise<void> => {
  const spec = specOf(context);
  const live = await readPair(context);
  const { source, target } = weightsFor(share);
  const { changeId } = await context.ports.traffic.swap({
    expected: [live.source, live.target],
    wanted: [
      { ...live.source, weight: source, ttlSeconds: spec.record.ttlSeconds },
      { ...live.target, weight: target, ttlSeconds: spec.record.ttlSeconds },
    ],
    comment: `octank ${context.state.lineage} ${share}%`.slice(0, 255),
  });
  await context.record({ type: 'weights', record: recordName(spec), sourceWeight: source, targetWeight: target, why });
  await untilInSync(context, changeId);
};

/** INSYNC is not immediate and says nothing about resolvers; both are waited for, this one here. */
const untilInSync = async (context: StepContext, changeId: string): Promise<void> => {
  const { clock, traffic } = context.ports;
  const deadline = clock.now() + inSyncSeconds * 1000;
  while ((await traffic.changeStatus(changeId)) !== 'INSYNC') {
    context.progress({ text: 'propagating to the name servers' });
    if (clock.now() > deadline)
      throw new Fault({
        code: 'traffic.not-in-sync',
        summary: 'Route 53 has not propagated a change in time.',
        detail: `${changeId} after ${inSyncSeconds} s.`,
        hint: 'Apply again: it looks first.',
        effect: 'done',
      });
    await clock.sleep(5000, context.signal);
  }
};

const inSyncSeconds = 600;

const shiftStep: StepKind = {
  kind: 'traffic.shift',
  limit: { intervalSeconds: 5, deadlineSeconds: 120, timer: 'clock', reason: 'the new weights are read back' },
  observe: async (context) => {
    watchWaysBack(context);
    const live = await readPair(context);
    const wanted = rungOf(context).sharePercent;
    if (isShare(live.share, wanted)) {
      // Moved by a process, or in a call, that could not say so: unrecorded, the next rung would take our own weights for drift.
      if (!isShare(journaledShare(context), wanted)) await recordWeights(context, live, 'moved');
      return { state: 'done', evidence: { sourceWeight: live.source.weight, targetWeight: live.target.weight } };
    }
    return isShare(live.share, journaledShare(context))
      ? { state: 'absent', detail: `the share is ${live.share} %` }
      : foreign(context, live);
  },
  perform: async (context) => swapTo(context, rungOf(context).sharePercent, 'moved'),
  undo: async (context) => {
    const back = Number(context.unwindTo?.inputs.sharePercent ?? 0);
    const live = await readPair(context);
    // One batch moves all the way back; the older rungs then find nothing left to undo.
    if (live.share > back && !isShare(live.share, back)) return swapTo(context, back, 'moved-back');
    // Moved back by a process that died before it could say so: without this record the next climb would see drift.
    if (isShare(live.share, back) && !isShare(journaledShare(context), back))
      await recordWeights(context, live, 'moved-back');
  },
};

interface Measured {
  readonly percent: number | null;
  readonly requests: number;
  readonly settled: boolean;
}

/** The real share, from requests counted at both ends since the records settled. */
const measure = async (context: StepContext, since: number): Promise<Measured> => {
  const spec = specOf(context);
  const { clock, health } = context.ports;
  if (spec.measure === null) return { percent: null, requests: 0, settled: true };
  const until = clock.now();
  const window = { since: Math.max(since, until - 300_000), until };
  const [source, target] = await Promise.all([
    health.requests(spec.measure.source, window),
    health.requests(spec.measure.target, window),
  ]);
  const requests = (source ?? 0) + (target ?? 0);
  if (requests === 0) return { percent: null, requests: 0, settled: false };
  const percent = (100 * (target ?? 0)) / requests;
  return {
    percent,
    requests,
    settled: inBand({
      expectedPercent: rungOf(context).sharePercent,
      sourceRequests: source ?? 0,
      targetRequests: target ?? 0,
    }),
  };
};

/** Waits until resolvers must have followed and the measured share shows it. Never longer than its limit: then it holds. */
const settle = async (context: StepContext, movedAt: number): Promise<void> => {
  const spec = specOf(context);
  const { clock } = context.ports;
  const quiet = movedAt + settleSeconds(spec.record.ttlSeconds) * 1000;
  if (clock.now() < quiet) {
    context.progress({ text: 'settling: resolvers follow within the TTL' });
    await clock.sleep(quiet - clock.now(), context.signal);
  }
  const deadline = clock.now() + 1800_000;
  for (;;) {
    await requireShare(context);
    const measured = await measure(context, quiet);
    if (measured.settled) {
      await context.record({
        type: 'share',
        record: recordName(spec),
        expectedPercent: rungOf(context).sharePercent,
        measuredPercent: measured.percent,
        requests: measured.requests,
      });
      return;
    }
    context.progress({
      text:
        measured.percent === null
          ? 'settling: no requests counted yet'
          : `settling: measured share ${measured.percent.toFixed(1)} %`,
    });
    if (clock.now() > deadline)
      throw new Fault({
        code: 'traffic.share-not-reached',
        summary: 'The measured share does not follow the weights.',
        detail: `${recordName(spec)}: ${measured.percent?.toFixed(1) ?? 'nothing'} % measured, ${rungOf(context).sharePercent} % set.`,
        hint: 'Look for clients that do not resolve the name; weights stay where they are.',
        exitCode: exitCodes.held,
      });
    await clock.sleep(30_000, context.signal);
  }
};

/** A live weight that nobody journaled is drift, and holds. */
const requireShare = async (context: StepContext): Promise<void> => {
  const live = await readPair(context);
  if (isShare(live.share, rungOf(context).sharePercent)) return;
  const drift = foreign(context, live);
  throw new Fault({
    code: 'traffic.drift',
    summary: 'Someone else changed the weights.',
    detail: drift.state === 'drifted' ? drift.detail : '',
    hint: drift.state === 'drifted' ? drift.hint : '',
    exitCode: exitCodes.held,
  });
};

const gateFault = (context: StepContext, verdict: Verdict): Fault =>
  new Fault({
    code: 'gate.failed',
    summary: 'A gate failed; weights are moved back.',
    detail: `${recordName(specOf(context))} at ${rungOf(context).sharePercent} %: ${verdict.gate}: ${verdict.detail}`,
    hint: `Mend the cause, then climb again: octank migrate apply ${context.plan.file}`,
    exitCode: exitCodes.gateFailed,
  });

const judgeAll = async (context: StepContext, since: number): Promise<readonly Verdict[]> => {
  const { clock, health } = context.ports;
  const gates = context.plan.gates.filter((gate) => specOf(context).gates.includes(gate.name));
  return Promise.all(
    gates.map(async (gate) => {
      const now = clock.now();
      const samples = await health.sample(gate, sampleWindow({ gate, now, stepStartedAt: since }));
      return judge({ gate, samples, now, stepStartedAt: since });
    }),
  );
};

/** How long missing evidence is waited for, beyond the bake, before the run holds. */
const maxHoldSeconds = 900;

const bakeStep: StepKind = {
  kind: 'traffic.bake',
  limit: { intervalSeconds: 5, deadlineSeconds: 60, timer: 'clock', reason: 'the verdict is journaled at once' },
  observe: async (context) => {
    watchWaysBack(context);
    await requireShare(context);
    return typeof context.captured().passedAt === 'number' && context.captured().attempt === context.token
      ? { state: 'done', evidence: { bakedSeconds: Number(context.captured().bakedSeconds) } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { clock } = context.ports;
    const rung = rungOf(context);
    const startedAt = clock.now();
    await settle(context, startedAt);
    const bakeFrom = clock.now();
    const bakeUntil = bakeFrom + rung.bakeSeconds * 1000;
    let seen = '';
    for (;;) {
      await requireShare(context);
      const verdicts = await judgeAll(context, bakeFrom);
      const worst = worstVerdict(verdicts);
      const now = clock.now();
      const state = verdicts.map((v) => `${v.gate}=${v.result}`).join(' ');
      const passed = now >= bakeUntil && (worst === undefined || worst.result === 'success');
      // Every change of a verdict is journaled, and the one that decides; not each look.
      if (state !== seen || worst?.result === 'failure' || passed)
        for (const verdict of verdicts) await context.record({ type: 'verdict', stepId: context.change.id, verdict });
      seen = state;
      if (worst?.result === 'failure') throw gateFault(context, worst);
      if (passed) break;
      if (worst && worst.result !== 'success' && now >= bakeUntil + maxHoldSeconds * 1000)
        throw new Fault({
          code: 'gate.no-evidence',
          summary: 'A gate has no evidence; traffic is held where it is.',
          detail: `${worst.gate}: ${worst.detail}`,
          hint: `Restore its data, then apply again: octank migrate apply ${context.plan.file}`,
          exitCode: exitCodes.held,
        });
      context.progress({
        text: `baking at ${rung.sharePercent} %: ${state}`,
        secondsLeft: Math.max(0, (bakeUntil - now) / 1000),
      });
      await clock.sleep(15_000, context.signal);
    }
    const measured = await measure(context, bakeFrom);
    await context.record({
      type: 'share',
      record: recordName(specOf(context)),
      expectedPercent: rung.sharePercent,
      measuredPercent: measured.percent,
      requests: measured.requests,
    });
    await context.capture({
      passedAt: clock.now(),
      bakedSeconds: Math.round((clock.now() - bakeFrom) / 1000),
      attempt: context.token,
    });
  },
};

const planRecord = (plan: Plan, spec: TrafficSpec, index: number): readonly Change[] =>
  spec.ladder.flatMap((rung, rungIndex): Change[] => {
    const name = recordName(spec);
    const base = { phase: 'traffic' as const, wave: null, section: `traffic/${name}` };
    // Also where only one wave is asked for: a share of the traffic must not meet tables that have not moved.
    const after = spec.after;
    const inputs = { index, rung: rungIndex, sharePercent: rung.sharePercent, unattended: rung.unattended, after };
    return [
      {
        ...base,
        id: stepId('traffic', name, rung.sharePercent, 'shift'),
        kind: 'traffic.shift',
        action: 'change',
        summary: `${name}: ${rung.sharePercent} % to ${spec.target.id}`,
        destructive: false,
        approval: rung.approval || (rungIndex === 0 && plan.approvals.includes('traffic')) ? 'traffic' : null,
        inputs: {
          ...inputs,
          approvalLines: [
            `${name}: ${rung.sharePercent} % of new lookups answer ${spec.target.id} (${spec.target.value}).`,
            `Going back takes INSYNC, the TTL of ${spec.record.ttlSeconds} s and the drain of open connections.`,
          ],
        },
      },
      {
        ...base,
        id: stepId('traffic', name, rung.sharePercent, 'bake'),
        kind: 'traffic.bake',
        action: 'wait',
        summary: `${name}: settle, then ${rung.bakeSeconds} s at ${rung.sharePercent} % under ${spec.gates.join(', ') || 'no gate'}`,
        destructive: false,
        approval: null,
        inputs,
      },
    ];
  });

export const traffic: Phase = {
  name: 'traffic',
  onResume: 'continue',
  unwindsOn: (fault) => fault.code === 'gate.failed',
  plan: ({ plan }) => plan.traffic.flatMap((spec, index) => planRecord(plan, spec, index)),
  steps: [shiftStep, bakeStep],
};

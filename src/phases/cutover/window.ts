/** Cutover steps 2 to 4: fence the source as a lease, drain behind a marker, final parity inside the budget. */

import { Fault } from '../../model/fault.ts';
import type { FenceState } from '../../ports/fence.ts';
import { finalParity } from '../../verify/final-parity.ts';
import type { StepContext, StepKind } from '../contract.ts';
import { requireTask, startTask } from '../dms-steps.ts';
import { assertProbed, fenceStatusOf } from '../fencing.ts';
import { differenceFault } from '../verify.ts';
import { openWave, stepId } from '../wave.ts';

/** Seconds of the lease that are kept back for making it permanent; the lease is budget plus this. */
export const leaseMarginSeconds = 5;

const soon = (reason: string, deadlineSeconds: number) => ({
  intervalSeconds: 0.05,
  deadlineSeconds,
  timer: 'wall' as const,
  reason,
});

/** An earlier attempt may have stopped it before it was walked back: the target was fenced all the time, so it simply goes on. */
export const forwardRunningStep: StepKind = {
  kind: 'cutover.forward-running',
  limit: { intervalSeconds: 0.25, deadlineSeconds: 300, timer: 'wall', reason: 'DMS starts a task in up to minutes' },
  observe: async (context) => {
    const task = await requireTask(context, 'forward');
    if (task.status === 'running') return { state: 'done', evidence: {} };
    return task.status === 'stopped' ? { state: 'absent' } : { state: 'in-progress', detail: task.status };
  },
  perform: async (context) => startTask(context, 'forward'),
};

/** The fence as this attempt closed it; anything else is not our fence. */
export const requireLease = async (context: StepContext): Promise<Extract<FenceState, { state: 'leased' }>> => {
  const { wave, source, sourceTables } = await openWave(context);
  const { fence, unguarded } = await fenceStatusOf(source, wave, sourceTables);
  if (fence.state === 'leased' && unguarded.length === 0) return fence;
  throw new Fault({
    code: 'fence.lifted',
    summary: 'The fence on the source is not closed any more.',
    detail: `It is ${fence.state}${unguarded.length > 0 ? `, and ${unguarded.length} tables have lost their trigger` : ''}; the budget was ${wave.cutover.downtimeBudgetSeconds} s.`,
    hint: `The source takes writes again and nothing is lost. Apply again: octank migrate apply ${context.plan.file}`,
  });
};

/** What remains of the budget before the lease must be made permanent. */
export const budgetLeft = (fence: Extract<FenceState, { state: 'leased' }>): number =>
  fence.remainingSeconds - leaseMarginSeconds;

const blockersFault = (blockers: readonly { kind: string; id: string; role: string }[]): Fault =>
  new Fault({
    code: 'fence.not-closed',
    summary: 'Transactions older than the fence stay open.',
    detail: blockers.map((b) => `${b.kind} ${b.id} of ${b.role}`).join('; '),
    hint: 'The fence was lifted again. End them, or commit or roll back what is prepared, then apply again.',
  });

export const fenceStep: StepKind = {
  kind: 'cutover.fence',
  limit: soon('the fence is closed when every older transaction has ended', 30),
  observe: async (context) => {
    const { wave, source, sourceTables } = await openWave(context);
    const { fence, unguarded } = await fenceStatusOf(source, wave, sourceTables);
    if (fence.state === 'permanent') return { state: 'done', evidence: { epoch: fence.epoch } };
    if (fence.state !== 'leased') return { state: 'absent', detail: `the fence is ${fence.state}` };
    if (unguarded.length > 0) return { state: 'absent', detail: 'a table has lost its trigger' };
    if (context.captured().epoch !== fence.epoch)
      return { state: 'absent', detail: 'the fence was closed by an earlier attempt' };
    const blockers = await source.fence.blockers({ wave: wave.name, flip: fence.flip });
    if (blockers.length === 0) return { state: 'done', evidence: { epoch: fence.epoch, flip: fence.flip } };
    if (budgetLeft(fence) <= 0) throw blockersFault(blockers);
    return { state: 'in-progress', detail: `${blockers.length} older transactions are still open` };
  },
  perform: async (context) => {
    const { wave, source, sourceTables, writerRoles } = await openWave(context);
    const { epoch } = await source.fence.close({
      wave: wave.name,
      leaseSeconds: wave.cutover.downtimeBudgetSeconds + leaseMarginSeconds,
    });
    await context.capture({ epoch });
    await context.record({ type: 'writer', wave: wave.name, writer: 'none' });
    const ended = await source.fence.endWriters({ wave: wave.name, tables: sourceTables });
    const results = await source.fence.probe({ wave: wave.name, tables: sourceTables, roles: writerRoles });
    // A process that slept past its lease finds it lifted: then no trigger is to blame.
    if (results.some((result) => result.outcome === 'accepted')) await requireLease(context);
    assertProbed(results, 'source');
    context.progress({ text: `closed; ${ended} sessions ended, ${results.length} probes refused` });
  },
  undo: async (context) => {
    const { wave, source, sourceTables } = await openWave(context);
    const { fence } = await fenceStatusOf(source, wave, sourceTables);
    // Permanent: the point of no return was not walked back, and opening here would be past asking the target.
    if (fence.state === 'absent' || fence.state === 'permanent') return;
    if (fence.state === 'leased') await source.fence.open(wave.name);
    await context.record({ type: 'writer', wave: wave.name, writer: 'source' });
  },
};

const behindMarker = (rows: number): Fault =>
  new Fault({
    code: 'cutover.write-behind-marker',
    summary: 'Rows were written behind the closed fence.',
    detail: `${rows} row changes follow the marker in the change feed.`,
    hint: "The fence was lifted again. Only octank's and replication's own roles can write through it: find who works as one of them, then apply again.",
  });

/** Asked once more at the last moment at which it costs nothing: what comes after the marker would be on the source alone. */
export const requireNothingBehindMarker = async (context: StepContext, seconds: number): Promise<void> => {
  const { wave, pairs } = await openWave(context);
  const live = await context.live.of(wave, pairs);
  const token = context.evidence(stepId('cutover', wave.name, 'drain'))?.token;
  if (typeof token !== 'string') return;
  const isRead = await live.tracker.catchUp({ seconds: Math.max(0, seconds), signal: context.signal });
  const after = isRead ? live.tracker.rowsAfterMarker(token) : null;
  if (after === 0) return;
  if (after !== null) throw behindMarker(after);
  throw new Fault({
    code: 'cutover.budget',
    summary: 'The change feed did not reach the end of the log inside the budget.',
    hint: 'The fence was lifted again; apply again.',
  });
};

export const drainStep: StepKind = {
  kind: 'cutover.drain',
  limit: soon('the marker passes through replication', 600),
  observe: async (context) => {
    const { wave, pairs, target } = await openWave(context);
    const fence = await requireLease(context);
    const { token, epoch } = context.captured();
    if (typeof token !== 'string' || epoch !== fence.epoch) return { state: 'absent' };
    if (budgetLeft(fence) <= 0)
      throw new Fault({
        code: 'cutover.budget',
        summary: 'The budget was spent before the target had everything.',
        detail: `${wave.cutover.downtimeBudgetSeconds} s; the marker has not arrived.`,
        hint: 'The fence was lifted again. Look at the lag of the replication task, then apply again.',
      });
    const live = await context.live.of(wave, pairs);
    if (!(await target.signals.hasMarker({ direction: 'forward', token })))
      return { state: 'in-progress', detail: 'the marker is on its way' };
    const after = live.tracker.rowsAfterMarker(token);
    // Seen on the target is necessary; that nothing followed it is what the feed alone can tell.
    if (after === null) return { state: 'in-progress', detail: 'the change feed has not passed the marker yet' };
    if (after > 0) throw behindMarker(after);
    return { state: 'done', evidence: { token, epoch: fence.epoch } };
  },
  perform: async (context) => {
    const { wave, pairs, source } = await openWave(context);
    const fence = await requireLease(context);
    const live = await context.live.of(wave, pairs);
    const token = `${context.token}:${fence.epoch}`;
    await context.capture({ token, epoch: fence.epoch });
    await source.signals.writeMarker({ direction: 'forward', token });
    const end = await source.streams.currentPosition();
    const passed = await live.tracker.waitPast(end, {
      seconds: Math.max(0, budgetLeft(fence)),
      signal: context.signal,
    });
    if (!passed)
      throw new Fault({
        code: 'cutover.budget',
        summary: 'The change feed did not reach the end of the log inside the budget.',
        hint: 'The fence was lifted again; apply again.',
      });
  },
};

export const finalParityStep: StepKind = {
  kind: 'cutover.parity',
  limit: soon('the result is kept in this attempt', 10),
  observe: async (context) => {
    const fence = await requireLease(context);
    const { epoch, verdict } = context.captured();
    return epoch === fence.epoch && verdict === 'equal'
      ? { state: 'done', evidence: { verdict, epoch: fence.epoch } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave, pairs, source, target } = await openWave(context);
    const fence = await requireLease(context);
    const live = await context.live.of(wave, pairs);
    const { report } = await finalParity({
      source: source.rows,
      target: target.rows,
      pairs,
      tracker: live.tracker,
      clock: context.ports.clock,
      live: false,
      budgetSeconds: Math.max(1, budgetLeft(fence)),
      maxAgeSeconds: wave.parity.maxAgeSeconds,
      signal: context.signal,
    });
    await context.record({ type: 'parity', wave: wave.name, final: true, report });
    if (report.verdict !== 'equal') throw differenceFault(report, wave, context.plan.file);
    await context.capture({ epoch: fence.epoch, verdict: report.verdict });
  },
};

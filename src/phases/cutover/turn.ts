/** Cutover steps 5 to 8: stop forward, sequences, the way back's position, and the point of no return. */
import { Fault } from '../../model/fault.ts';
import { tableKey } from '../../model/table.ts';
import type { SequenceState } from '../../ports/signals.ts';
import type { StepContext, StepKind } from '../contract.ts';
import { requireOurs, requireTask, startTask } from '../dms-steps.ts';
import { fenceStatusOf } from '../fencing.ts';
import { openWave, slotName } from '../wave.ts';
import { budgetLeft, leaseMarginSeconds, requireLease, requireNothingBehindMarker } from './window.ts';

/** Values left free above both sides, so that a number handed out just before the fence and never committed is not met again. */
const sequenceGap = 1000n;

export const stopForwardStep: StepKind = {
  kind: 'cutover.stop-forward',
  limit: { intervalSeconds: 0.05, deadlineSeconds: 20, timer: 'wall', reason: 'AWS shows that the stop was accepted' },
  observe: async (context) => {
    const task = await requireTask(context, 'forward');
    return task.status === 'stopping' || task.status === 'stopped'
      ? { state: 'done', evidence: { status: task.status } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    await requireLease(context);
    const { wave, pairs } = await openWave(context);
    await requireOurs(context, 'forward');
    await context.ports.replication.requestStop((await requireTask(context, 'forward')).arn);
    // Not waited for: nobody can write meanwhile.
    void (await context.live.of(wave, pairs)).stopBeating();
  },
  // The target was fenced all the time, and the slot kept its place: resuming loses and doubles nothing.
  undo: async (context) => {
    const task = await requireTask(context, 'forward');
    if (task.status === 'stopped') await startTask(context, 'forward');
  },
};

const largest = (values: readonly (bigint | null)[], increment: bigint): bigint => {
  const present = values.filter((value): value is bigint => value !== null);
  return present.reduce(
    (best, value) => ((increment > 0n ? value > best : value < best) ? value : best),
    present[0] ?? 0n,
  );
};

/** What each target sequence must be set to: beyond the source's last value and the target's extreme, plus a gap in its direction. */
export const sequenceValues = (
  source: readonly SequenceState[],
  target: readonly SequenceState[],
  rename: (name: string) => string,
) => {
  const byName = new Map(target.map((sequence) => [tableKey(sequence.name), sequence]));
  return source.map((sequence) => {
    const there = byName.get(rename(tableKey(sequence.name)));
    if (!there)
      throw new Fault({
        code: 'cutover.sequence-missing',
        summary: 'A sequence of the source is not on the target.',
        detail: tableKey(sequence.name),
        hint: 'Create it; new rows would fail for want of it.',
      });
    const reached = largest(
      [
        sequence.isCalled ? sequence.lastValue : sequence.lastValue - sequence.increment,
        sequence.column?.extreme ?? null,
        there.column?.extreme ?? null,
      ],
      sequence.increment,
    );
    return { name: there.name, wanted: reached, value: reached + sequenceGap * sequence.increment, current: there };
  });
};

const sequencesOf = async (context: StepContext) => {
  const { wave, source, target, sourceTables, targetTables } = await openWave(context);
  const [from, to] = await Promise.all([source.sequences.read(sourceTables), target.sequences.read(targetTables)]);
  return sequenceValues(from, to, (name) => wave.tables.rename[name] ?? name);
};

export const sequencesStep: StepKind = {
  kind: 'cutover.sequences',
  limit: { intervalSeconds: 0.1, deadlineSeconds: 10, timer: 'wall', reason: 'setval is seen at once' },
  observe: async (context) => {
    const values = await sequencesOf(context);
    const behind = values.filter(({ current, wanted }) =>
      current.increment > 0n ? current.lastValue <= wanted : current.lastValue >= wanted,
    );
    return behind.length > 0
      ? { state: 'absent', detail: `${behind.length} sequences are behind` }
      : { state: 'done', evidence: { sequences: values.length } };
  },
  perform: async (context) => {
    await requireLease(context);
    const { target } = await openWave(context);
    await target.sequences.set((await sequencesOf(context)).map(({ name, value }) => ({ name, value })));
  },
};

/** Everything before now on the target came from the source: the way back must not carry it again. */
export const reversePositionStep: StepKind = {
  kind: 'cutover.reverse-position',
  limit: {
    intervalSeconds: 0.1,
    deadlineSeconds: 20,
    timer: 'wall',
    reason: 'a slot moves at once when nobody reads it',
  },
  observe: async (context) => {
    const fence = await requireLease(context);
    const { epoch, position } = context.captured();
    return epoch === fence.epoch && typeof position === 'string'
      ? { state: 'done', evidence: { position } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave, target } = await openWave(context);
    const fence = await requireLease(context);
    const position = await target.streams.advanceSlot(slotName(context.plan, wave, 'reverse'));
    await context.capture({ epoch: fence.epoch, position });
  },
};

export const pointOfNoReturnStep: StepKind = {
  kind: 'cutover.point-of-no-return',
  limit: { intervalSeconds: 0.1, deadlineSeconds: 10, timer: 'wall', reason: 'the fence row is read back at once' },
  observe: async (context) => {
    const { wave, source, sourceTables } = await openWave(context);
    const { fence } = await fenceStatusOf(source, wave, sourceTables);
    if (fence.state !== 'permanent') return { state: 'absent', detail: `the fence is ${fence.state}` };
    if (context.state.pointOfNoReturn[wave.name] === undefined)
      await context.record({ type: 'point-of-no-return', wave: wave.name });
    return { state: 'done', evidence: { epoch: fence.epoch } };
  },
  perform: async (context) => {
    const { wave, source } = await openWave(context);
    const fence = await requireLease(context);
    await requireNothingBehindMarker(context, budgetLeft(fence));
    await source.fence.makePermanent({ wave: wave.name, epoch: fence.epoch, marginSeconds: leaseMarginSeconds });
  },
  // Reached only while the target is still fenced: nothing was written there, so the source may simply open again.
  undo: async (context) => {
    const { wave, source, target, targetTables } = await openWave(context);
    const { fence } = await fenceStatusOf(target, wave, targetTables);
    if (fence.state !== 'permanent')
      throw new Fault({
        code: 'cutover.no-cheap-undo',
        summary: 'The target already takes writes: opening the source again would make two writers.',
        detail: wave.name,
        hint: 'The way back is the fallback, through the reverse task.',
        exitCode: 9,
      });
    await source.fence.open(wave.name);
    await context.record({ type: 'writer', wave: wave.name, writer: 'source' });
  },
};

/** Cutover step 0: the way back exists and has been walked by a canary before anything is fenced. */
import { Fault } from '../../model/fault.ts';
import { tableKey } from '../../model/table.ts';
import type { StepContext, StepKind } from '../contract.ts';
import { watchTarget } from '../keep-watch.ts';
import { openWave, slotName } from '../wave.ts';

const plugin = (name: 'test-decoding' | 'pglogical'): 'test_decoding' | 'pglogical_output' =>
  name === 'test-decoding' ? 'test_decoding' : 'pglogical_output';

const slotsOf = async (context: StepContext): Promise<readonly string[]> => {
  const { wave } = await openWave(context);
  return [slotName(context.plan, wave, 'reverse'), slotName(context.plan, wave, 'canary')];
};

export const reverseSlotsStep: StepKind = {
  kind: 'cutover.reverse-slots',
  limit: {
    intervalSeconds: 1,
    deadlineSeconds: 60,
    timer: 'wall',
    reason: 'a slot waits for transactions that are open',
  },
  observe: async (context) => {
    const { wave, target } = await openWave(context);
    watchTarget(context, wave);
    const [wanted, present] = [await slotsOf(context), await target.streams.slots()];
    const lost = present.find((slot) => wanted.includes(slot.name) && slot.walStatus === 'lost');
    if (lost)
      throw new Fault({
        code: 'slot.lost',
        summary: 'A slot for the way back has lost its log.',
        detail: lost.name,
        hint: 'Drop it and apply again; the way back then starts anew.',
      });
    return wanted.every((name) => present.some((slot) => slot.name === name))
      ? { state: 'done', evidence: { slots: wanted } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave, target } = await openWave(context);
    for (const name of await slotsOf(context))
      await target.streams.createSlot({ name, plugin: plugin(wave.replication.plugin) });
  },
};

/** The reverse task will write as this role; that it may is tried on every table, in transactions that are rolled back. */
export const reverseRightsStep: StepKind = {
  kind: 'cutover.reverse-rights',
  limit: { intervalSeconds: 1, deadlineSeconds: 1, timer: 'wall', reason: 'rights are asked once' },
  observe: async (context) => {
    const { wave, sourceTables } = await openWave(context);
    const replication = await context.ports.database(wave.source, 'replication');
    const { role } = await replication.facts();
    const results = await replication.fence.probe({
      wave: wave.name,
      tables: sourceTables,
      roles: [role.name],
      as: 'exempt',
    });
    const refused = results.filter((result) => result.operation !== 'truncate' && result.outcome !== 'accepted');
    if (refused.length === 0) return { state: 'done', evidence: { role: role.name, tables: sourceTables.length } };
    const first = refused[0];
    throw new Fault({
      code: 'cutover.reverse-rights',
      summary: 'The way back could not write a table of the source.',
      detail: `${role.name} on ${wave.source}: ${refused
        .slice(0, 5)
        .map((r) => `${r.operation} on ${tableKey(r.table)} (${r.outcome})`)
        .join('; ')}.`,
      hint: first ? `Grant INSERT, UPDATE, DELETE on ${tableKey(first.table)} to ${role.name}.` : '',
    });
  },
};

/** A row in canary_reverse on the target reaches the source; its answer in canary_forward reaches the target. */
export const canaryStep: StepKind = {
  kind: 'cutover.canary',
  limit: {
    intervalSeconds: 0.2,
    deadlineSeconds: 120,
    timer: 'wall',
    reason: 'the canary passes through both directions of replication',
  },
  observe: async (context) => {
    const { source, target } = await openWave(context);
    const token = context.captured().token;
    if (typeof token !== 'string') return { state: 'absent' };
    if (!(await source.signals.hasCanary({ direction: 'reverse', token }))) {
      // Captured by a process that died before it let the canary go: nothing is on its way, and waiting would never end.
      if (!(await target.signals.hasCanary({ direction: 'reverse', token }))) return { state: 'absent' };
      return { state: 'in-progress', detail: 'the canary is on its way to the source' };
    }
    if (await target.signals.hasCanary({ direction: 'forward', token })) return { state: 'done', evidence: { token } };
    await source.signals.writeCanary({ direction: 'forward', token });
    return { state: 'in-progress', detail: 'the answer is on its way to the target' };
  },
  perform: async (context) => {
    const { target } = await openWave(context);
    await context.capture({ token: context.token });
    await target.signals.writeCanary({ direction: 'reverse', token: context.token });
  },
};

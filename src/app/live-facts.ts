/** What status and the last lines ask of the world beside the journal: live weights, and how far the way back has come. */
import type { RunState } from '../journal/run-state.ts';
import { Fault } from '../model/fault.ts';
import type { Plan } from '../model/plan.ts';
import type { RollbackCost, StatusJson } from '../report/json-types.ts';
import { type ReverseFacts, rollbackCostOf, shareOf, writerOf } from '../report/run-facts.ts';
import { measureWayBack } from './way-back.ts';
import type { World } from './world.ts';

/** Reads what can be read: a status that fails because one thing is down would hide all the others. */
const orNull = async <T>(read: () => Promise<T>): Promise<T | null> => {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
};

export const readWeights = (world: World, plan: Plan): Promise<StatusJson['weights'] | null> =>
  orNull(async () => {
    const entries: [string, StatusJson['weights'][string]][] = [];
    for (const { record, source, target } of plan.traffic) {
      const sets = await world.ports.traffic.read({ zone: record.zone, name: record.name });
      const weight = (id: string) => sets.find((set) => set.setIdentifier === id && set.type === record.type)?.weight;
      const [from, to] = [weight(source.id), weight(target.id)];
      if (typeof from === 'number' && typeof to === 'number')
        entries.push([
          `${record.name}.${record.zone}`,
          { source: from, target: to, targetSharePercent: shareOf(from, to) },
        ]);
    }
    return Object.fromEntries(entries);
  });

export const rollbackCost = async (world: World | null, plan: Plan, state: RunState | null): Promise<RollbackCost> => {
  if (state === null)
    return {
      possible: true,
      kind: 'nothing-to-do',
      rowsAtRisk: 0,
      tailSeconds: 0,
      reason: 'Nothing has been done yet.',
    };
  const moved = plan.waves.filter((wave) => writerOf(state, wave.name) === 'target');
  const reverse: (ReverseFacts | null)[] = [];
  if (world) for (const wave of moved) reverse.push(await orNull(() => measureWayBack(world.ports, plan, wave, state)));
  const known = reverse.filter((facts): facts is ReverseFacts => facts !== null);
  const combined: ReverseFacts | null =
    known.length === 0 || known.length < moved.length
      ? null
      : {
          running: known.every((facts) => facts.running),
          tailSeconds: known.some((facts) => facts.tailSeconds === null)
            ? null
            : Math.max(0, ...known.map((facts) => facts.tailSeconds ?? 0)),
          rowsAtRisk: known.some((facts) => facts.rowsAtRisk === null)
            ? null
            : known.reduce((sum, facts) => sum + (facts.rowsAtRisk ?? 0), 0),
        };
  return rollbackCostOf(state, {
    reverse: combined,
    ttlSeconds: Math.max(0, ...plan.traffic.map((spec) => spec.record.ttlSeconds)),
    fallbackNone: moved.some((wave) => wave.cutover.fallback === 'none'),
  });
};

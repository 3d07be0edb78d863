/** Which slots and heartbeats belong to a wave at each stretch of its way; steps call this, also those of a resumed run. */
import type { Wave } from '../model/plan.ts';
import type { SlotState } from '../ports/change-streams.ts';
import type { StepContext } from './contract.ts';
import { slotName, stepId } from './wave.ts';

export const feedStepId = (wave: string): string => stepId('full-load', wave, 'feed');

/**
 * On the source: every slot that was not there before octank made its feed, because AWS chooses the name of its own. On the
 * target: the slots of the way back, whose names are octank's.
 */
const isCausedOnSource = (context: StepContext, wave: Wave): ((slot: SlotState) => boolean) => {
  const before = context.evidence(feedStepId(wave.name))?.slotsBefore;
  const foreign = new Set(Array.isArray(before) ? before.map(String) : []);
  return (slot) => !foreign.has(slot.name);
};

const isOfWayBack = (context: StepContext, wave: Wave): ((slot: SlotState) => boolean) => {
  const names = new Set([slotName(context.plan, wave, 'reverse'), slotName(context.plan, wave, 'canary')]);
  return (slot) => names.has(slot.name);
};

export const watchSource = (context: StepContext, wave: Wave): void =>
  context.live.watchSlots(wave, 'source', isCausedOnSource(context, wave));

export const watchTarget = (context: StepContext, wave: Wave): void => {
  if (wave.cutover.fallback !== 'none') context.live.watchSlots(wave, 'target', isOfWayBack(context, wave));
};

/** After the point of no return: the way back is measured, and its slots must not fill the target. */
export const watchWayBack = (context: StepContext, wave: Wave): void => {
  // The forward task's slot stays on the source until finalize, and nobody reads it any more.
  watchSource(context, wave);
  watchTarget(context, wave);
  if (wave.cutover.fallback !== 'none') context.live.reverse(wave);
};

/** For steps that belong to no wave: every wave that has moved. */
export const watchWaysBack = (context: StepContext): void => {
  for (const wave of context.plan.waves)
    if (context.state.pointOfNoReturn[wave.name] !== undefined && context.state.writers[wave.name] === 'target')
      watchWayBack(context, wave);
};

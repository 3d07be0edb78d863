/** The room's door. */
export { type ChangedStep, type ChangeSetDiff, diffChangeSets } from './amendment.ts';
export { basisOf, changeSetDigest, makeChangeSet, staleParts } from './change-set.ts';
export { orderChanges, waveOrder } from './order.ts';
export {
  decodeSavedPlan,
  encodeSavedPlan,
  finishedPlan,
  looksLikeSavedPlan,
  type SavedPlan,
  savedPlanVersion,
  stalePlan,
} from './saved-plan.ts';

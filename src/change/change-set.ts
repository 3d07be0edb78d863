/** Makes change sets, and tells whether the world has moved away from what one was computed from. */
import { canonicalJson, digestOf } from '../model/canonical.ts';
import type { Change, ChangeSet } from '../model/change.ts';
import { assert } from '../model/fault.ts';
import type { Json } from '../model/json.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { orderChanges } from './order.ts';

/** What of a plan orders and identifies its change set; any Plan is one. */
type PlanOutline = Pick<Plan, 'name' | 'digest'> & { readonly waves: readonly Pick<Wave, 'name' | 'needs'>[] };

/** sha256 over what is reviewed: the plan, the steps in their order, and what they were computed from. */
export const changeSetDigest = ({ plan, changes, basis }: Pick<ChangeSet, 'plan' | 'changes' | 'basis'>): string =>
  digestOf({ planDigest: plan.digest, changes, basis });

const assertUnique = (changes: readonly Change[]): void => {
  const seen = new Set<string>();
  for (const { id } of changes) {
    assert(!seen.has(id), `step ids are unique in a change set, and ${id} is there twice`);
    seen.add(id);
  }
};

const assertKnownWaves = (changes: readonly Change[], plan: PlanOutline): void => {
  for (const { id, wave } of changes)
    assert(wave === null || plan.waves.some(({ name }) => name === wave), `${id} is of a wave that the plan lacks`);
};

export const makeChangeSet = (options: {
  readonly plan: PlanOutline;
  readonly changes: readonly Change[];
  readonly basis: Readonly<Record<string, string>>;
}): ChangeSet => {
  const { plan, basis } = options;
  assertUnique(options.changes);
  assertKnownWaves(options.changes, plan);
  // What is digested is what a file will hold: values that JSON would change must not differ from the saved ones.
  const changes: readonly Change[] = JSON.parse(canonicalJson(orderChanges(options.changes, plan.waves)));
  assert(changes.length === options.changes.length, 'ordering loses no step');
  const content = { plan: { name: plan.name, digest: plan.digest }, changes, basis };
  return { formatVersion: 1, ...content, digest: changeSetDigest(content) };
};

/**
 * Digest per part of the observed world. A part's name begins with the phase up to which it matters, and the wave where
 * it has one: `full-load/shop/target-schema`. Our own effects change the world after that, and must not make it stale.
 */
export const basisOf = (parts: Readonly<Record<string, Json>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(parts).map(([part, seen]) => [part, digestOf(seen)]));

/**
 * Parts that moved since, appeared or disappeared, and still matter. `donePhases` are phases that are over, `full-load`
 * for all waves or `full-load/shop` for one: parts that begin so are not asked about.
 */
export const staleParts = (
  changeSet: Pick<ChangeSet, 'basis'>,
  basisNow: Readonly<Record<string, string>>,
  donePhases: readonly string[],
): readonly string[] => {
  const isOver = (part: string): boolean => donePhases.some((done) => part === done || part.startsWith(`${done}/`));
  const parts = new Set([...Object.keys(changeSet.basis), ...Object.keys(basisNow)]);
  return [...parts].filter((part) => !isOver(part) && changeSet.basis[part] !== basisNow[part]).sort();
};

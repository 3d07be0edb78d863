/** The order of a change set: by phase, and inside a phase by what waves need of each other. */
import type { Change } from '../model/change.ts';
import { assert } from '../model/fault.ts';
import { phaseNames } from '../model/phase.ts';
import type { Wave } from '../model/plan.ts';

/** Wave names so that each comes after those it needs, otherwise as the plan has them. */
export const waveOrder = (waves: readonly Pick<Wave, 'name' | 'needs'>[]): readonly string[] => {
  const ordered: string[] = [];
  const open = new Set<string>();
  const add = (name: string): void => {
    if (ordered.includes(name)) return;
    assert(!open.has(name), `waves need each other in a circle through ${name}; the linter refuses such plans`);
    open.add(name);
    for (const need of waves.find((wave) => wave.name === name)?.needs ?? []) add(need);
    open.delete(name);
    ordered.push(name);
  };
  for (const wave of waves) add(wave.name);
  return ordered;
};

/** Steps of no wave keep their place among the others; only the waves' steps change places with each other. */
const byWave = (changes: readonly Change[], order: readonly string[]): readonly Change[] => {
  const rank = ({ wave }: Change): number => (wave === null ? -1 : order.indexOf(wave));
  const ofWaves = changes.filter((change) => change.wave !== null).sort((a, b) => rank(a) - rank(b));
  let next = 0;
  return changes.flatMap((change) => {
    if (change.wave === null) return [change];
    const moved = ofWaves[next];
    next += 1;
    return moved ? [moved] : [];
  });
};

/**
 * All of one phase comes before the next: every wave is loaded and verified, then waves are cut over one after the other
 * as `needs` says, then traffic moves. Sections stay whole, because a section lies in one phase and one wave.
 */
export const orderChanges = (
  changes: readonly Change[],
  waves: readonly Pick<Wave, 'name' | 'needs'>[],
): readonly Change[] => {
  const order = waveOrder(waves);
  return phaseNames.flatMap((phase) =>
    byWave(
      changes.filter((change) => change.phase === phase),
      order,
    ),
  );
};

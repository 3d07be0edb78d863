/** Plan to change set: the world is read once, the phases say their steps, everything wrong is gathered. */
import { basisOf, makeChangeSet } from '../change/change-set.ts';
import type { ChangeSet } from '../model/change.ts';
import { type Diagnostic, hasErrors } from '../model/diagnostic.ts';
import { Fault } from '../model/fault.ts';
import type { Json } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import { gatherObserved } from '../phases/gather.ts';
import { phases } from '../phases/index.ts';
import { checkTraffic } from '../phases/live-checks.ts';
import type { Observed, WaveObserved } from '../phases/observed.ts';
import { waveProblems } from '../phases/preflight.ts';
import { encodePairs } from '../phases/wave.ts';
import type { World } from './world.ts';

export interface Computed {
  /** Null when something is wrong that no change set could be computed over. */
  readonly changeSet: ChangeSet | null;
  readonly diagnostics: readonly Diagnostic[];
}

const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

/** Parts of the world by the phase up to which they matter: our own effects change them after that. */
export const observedParts = (observed: Observed): Readonly<Record<string, Json>> => ({
  ...Object.fromEntries(
    Object.entries(observed.waves).flatMap(([wave, seen]: [string, WaveObserved]) => [
      [`cdc/${wave}/tables`, asJson(encodePairs(seen.pairs))],
      [`cdc/${wave}/source-schema`, asJson(seen.sourceModel)],
      [`convert-schema/${wave}/target-schema`, asJson(seen.targetModel)],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(observed.traffic).map(([record, sets]) => [`cutover/records/${record}`, asJson(sets)]),
  ),
});

const changesOf = (plan: Plan, observed: Observed | null): ChangeSet =>
  makeChangeSet({
    plan,
    changes: phases.flatMap((phase) => phase.plan({ plan, observed })),
    basis: observed === null ? {} : basisOf(observedParts(observed)),
  });

const attempt = async (check: () => Promise<readonly Diagnostic[]>): Promise<readonly Diagnostic[]> => {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { code, summary, detail, hint } = error;
    return [{ severity: 'error', code, summary, detail, hint, range: null }];
  }
};

/** `world: null` computes offline: steps without what only the databases could tell. */
export const computeChangeSet = async (plan: Plan, world: World | null): Promise<Computed> => {
  if (world === null) return { changeSet: changesOf(plan, null), diagnostics: [] };
  const observed = await gatherObserved(plan, world.ports);
  const diagnostics = [...observed.diagnostics];
  for (const wave of plan.waves) {
    const seen = observed.waves[wave.name];
    if (seen) diagnostics.push(...(await attempt(() => waveProblems(plan, wave, world.ports, seen))));
  }
  // Records that could not even be read are told already, once.
  if (Object.keys(observed.traffic).length === plan.traffic.length)
    diagnostics.push(...(await attempt(() => checkTraffic({ plan, ports: world.ports }))));
  const complete = plan.waves.every((wave) => observed.waves[wave.name] !== undefined);
  if (!complete || (hasErrors(diagnostics) && plan.waves.length === 0)) return { changeSet: null, diagnostics };
  return { changeSet: changesOf(plan, observed), diagnostics };
};

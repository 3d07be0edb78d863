/** One thing that would be done to reach the plan: plain data, computed before, performed exactly, saved in files. */
import type { JsonObject } from './json.ts';
import type { PhaseName } from './phase.ts';

/** read: looks and judges, changes nothing. wait: changes nothing, lasts. */
export type ChangeAction = 'create' | 'change' | 'delete' | 'read' | 'wait';

export interface Change {
  /** Unique in the change set and stable between plans: `cutover/shop/fence`, `traffic/www.octank.com/25/shift`. */
  readonly id: string;
  readonly phase: PhaseName;
  /** Null for what concerns the whole plan. */
  readonly wave: string | null;
  /** Names the step implementation in the registry of phases: `cutover.fence`. */
  readonly kind: string;
  readonly action: ChangeAction;
  /** One line for people. */
  readonly summary: string;
  /** True when data or a resource would be lost or traffic denied if this went wrong or as its purpose. */
  readonly destructive: boolean;
  /** Name of the approval that must be given right before this step, or null. */
  readonly approval: string | null;
  /**
   * Steps of one section stand or fall together: a fault inside unwinds the section's done steps, newest first,
   * and a resume observes all of them again. Null for steps on their own.
   */
  readonly section: string | null;
  /** All that perform needs beyond the plan and the facts of earlier steps; part of the digest. No secrets. */
  readonly inputs: JsonObject;
}

export interface ChangeSet {
  readonly formatVersion: 1;
  readonly plan: { readonly name: string; readonly digest: string };
  readonly changes: readonly Change[];
  /** Digest of what the world looked like for the parts this was computed from: part -> digest. Moving makes it stale. */
  readonly basis: Readonly<Record<string, string>>;
  /** sha256 over plan digest, changes and basis in canonical JSON. */
  readonly digest: string;
}

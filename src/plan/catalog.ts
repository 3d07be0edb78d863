/** What the plan's kinds are made of: handed in by the rooms that own them, so that a new kind needs no edit here. */
import type { z } from 'zod';
import type { EngineKind } from '../model/plan.ts';

/**
 * A kind of gate or repoint. `settings` checks what is written under the kind's name; what it makes of it (defaults, a
 * shorthand written out) is kept in the plan and must be plain JSON that the same schema accepts again.
 */
export interface RepointKind {
  readonly kind: string;
  readonly settings: z.ZodType;
}

export interface GateKind extends RepointKind {
  /** `failWhen` where the plan writes none, such as `>= 1` for an alarm; without it every gate of this kind must write one. */
  readonly failWhen?: string;
}

export interface PlanCatalog {
  readonly engines: readonly EngineKind[];
  readonly gates: readonly GateKind[];
  readonly repoints: readonly RepointKind[];
}

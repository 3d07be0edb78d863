/** What a copy cannot carry as it stands: said by name, because a silent omission is found in production. */
import type { Severity } from '../model/diagnostic.ts';

export interface Finding {
  /** `row-security:shop.customer`; what a plan accepts by name. */
  readonly id: string;
  readonly severity: Severity;
  /** One sentence without user-chosen words. */
  readonly summary: string;
  readonly detail: string;
  readonly hint: string;
  /** false: accepting it would only move the failure into the run. */
  readonly acceptable: boolean;
}

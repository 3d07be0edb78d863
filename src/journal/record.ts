/** The journal's records: intent before every effect, outcome after it, and what was measured on the way. */
import type { ChangeSet } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { FaultEffect } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import type { ParityReport } from '../model/parity.ts';
import type { Verdict } from '../model/verdict.ts';

export interface FaultRecord {
  readonly code: string;
  readonly summary: string;
  readonly detail: string;
  readonly hint: string;
  readonly effect: FaultEffect;
}

export type Writer = 'source' | 'none' | 'target';

export type RunOutcome = 'succeeded' | 'held' | 'rolled-back' | 'failed' | 'interrupted';

export type RecordBody =
  | {
      readonly type: 'header';
      readonly format: 'octank-journal';
      readonly version: 1;
      readonly lineage: string;
      readonly runId: string;
      readonly planFile: string;
      readonly planText: string;
      readonly changeSet: ChangeSet;
      readonly startedBy: string;
      readonly octankVersion: string;
      readonly clockRate: number;
    }
  /** Taken with every lock: occupies the next number, so that a late writer with an older lease collides. */
  | { readonly type: 'lock-taken'; readonly owner: string; readonly command: string }
  | { readonly type: 'step-intended'; readonly stepId: string; readonly attempt: number }
  /** `skipped`: observed done, nothing was performed by this run. */
  | { readonly type: 'step-done'; readonly stepId: string; readonly evidence: JsonObject; readonly skipped: boolean }
  | { readonly type: 'step-failed'; readonly stepId: string; readonly fault: FaultRecord }
  | { readonly type: 'step-unknown'; readonly stepId: string; readonly fault: FaultRecord }
  /** `to`: the step of the section that stays done; absent or null when all of it goes. A way back that was cut short is completed to there. */
  | { readonly type: 'undo-intended'; readonly stepId: string; readonly reason: string; readonly to?: string | null }
  | { readonly type: 'step-undone'; readonly stepId: string }
  | { readonly type: 'undo-failed'; readonly stepId: string; readonly fault: FaultRecord }
  | { readonly type: 'approved'; readonly stepId: string; readonly approval: string; readonly by: string }
  /** State captured inside a step, such as what undo needs; the newest wins. */
  | { readonly type: 'captured'; readonly stepId: string; readonly data: JsonObject }
  | { readonly type: 'verdict'; readonly stepId: string; readonly verdict: Verdict }
  | {
      readonly type: 'weights';
      readonly record: string;
      readonly sourceWeight: number;
      readonly targetWeight: number;
      readonly why: 'observed' | 'moved' | 'moved-back';
    }
  /** Share measured from requests at both ends, percent, on the target. */
  | {
      readonly type: 'share';
      readonly record: string;
      readonly expectedPercent: number;
      readonly measuredPercent: number | null;
      readonly requests: number;
    }
  | { readonly type: 'lag'; readonly wave: string; readonly seconds: number }
  | { readonly type: 'load'; readonly wave: string; readonly rows: number; readonly totalRows: number }
  | { readonly type: 'parity'; readonly wave: string; readonly final: boolean; readonly report: ParityReport }
  | { readonly type: 'writer'; readonly wave: string; readonly writer: Writer }
  | { readonly type: 'point-of-no-return'; readonly wave: string }
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'held'; readonly stepId: string; readonly reason: string; readonly hint: string }
  | { readonly type: 'finished'; readonly outcome: RunOutcome; readonly exitCode: number };

/** What every record carries besides. */
export interface RecordEnvelope {
  /** 1, 2, 3, ... without gaps. */
  readonly number: number;
  /** Wall clock, epoch ms. */
  readonly at: number;
  /** Octank's clock, epoch ms; equal to `at` in production. */
  readonly clockAt: number;
  /** Fencing number of the lease it was written under. */
  readonly fencing: number;
  /** sha256 of the previous record's text; empty for the first. */
  readonly previous: string;
}

export type JournalRecord = RecordEnvelope & RecordBody;

/** The core never prints or prompts: it sends typed messages to a host and may ask it one thing at a time. */
import type { Change } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { JsonObject } from '../model/json.ts';
import type { Verdict } from '../model/verdict.ts';

export interface Progress {
  readonly stepId: string;
  /** One line for people, without the step's name. */
  readonly text: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
  readonly ratePerSecond?: number;
  readonly secondsLeft?: number;
  readonly lagSeconds?: number;
}

export type HostMessage =
  | {
      readonly type: 'run-started';
      readonly runId: string;
      readonly plan: string;
      readonly resumed: boolean;
      readonly clockRate: number;
      readonly endpoints: Readonly<Record<string, string>>;
      readonly changes: readonly Change[];
      /** Ids of those that an earlier process has done; absent: none. */
      readonly done?: readonly string[];
    }
  | { readonly type: 'step-started'; readonly change: Change }
  | { readonly type: 'step-progress'; readonly progress: Progress }
  | {
      readonly type: 'step-done';
      readonly change: Change;
      readonly seconds: number;
      readonly skipped: boolean;
      readonly evidence: JsonObject;
    }
  | {
      readonly type: 'step-failed';
      readonly change: Change;
      readonly code: string;
      readonly summary: string;
      readonly detail: string;
      readonly hint: string;
    }
  | { readonly type: 'step-undone'; readonly change: Change }
  | { readonly type: 'verdict'; readonly stepId: string; readonly verdict: Verdict }
  | { readonly type: 'approved'; readonly stepId: string; readonly approval: string; readonly by: string }
  | { readonly type: 'held'; readonly stepId: string; readonly reason: string; readonly hint: string }
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly type: 'note'; readonly text: string };

export interface Question {
  readonly approval: string;
  readonly stepId: string;
  readonly title: string;
  /** What will happen, and what a rollback would cost before and after. */
  readonly lines: readonly string[];
}

export interface Host {
  notify(message: HostMessage): void;
  /** undefined: nobody is there to answer (no terminal); the run then ends with exit 6. */
  approve(question: Question): Promise<{ readonly approved: boolean; readonly by: string } | undefined>;
}

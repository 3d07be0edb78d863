/** A problem in what the user wrote, or a finding about what was observed; gathered and shown all at once. */
export type Severity = 'error' | 'warning' | 'info';

/** 1-based line and column, end exclusive; offsets are not kept because editors count lines. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface Diagnostic {
  readonly severity: Severity;
  /** Stable, dotted: `plan.unknown-key`, `lint.weight-zero-trap`, `preflight.unnamed-writer`. */
  readonly code: string;
  /** One sentence without user-chosen words, so that it can be grouped. */
  readonly summary: string;
  readonly detail: string;
  /** What to write or type instead; empty when there is nothing to say. */
  readonly hint: string;
  readonly range: SourceRange | null;
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some((d) => d.severity === 'error');

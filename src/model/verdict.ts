/** The answer of a gate, with the evidence it was reached on. Missing evidence is never success. */
export type VerdictReason =
  | 'within-limit'
  | 'over-limit'
  | 'noData'
  | 'insufficientSamples'
  | 'stale'
  | 'provider-error';

export interface Verdict {
  readonly gate: string;
  readonly result: 'success' | 'failure' | 'inconclusive' | 'error';
  readonly reason: VerdictReason;
  /** Sentence for people: values against limits. */
  readonly detail: string;
  /** Closed datapoints that were judged, oldest first; `at` is epoch ms on octank's clock. */
  readonly datapoints: readonly { readonly at: number; readonly value: number; readonly breached: boolean }[];
  readonly judgedAt: number;
}

/** failure outranks everything: it is evidence; error and inconclusive hold. */
export const worstVerdict = (verdicts: readonly Verdict[]): Verdict | undefined => {
  const rank = { failure: 3, error: 2, inconclusive: 1, success: 0 } as const;
  return verdicts.reduce<Verdict | undefined>(
    (worst, v) => (worst === undefined || rank[v.result] > rank[worst.result] ? v : worst),
    undefined,
  );
};

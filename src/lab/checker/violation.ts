/** What must always hold and did not: DESIGN section 1, as the checker names it. */
export type ViolationCode =
  | 'two-writers'
  | 'two-writers-in-diary'
  | 'weights-zero'
  | 'weights-undefined'
  | 'weights-ttl'
  | 'name-without-address'
  | 'journal-chain'
  | 'journal-writer'
  | 'journal-weights'
  | 'not-watched'
  | 'write-lost'
  | 'write-doubled'
  | 'refused-write-present'
  | 'write-unknown'
  | 'sequence-behind'
  | 'rows-differ';

export interface Violation {
  readonly code: ViolationCode;
  readonly detail: string;
  /** Wall ms. */
  readonly at: number;
}

export type Report = (code: ViolationCode, detail: string) => void;

/** One cause seen at every poll is one violation, counted; a broken invariant must not drown the others. */
export const createViolations = (): { readonly report: Report; readonly list: () => readonly Violation[] } => {
  const first = new Map<string, Violation>();
  const perCode = new Map<ViolationCode, number>();
  const maxPerCode = 20;
  return {
    report: (code, detail) => {
      const key = `${code} ${detail}`;
      const count = perCode.get(code) ?? 0;
      if (first.has(key) || count >= maxPerCode) return;
      perCode.set(code, count + 1);
      first.set(key, { code, detail, at: Date.now() });
    },
    list: () => [...first.values()],
  };
};

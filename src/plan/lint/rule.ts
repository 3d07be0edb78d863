/** What a rule of the linter is: a look at the whole plan that answers with findings. */
import type { Severity } from '../../model/diagnostic.ts';
import type { Plan } from '../../model/plan.ts';
import type { Path } from '../yaml-source.ts';

export interface Finding {
  readonly severity: Severity;
  /** Where in the plan file, by its own keys. */
  readonly path: Path;
  readonly summary: string;
  readonly detail: string;
  readonly hint: string;
}

export interface Rule {
  /** The diagnostic's code is `lint.` and this. */
  readonly name: string;
  readonly check: (plan: Plan) => readonly Finding[];
}

type Said = Omit<Finding, 'severity'>;
export const errorAt = (path: Path, said: Omit<Said, 'path'>): Finding => ({ severity: 'error', path, ...said });
export const warningAt = (path: Path, said: Omit<Said, 'path'>): Finding => ({ severity: 'warning', path, ...said });
export const infoAt = (path: Path, said: Omit<Said, 'path'>): Finding => ({ severity: 'info', path, ...said });

/** Each pair of different items once, with their indexes. */
export const pairsOf = <T>(items: readonly T[]): readonly { a: T; b: T; i: number; j: number }[] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b, offset) => ({ a, b, i, j: i + 1 + offset })));

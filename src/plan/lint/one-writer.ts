/** The one-writer rule: no plan is accepted under which two databases could take application writes for the same tables. */
import type { Plan, Wave } from '../../model/plan.ts';
import { covers, meet } from '../globs.ts';
import { errorAt, type Finding, pairsOf, type Rule } from './rule.ts';

interface Tables {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/**
 * Patterns of `a` and `b` that may name one table. An exclude helps only where it covers a whole pattern of the other
 * side; whether two patterns meet only inside an exclude is not worked out, so that doubt refuses.
 */
const shared = (a: Tables, b: Tables): string | undefined => {
  const kept = (own: Tables, other: Tables): readonly string[] =>
    own.include.filter((pattern) => ![...own.exclude, ...other.exclude].some((exclude) => covers(exclude, pattern)));
  const right = kept(b, a);
  for (const left of kept(a, b)) {
    const met = right.find((pattern) => meet(left, pattern));
    if (met !== undefined) return left === met ? left : `${left} and ${met}`;
  }
  return undefined;
};

/** The wave's tables by their names on the target; a renamed table is excluded under its old name only where it is named exactly. */
const onTarget = ({ tables }: Wave): Tables => ({
  include: [
    ...tables.include.filter((pattern) => tables.rename[pattern] === undefined),
    ...Object.values(tables.rename),
  ],
  exclude: tables.exclude,
});

const meetings = (plan: Plan): readonly Finding[] =>
  pairsOf(plan.waves).flatMap(({ a, b, j }) => {
    const found = (where: string, tables: string | undefined, hint: string): readonly Finding[] =>
      tables === undefined
        ? []
        : [
            errorAt(['waves', j, 'tables', 'include'], {
              summary: 'Two waves move the same tables.',
              detail: `${a.name} and ${b.name} meet in ${tables} of ${where}.`,
              hint,
            }),
          ];
    const apart =
      'Name tables so that the waves cannot meet: write them out, or exclude from one what the other includes.';
    return [
      ...(a.source === b.source ? found(a.source, shared(a.tables, b.tables), apart) : []),
      ...(a.target === b.target && a.source !== b.source
        ? found(a.target, shared(onTarget(a), onTarget(b)), apart)
        : []),
      ...(a.target === b.source
        ? found(
            a.target,
            shared(onTarget(a), b.tables),
            'Move them in one wave to where they should end, or in a second plan afterwards.',
          )
        : []),
      ...(b.target === a.source
        ? found(
            b.target,
            shared(onTarget(b), a.tables),
            'Move them in one wave to where they should end, or in a second plan afterwards.',
          )
        : []),
    ];
  });

/** Changes that flow in a circle between databases would be applied to where they came from. */
const circles = (plan: Plan): readonly Finding[] => {
  const next = new Map<string, readonly string[]>();
  for (const wave of plan.waves) next.set(wave.source, [...(next.get(wave.source) ?? []), wave.target]);
  const reaches = (from: string, to: string, seen: Set<string>): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return (next.get(from) ?? []).some((step) => reaches(step, to, seen));
  };
  return plan.waves.flatMap((wave, index) =>
    wave.source !== wave.target && reaches(wave.target, wave.source, new Set())
      ? [
          errorAt(['waves', index, 'target'], {
            summary: 'Waves move data in a circle.',
            detail: `${wave.name} moves from ${wave.source} to ${wave.target}, and other waves lead from there back to ${wave.source}.`,
            hint: 'Keep one direction per plan; move the other way in a second plan, after this one is finalized.',
          }),
        ]
      : [],
  );
};

/** Waves that are certainly cut over once those named are: themselves and what they need. */
export const closure = (plan: Plan, names: readonly string[]): ReadonlySet<string> => {
  const seen = new Set<string>();
  const add = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const need of plan.waves.find((wave) => wave.name === name)?.needs ?? []) add(need);
  };
  for (const name of names) add(name);
  return seen;
};

const earlyRecords = (plan: Plan): readonly Finding[] =>
  plan.traffic.flatMap((entry, index) => {
    const satisfied = closure(plan, entry.after);
    const early = (entry.target.writes ?? plan.waves.map((wave) => wave.name)).filter((wave) => !satisfied.has(wave));
    return early.length === 0
      ? []
      : [
          errorAt(['traffic', index, 'after'], {
            summary: 'Traffic would reach a stack before the tables it writes have moved.',
            detail: `${entry.record.name}.${entry.record.zone} may send requests to ${entry.target.id} while ${early.join(', ')} ${early.length === 1 ? 'is' : 'are'} still written at the source.`,
            hint: `Write after: [${[...entry.after, ...early].join(', ')}]. If ${entry.target.id} does not write ${early.join(', ')}, say so: target.writes: [names of the waves it writes].`,
          }),
        ];
  });

export const oneWriterRules: readonly Rule[] = [
  { name: 'one-writer', check: (plan) => [...meetings(plan), ...earlyRecords(plan)] },
  { name: 'circle', check: circles },
];

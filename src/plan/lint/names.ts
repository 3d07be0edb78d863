/** Rules about names: each means one thing, and each reference leads somewhere. */
import type { Plan } from '../../model/plan.ts';
import { covers } from '../globs.ts';
import { nearestHint } from '../nearest.ts';
import type { Path } from '../yaml-source.ts';
import { errorAt, type Finding, pairsOf, type Rule } from './rule.ts';

const twice = (room: 'waves' | 'gates', items: readonly { readonly name: string }[]): readonly Finding[] =>
  items.flatMap((item, index) =>
    items.findIndex((other) => other.name === item.name) < index
      ? [
          errorAt([room, index, 'name'], {
            summary: 'A name is given twice.',
            detail: `${item.name} is the name of more than one of ${room}.`,
            hint: 'Rename one of them.',
          }),
        ]
      : [],
  );

/** AWS allows 60 characters; `octank-PLAN-WAVE-forward-source` is the longest name made, and a cut name may be two things' name. */
const longestTogether = 60 - 'octank--'.length - '-forward-source'.length;

const longNames = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) =>
    plan.name.length + wave.name.length <= longestTogether
      ? []
      : [
          errorAt(['waves', index, 'name'], {
            summary: 'The names of plan and wave are too long together.',
            detail: `${plan.name} and ${wave.name} have ${plan.name.length + wave.name.length} characters; AWS leaves room for ${longestTogether}.`,
            hint: 'Shorten one of them.',
          }),
        ],
  );

interface Reference {
  readonly path: Path;
  readonly word: string;
  readonly known: readonly string[];
  readonly what: string;
}

const references = (plan: Plan): readonly Reference[] => {
  const waves = { known: plan.waves.map((wave) => wave.name), what: 'wave' };
  const gates = { known: plan.gates.map((gate) => gate.name), what: 'gate' };
  const databases = { known: Object.keys(plan.databases), what: 'database' };
  const each = (words: readonly string[], path: Path, to: { known: readonly string[]; what: string }): Reference[] =>
    words.map((word, index) => ({ path: [...path, index], word, ...to }));
  return [
    ...plan.waves.flatMap((wave, index) => [
      { path: ['waves', index, 'source'], word: wave.source, ...databases },
      { path: ['waves', index, 'target'], word: wave.target, ...databases },
      ...each(wave.needs, ['waves', index, 'needs'], waves),
      ...each(wave.cutover.gates, ['waves', index, 'cutover', 'gates'], gates),
    ]),
    ...plan.traffic.flatMap((entry, index) => [
      ...each(entry.after, ['traffic', index, 'after'], waves),
      ...each(entry.target.writes ?? [], ['traffic', index, 'target', 'writes'], waves),
      ...each(entry.gates, ['traffic', index, 'gates'], gates),
    ]),
  ];
};

const unknownNames = (plan: Plan): readonly Finding[] =>
  references(plan)
    .filter(({ word, known }) => !known.includes(word))
    .map(({ path, word, known, what }) =>
      errorAt(path, {
        summary: `A ${what} is named that the plan lacks.`,
        detail: word,
        hint: known.length > 0 ? nearestHint(word, known) : `The plan has no ${what}: write it, or leave the name out.`,
      }),
    );

/** Members of `needs` from which a wave can be reached again. */
const needCycles = (plan: Plan): readonly Finding[] => {
  const needs = new Map(plan.waves.map((wave) => [wave.name, wave.needs]));
  const reaches = (from: string, to: string, seen: Set<string>): boolean =>
    (needs.get(from) ?? []).some((next) => {
      if (next === to) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, to, seen);
    });
  return plan.waves.flatMap((wave, index) =>
    reaches(wave.name, wave.name, new Set())
      ? [
          errorAt(['waves', index, 'needs'], {
            summary: 'A wave waits for itself.',
            detail: `${wave.name} needs ${wave.needs.join(', ')}, which in the end need ${wave.name}.`,
            hint: 'Remove one of these needs, or make one wave of the waves that cannot be ordered.',
          }),
        ]
      : [],
  );
};

const renames = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) => {
    const { include, rename } = wave.tables;
    const entries = Object.entries(rename);
    const path = (from: string): Path => ['waves', index, 'tables', 'rename', from];
    const isWild = (text: string): boolean => /[*?]/.test(text);
    return entries.flatMap(([from, to], at): readonly Finding[] => {
      if (isWild(from) || isWild(to))
        return [
          errorAt(path(from), {
            summary: 'A rename has a wildcard.',
            detail: `${from}: ${to}`,
            hint: 'Rename table by table, each as schema.table: schema.table.',
          }),
        ];
      if (!include.some((pattern) => covers(pattern, from)))
        return [
          errorAt(path(from), {
            summary: 'A table is renamed that the wave does not move.',
            detail: `${from} is in no include pattern of ${wave.name}.`,
            hint: `Add ${from} to tables.include, or remove the rename.`,
          }),
        ];
      const taken =
        entries.findIndex(([, other]) => other === to) < at || (include.includes(to) && rename[to] === undefined);
      return taken
        ? [
            errorAt(path(from), {
              summary: 'Two tables would have one name on the target.',
              detail: `${to} is the target of more than one table of ${wave.name}.`,
              hint: 'Rename them to different names.',
            }),
          ]
        : [];
    });
  });

const databases = (plan: Plan): readonly Finding[] =>
  plan.waves.flatMap((wave, index) => {
    const source = plan.databases[wave.source];
    const target = plan.databases[wave.target];
    const isOne = wave.source === wave.target || (source && target && same(source.connection, target.connection));
    return isOne
      ? [
          errorAt(['waves', index, 'target'], {
            summary: 'Source and target are one database.',
            detail: `${wave.source} and ${wave.target}.`,
            hint: 'Name another database, or another secret for it.',
          }),
        ]
      : [];
  });

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const replicationSecrets = (plan: Plan): readonly Finding[] => {
  const moved = new Set(plan.waves.flatMap((wave) => [wave.source, wave.target]));
  return Object.values(plan.databases)
    .filter((database) => moved.has(database.name) && database.replicationConnection.kind !== 'secretsManager')
    .map((database) =>
      errorAt(['databases', database.name, 'replicationConnection'], {
        summary: 'DMS reads its connections from Secrets Manager only.',
        detail: `${database.name} has a ${database.replicationConnection.kind} reference.`,
        hint: 'Write replicationConnection: { secretsManager: name }.',
      }),
    );
};

/** One database under two names hides that two waves meet in it. */
const aliasedDatabases = (plan: Plan): readonly Finding[] =>
  pairsOf(Object.values(plan.databases))
    .filter(({ a, b }) => same(a.connection, b.connection))
    .map(({ a, b }) =>
      errorAt(['databases', b.name, 'connection'], {
        summary: 'Two databases of the plan are one.',
        detail: `${a.name} and ${b.name} have the same connection.`,
        hint: `Use ${a.name} in both places.`,
      }),
    );

export const nameRules: readonly Rule[] = [
  { name: 'name-twice', check: (plan) => [...twice('waves', plan.waves), ...twice('gates', plan.gates)] },
  { name: 'name-too-long', check: longNames },
  { name: 'unknown-name', check: unknownNames },
  { name: 'wave-cycle', check: needCycles },
  { name: 'rename', check: renames },
  { name: 'same-database', check: databases },
  { name: 'database-twice', check: aliasedDatabases },
  { name: 'replication-secret', check: replicationSecrets },
];

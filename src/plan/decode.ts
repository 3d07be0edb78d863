/** Plan text to Plan: every problem at once, each with its place. */

import type { z } from 'zod';
import { digestOf } from '../model/canonical.ts';
import { type Diagnostic, hasErrors, type SourceRange } from '../model/diagnostic.ts';
import type { Plan } from '../model/plan.ts';
import type { PlanCatalog } from './catalog.ts';
import { findInlineSecrets } from './inline-secrets.ts';
import { fromIssue, pathText } from './issues.ts';
import { lintPlan } from './lint/index.ts';
import { setAside } from './not-built.ts';
import { planShape } from './shape/plan.ts';
import { type Path, readYaml, type YamlSource } from './yaml-source.ts';

export interface DecodeOptions {
  /** As given on the command line: what diagnostics and hints show. */
  readonly file: string;
  readonly catalog: PlanCatalog;
}

export interface DecodedPlan {
  /** Null when anything in it is an error: nothing is planned from half-understood text. */
  readonly plan: Plan | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** A schema compiles itself when first used, and a process decodes with one catalog: kept, it costs that once. */
const shapes = new WeakMap<PlanCatalog, ReturnType<typeof planShape>>();
const shapeFor = (catalog: PlanCatalog): ReturnType<typeof planShape> => {
  const shape = shapes.get(catalog) ?? planShape(catalog);
  shapes.set(catalog, shape);
  return shape;
};

const emptyFile = (range: SourceRange): Diagnostic => ({
  severity: 'error',
  code: 'plan.empty',
  summary: 'The plan file is empty.',
  detail: 'It holds no value.',
  hint: 'Begin with a copy of plans/minimal.yaml, the smallest example.',
  range,
});

const digestOfPlan = (plan: Omit<Plan, 'file' | 'digest'>): string => {
  const withoutRange = <T extends { readonly range: unknown }>({ range: _, ...rest }: T): Omit<T, 'range'> => rest;
  return digestOf({
    ...plan,
    waves: plan.waves.map(withoutRange),
    traffic: plan.traffic.map(withoutRange),
    gates: plan.gates.map(withoutRange),
  });
};

const withPlaces = (
  decoded: Omit<Plan, 'file' | 'digest'>,
  at: YamlSource['at'],
): Pick<Plan, 'waves' | 'traffic' | 'gates'> => ({
  waves: decoded.waves.map((wave, index) => ({ ...wave, range: at(['waves', index, 'name']) })),
  traffic: decoded.traffic.map((entry, index) => ({ ...entry, range: at(['traffic', index, 'record']) })),
  gates: decoded.gates.map((gate, index) => ({ ...gate, range: at(['gates', index, 'name']) })),
});

const inOrder = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
  [...diagnostics].sort(
    (a, b) => (a.range?.line ?? 0) - (b.range?.line ?? 0) || (a.range?.column ?? 0) - (b.range?.column ?? 0),
  );

/** A mistyped key also leaves what it meant unsaid: one complaint about an entry's keys is enough. */
const withoutEchoes = (issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] => {
  const mistyped = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => pathText(path)));
  return issues.filter(({ code, path }) => code !== 'custom' || !mistyped.has(pathText(path)));
};

const decodeSource = (
  text: string,
  { file, catalog }: DecodeOptions,
): DecodedPlan & { readonly at: YamlSource['at'] } => {
  const source = readYaml(text, file);
  const found = [...source.diagnostics, ...findInlineSecrets(text, source)];
  const done = (plan: Plan | null, more: readonly Diagnostic[] = []) => {
    const diagnostics = inOrder([...found, ...more]);
    return { plan: hasErrors(diagnostics) ? null : plan, diagnostics, at: source.at };
  };
  if (source.value === undefined) return done(null);
  if (source.value === null) return done(null, [emptyFile(source.rangeOf(0, 1))]);
  const { rest, notBuilt } = setAside(source.value);
  found.push(
    ...notBuilt.map(
      ({ path, instead }): Diagnostic => ({
        severity: 'error',
        code: 'plan.not-built-yet',
        summary: 'This octank understands a word of the plan but does not perform it yet.',
        detail: pathText(path),
        hint: instead,
        range: source.keyAt(path),
      }),
    ),
  );
  const schema = shapeFor(catalog);
  const result = schema.safeParse(rest);
  if (!result.success)
    return done(
      null,
      withoutEchoes(result.error.issues).flatMap((issue) => fromIssue(issue, { schema, source, value: rest, catalog })),
    );
  return done({
    ...result.data,
    ...withPlaces(result.data, source.at),
    file,
    digest: digestOfPlan(result.data),
  });
};

/** Text to Plan. Never throws: whatever is wrong with the text is a diagnostic. */
export const decodePlan = (text: string, options: DecodeOptions): DecodedPlan => {
  const { plan, diagnostics } = decodeSource(text, options);
  return { plan, diagnostics };
};

/** Decodes and lints. What the linter finds has places as exact as the text gives. */
export const readPlan = (text: string, options: DecodeOptions): DecodedPlan => {
  const { plan, diagnostics, at } = decodeSource(text, options);
  if (plan === null) return { plan, diagnostics };
  const all = inOrder([...diagnostics, ...lintPlan(plan, (path: Path) => at(path))]);
  return { plan: hasErrors(all) ? null : plan, diagnostics: all };
};

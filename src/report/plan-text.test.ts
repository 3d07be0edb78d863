import { describe, expect, it } from 'vitest';
import type { Change } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { renderDiagnostics } from './diagnostics.ts';
import { planJson } from './json-types.ts';
import { hasChanges, type PlanView, planToJson, renderPlanMarkdown, renderPlanText } from './plan-text.ts';
import { change, sampleChanges } from './testing/sample-run.ts';

const diagnostic = (severity: Diagnostic['severity'], line: number, detail = 'Detail.'): Diagnostic => ({
  severity,
  code: `lint.${severity}`,
  summary: 'Summary.',
  detail,
  hint: 'Write this.',
  range: { file: 'shop.yaml', line, column: 3, endLine: line, endColumn: 9 },
});

const view = (changes: readonly Change[], extra: Partial<PlanView> = {}): PlanView => ({
  plan: { name: 'octank-shop', digest: 'ab'.repeat(32) },
  changeSet: {
    formatVersion: 1,
    plan: { name: 'octank-shop', digest: 'ab'.repeat(32) },
    changes,
    basis: {},
    digest: 'cd'.repeat(32),
  },
  diagnostics: [],
  done: new Set(),
  ...extra,
});

describe('a plan as text', () => {
  const text = renderPlanText(view(sampleChanges));

  it('marks what is destructive and what needs an approval, right beside its name', () => {
    expect(text).toMatch(/~ shop\/fence {2}\[destructive\]/);
    expect(text).toMatch(/\? shop\/recheck {2}\[approval: cutover\]/);
    expect(text).toContain('3 destructive steps, 2 approvals');
  });

  it('shows every step of the change set, in its order', () => {
    const lines = text.split('\n');
    const places = sampleChanges.map(({ id, phase }) =>
      lines.findIndex(
        (line, index) => line.slice(4).split('  ')[0] === id.slice(phase.length + 1) && index > lines.indexOf(phase),
      ),
    );
    expect(places.every((place) => place > 0)).toBe(true);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
  });

  it('names the digest that will be executed', () => expect(text).toContain('cd'.repeat(32)));

  it('stays within the width', () => {
    const narrow = renderPlanText(view([change('cdc/shop/x', 'word '.repeat(60))]), { width: 60 });
    const summaries = narrow.split('\n').filter((line) => line.includes('word'));
    expect(summaries.length).toBeGreaterThan(4);
    expect(Math.max(...summaries.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('has no changes when only checks and waits are left', () => {
    const check = change('preflight/shop/checks', 'x', { action: 'read' });
    const fence = change('cutover/shop/fence', 'x');
    expect(hasChanges(view([check]))).toBe(false);
    expect(hasChanges(view([check, fence]))).toBe(true);
    expect(hasChanges(view([check, fence], { done: new Set([fence.id]) }))).toBe(false);
    expect(hasChanges(view([], { changeSet: null }))).toBe(false);
  });
});

describe('a plan as Markdown', () => {
  it('keeps its columns whatever a summary contains', () => {
    const hostile = renderPlanMarkdown(view([change('cdc/shop/a|b', 'one | two\nthree <b>`x`')]));
    const row = hostile.split('\n').find((line) => line.includes('cdc/shop'));
    expect(row?.match(/(?<!\\)\|/g)).toHaveLength(5);
    expect(row).not.toContain('<b>');
  });
});

describe('a plan as JSON', () => {
  it.each([
    ['a valid plan', view(sampleChanges, { diagnostics: [diagnostic('warning', 4)] })],
    ['a plan that is not valid', view([], { changeSet: null, diagnostics: [diagnostic('error', 4)] })],
  ])('of %s is what its schema promises', (_, given) => {
    const json = planToJson(given);
    expect(planJson.strict().parse(json)).toEqual(json);
  });

  it('carries no inputs: they are not for scripts', () => {
    const secretive = view([change('cdc/shop/x', 'x', { inputs: { anything: 'INPUT' } })]);
    expect(JSON.stringify(planToJson(secretive))).not.toContain('INPUT');
  });
});

describe('diagnostics', () => {
  it('come errors first, then by place, with where, what and what instead', () => {
    const text = renderDiagnostics([diagnostic('warning', 1), diagnostic('error', 9), diagnostic('error', 2)]);
    const places = [...text.matchAll(/shop\.yaml:(\d+):3/g)].map((match) => match[1]);
    expect(places).toEqual(['2', '9', '1']);
    expect(text).toContain('-> Write this.');
    expect(text).toContain('2 errors, 1 warning');
  });

  it('stay indented over several lines', () => {
    expect(renderDiagnostics([diagnostic('error', 1, 'one\ntwo')])).toContain('    one\n    two');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderMarkdown } from './markdown.ts';
import { cell, code, codeCell } from './markdown-text.ts';
import { abortedCutover, failedRun, heldRun, inputOf, measured, untilCutover, wholeRun } from './testing/sample-run.ts';

const anything = fc.string({ unit: 'binary' });

describe('text in Markdown', () => {
  it('stays in its cell: no bar, no line end, no markup of its own', () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(cell(text)).not.toMatch(/[\r\n\u2028\u2029<>]/);
        expect(cell(text).replaceAll(/\\./g, '')).not.toMatch(/[|`*_[\]]/);
        expect(codeCell(text).replaceAll('\\|', '')).not.toMatch(/[|\r\n]/);
      }),
    );
  });

  it('in code cannot end the code', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ') }), (text) => {
        const fence = /^`+/.exec(code(text))?.[0] ?? '';
        const inside = code(text).slice(fence.length, -fence.length);
        expect(inside.match(/`+/g)?.some((run) => run.length === fence.length) ?? false).toBe(false);
      }),
    );
  });

  it('of letters and digits reads as it is', () =>
    expect([cell('a b 1'), code('a b 1')]).toEqual(['a b 1', '`a b 1`']));
});

describe('a report as Markdown', () => {
  it.each([
    ['a whole run', wholeRun],
    ['a failed gate', failedRun],
    ['an aborted cutover', abortedCutover],
    ['a held run', heldRun],
    ['a run killed at once', untilCutover.slice(0, 1)],
  ])('of %s has whole tables', (_, timed) => {
    const lines = renderMarkdown(inputOf(timed, { measured })).split('\n');
    const bars = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    lines.forEach((line, index) => {
      const before = lines[index - 1] ?? '';
      if (line.startsWith('|') && before.startsWith('|')) expect(bars(line)).toBe(bars(before));
    });
    expect(lines.join('\n')).not.toMatch(/NaN|undefined|\[object/);
  });

  it('says how it ended, what going back costs and which journal it is', () => {
    const input = inputOf(failedRun);
    const text = renderMarkdown(input);
    expect(text).toMatch(/^# Migration of octank-shop: rolled-back/);
    expect(text).toContain('## Going back now costs');
    expect(text).toContain(input.state.head);
    expect(text).toContain('(moved back)');
  });

  it('names the rows that differ', () => {
    expect(renderMarkdown(inputOf(abortedCutover))).toContain('shop.customer `id=4711` missing');
  });

  it('shows standing faults even without the records', () => {
    expect(renderMarkdown(inputOf(abortedCutover, { records: undefined }))).toContain('parity.different');
  });
});

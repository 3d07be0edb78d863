import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportInput } from '../report-input.ts';
import {
  abortedCutover,
  cutover,
  failedRun,
  heldRun,
  inputOf,
  measured,
  type Timed,
  untilCutover,
  wholeRun,
} from '../testing/sample-run.ts';
import { renderHtml } from './index.ts';
import { html } from './markup.ts';

const runs: readonly (readonly [string, readonly Timed[]])[] = [
  ['a whole run', wholeRun],
  ['a failed gate', failedRun],
  ['an aborted cutover', abortedCutover],
  ['a held run', heldRun],
  ['a run killed inside the fence', [...untilCutover, ...cutover.slice(0, 3)]],
  ['a run killed at once', untilCutover.slice(0, 1)],
];

/** Fields that hold words of users, databases or other systems; all others are this program's own. */
const foreign =
  /^(summary|detail|hint|text|reason|by|owner|command|name|gate|planText|planFile|planName|startedBy|runId|lineage|octankVersion|approval|code|source|target|record|id|email|born|notes)$/;

const rewritten = (value: unknown, word: string, key = ''): unknown => {
  if (typeof value === 'string') return foreign.test(key) && value !== '' ? word : value;
  if (Array.isArray(value)) return value.map((member) => rewritten(member, word, key));
  if (typeof value !== 'object' || value === null) return value;
  // Names of waves and of key columns are keys.
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      key === 'parity' || key === 'key' ? `${word}${name}` : name,
      rewritten(member, word, name),
    ]),
  );
};

const withWord = (input: ReportInput, word: string): ReportInput => {
  const copy = rewritten({ ...input, state: { ...input.state, steps: [], changeSet: null } }, word) as ReportInput;
  const steps = input.state.steps.map((step) => ({
    ...step,
    evidence: { [word]: word },
    change: { ...step.change, summary: word },
  }));
  return { ...copy, state: { ...copy.state, steps, changeSet: input.state.changeSet } };
};

/** The document's elements and the names of their attributes, without any value. */
const skeleton = (text: string): string =>
  (text.match(/<[^>]*>/g) ?? []).map((tag) => tag.replaceAll(/="[^"]*"/g, '')).join('');

const elapsedText = (text: string): string => text.replaceAll(/<[^>]+>/g, ' ');

describe('escaping', () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('<', '>', '"', "'", '&', '</script>', '-->', '<!--', '</style>', '="', '`', '${'),
      ),
    )
    .map((parts) => `x${parts.join('')}`);

  it.each([['a whole run', wholeRun] as const, ['an aborted cutover', abortedCutover] as const])(
    'no text of others changes the document of %s',
    (_, timed) => {
      const input = inputOf(timed, { measured });
      const benign = skeleton(renderHtml(withWord(input, 'x')));
      fc.assert(
        fc.property(hostile, (word) => {
          expect(skeleton(renderHtml(withWord(input, word)))).toBe(benign);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('holds in text and in attributes, for lists and for numbers', () => {
    expect(html`<p title="${'"><b>'}">${['<', 1, null, false, html`<i>${'&'}</i>`]}</p>`.text).toBe(
      '<p title="&quot;&gt;&lt;b&gt;">&lt;1<i>&amp;</i></p>',
    );
  });

  it('takes no plain object for markup, though it looks like it', () => {
    const forged = { text: '<script>' } as unknown as string;
    expect(html`${forged}`.text).not.toContain('<script>');
  });
});

describe.each(runs)('the document of %s', (_, timed) => {
  const text = renderHtml(inputOf(timed));

  it('fetches nothing and runs nothing', () => {
    expect(text).not.toMatch(/\b(?:src|href|xlink:href|srcset|action)\s*=/i);
    expect(text).not.toMatch(/<script|<link|<iframe|<object|<img|@import|url\(/i);
    expect(text).toContain('default-src &#39;none&#39;');
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    const single = /^(meta|br|!doctype)$/;
    for (const [, close, name, self] of text.matchAll(/<(\/?)([a-z!0-9]+)[^>]*?(\/?)>/g)) {
      if (close) expect(open.pop()).toBe(name);
      else if (!self && !single.test(name ?? '')) open.push(name ?? '');
    }
    expect(open).toEqual([]);
  });

  it('has numbers in all its places', () => expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/));

  it("names the journal's head and the rate of the clock", () => {
    const { state } = inputOf(timed);
    expect(text).toContain(state.head);
    expect(text).toContain('120 times as fast');
  });

  it('is the same for the same journal', () => expect(renderHtml(inputOf(timed))).toBe(text));
});

describe('what the report says', () => {
  const shown = (timed: readonly Timed[], extra: Partial<ReportInput> = {}) =>
    elapsedText(renderHtml(inputOf(timed, extra)));

  it('is "not measured" where nothing was measured, never a zero', () => {
    const text = shown(untilCutover.slice(0, 2));
    for (const what of ['Rows loaded', 'Lag', 'Rows on both sides']) expect(text).toContain(`${what}: not measured.`);
    expect(shown(wholeRun)).toMatch(/Writes lost, duplicated\s+not measured/);
    expect(shown(wholeRun, { measured })).toMatch(/Writes lost\s+0/);
  });

  it('marks the fence, the point of no return and each resume', () => {
    const text = shown(wholeRun);
    expect(text).toContain('point of no return');
    expect(text).toContain('resumed');
    expect(text).toContain('writes refused for 1.6 s, until the target was open');
    expect(shown(abortedCutover)).toContain('until the fence was lifted');
    expect(shown([...untilCutover, ...cutover.slice(0, 3)])).toContain('has not been seen lifted');
  });

  it('shows rows that differ with both values, and NULL apart from the text NULL', () => {
    const text = renderHtml(inputOf(abortedCutover));
    expect(text).toContain('<code>id = 4712</code>');
    expect(text).toMatch(/<i>NULL<\/i><\/td><td><code>1815-12-10/);
  });

  it('tells a fault once, with the command to type next', () => {
    const text = shown(failedRun);
    expect(text.match(/Mend the cause/g)).toHaveLength(1);
    expect(text).not.toContain('mended by a later attempt');
  });

  it('still shows a fault that a later attempt mended', () => {
    const again: readonly Timed[] = [
      ...abortedCutover,
      [40, { type: 'step-intended', stepId: 'cutover/shop/parity', attempt: 2 }],
      [41, { type: 'step-done', stepId: 'cutover/shop/parity', evidence: {}, skipped: false }],
    ];
    expect(shown(again)).toContain('mended by a later attempt');
    expect(shown(again, { records: undefined })).not.toContain('mended by a later attempt');
  });

  it('is not green when a promise was broken', () => {
    const violations = [{ code: 'two-writers', detail: 'both took a write', at: '2026-11-24T17:00:30Z' }];
    const text = renderHtml(inputOf(wholeRun, { measured: { ...measured, violations } }));
    expect(text).toMatch(/<h1>octank-shop <span class="badge tone-bad">/);
    expect(elapsedText(text)).toContain('both took a write');
  });

  it("draws a gate's datapoints against its limit only where the limit is known", () => {
    expect(renderHtml(inputOf(wholeRun))).toContain('class="limit"');
    expect(renderHtml(inputOf(wholeRun, { gates: undefined }))).not.toContain('class="limit"');
  });

  it('stays small with the curves of a long run', () => {
    const lag = Array.from(
      { length: 4_000 },
      (_, index): Timed => [20 + index, { type: 'lag', wave: 'shop', seconds: 1 }],
    );
    expect(renderHtml(inputOf([...untilCutover, ...lag])).length).toBeLessThan(80_000);
  });
});

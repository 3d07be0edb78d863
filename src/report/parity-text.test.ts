import { describe, expect, it } from 'vitest';
import { parityJson } from './json-types.ts';
import { renderParity } from './parity-text.ts';
import { differentReport, equalReport, tableParity } from './testing/sample-run.ts';

describe('a parity report as text', () => {
  it('names the rows that differ, with both values', () => {
    const text = renderParity(differentReport);
    expect(text).toContain('shop.customer (id=4711): missing');
    expect(text).toContain('born: NULL | 1815-12-10');
    expect(text).toContain('verdict: different');
  });

  it('says what the checksum cannot see', () => expect(renderParity(equalReport)).toContain('note: Collations'));

  it("lets no row's value write over the screen", () => {
    const samples = [
      { key: { id: '1\u001b[2J' }, kind: 'mismatched', columns: [{ name: 'c', source: 'a\rb', target: 'a\nb' }] },
    ] as const;
    const text = renderParity({ ...differentReport, tables: [tableParity('t', 1, { mismatched: 1, samples })] });
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\r');
    expect(text).toContain('a\\u000db | a\\nb');
  });

  it('is what its schema promises', () => {
    for (const report of [equalReport, differentReport]) expect(parityJson.strict().parse(report)).toEqual(report);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowSample } from '../model/parity.ts';
import type { TablePair } from '../model/table.ts';
import { virtualClock } from '../ports/testing/clock.ts';
import { type FakeRow, type FakeTable, fakeRows } from '../ports/testing/rows.ts';
import type { Sizes } from './sides.ts';
import { verifyTables } from './verify-tables.ts';

const sizes: Sizes = { rowsPerChunk: 7, rowsPerPart: 3, rowsPerPage: 2, rowsPerBucket: 5, mostSuspects: 4 };
const pair: TablePair = { source: { schema: 'shop', table: 'item' }, target: { schema: 'shop', table: 'item' } };
const keyed: FakeTable = { columns: ['id', 'a', 'b'], key: ['id'], keyOrder: ['integer'] };
const keyless: FakeTable = { columns: ['a', 'b'], key: [] };

const compareAtRest = async (spec: FakeTable, source: readonly FakeRow[], target: readonly FakeRow[], more = {}) => {
  const sides = { source: fakeRows({ 'shop.item': spec }), target: fakeRows({ 'shop.item': spec }) };
  for (const row of source) sides.source.put('shop.item', row);
  for (const row of target) sides.target.put('shop.item', row);
  const { report } = await verifyTables({
    ...sides,
    pairs: [pair],
    clock: virtualClock({ auto: true }),
    live: false,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    sizes,
    ...more,
  });
  const table = report.tables[0];
  if (!table) throw new Error('no table in the report');
  return { report, table };
};

const value = fc.constantFrom('', 'x', 'y', null);
const rowsByKey = fc.uniqueArray(fc.tuple(fc.integer({ min: -20, max: 60 }), value, value), {
  selector: ([id]) => id,
  maxLength: 40,
});
const asRows = (rows: readonly (readonly [number, string | null, string | null])[]): FakeRow[] =>
  rows.map(([id, a, b]) => [String(id), a, b]);

interface Naive {
  readonly kind: RowSample['kind'];
  readonly id: string;
}

const naive = (source: readonly FakeRow[], target: readonly FakeRow[]): readonly Naive[] => {
  const ids = new Set([...source, ...target].map((row) => String(row[0])));
  return [...ids].flatMap((id): Naive[] => {
    const [s, t] = [source.find((row) => row[0] === id), target.find((row) => row[0] === id)];
    if (JSON.stringify(s) === JSON.stringify(t)) return [];
    return [{ id, kind: t === undefined ? 'missing' : s === undefined ? 'extraneous' : 'mismatched' }];
  });
};

const named = (samples: readonly RowSample[]): readonly string[] => samples.map((s) => `${s.kind} ${s.key.id}`).sort();

describe('parity at rest', () => {
  it('says what a naive comparison says: verdict, counts, rows by name', async () => {
    await fc.assert(
      fc.asyncProperty(rowsByKey, rowsByKey, fc.boolean(), async (left, right, isAlike) => {
        const source = asRows(left);
        // Wholly random tables differ everywhere; mostly equal ones find the needle.
        const target = isAlike ? [...source.slice(1), ...asRows(right).slice(0, 1)] : asRows(right);
        const unique = [...new Map(target.map((row) => [row[0], row])).values()];
        const expected = naive(source, unique);
        const { report, table } = await compareAtRest(keyed, source, unique);
        const count = (kind: string): number => expected.filter((d) => d.kind === kind).length;
        expect(table).toMatchObject({
          sourceRows: source.length,
          targetRows: unique.length,
          missing: count('missing'),
          extraneous: count('extraneous'),
          mismatched: count('mismatched'),
          inFlight: 0,
        });
        expect(report.verdict).toBe(expected.length === 0 ? 'equal' : 'different');
        const all = expected.map((d) => `${d.kind} ${d.id}`).sort();
        if (all.length <= 20) expect(named(table.samples)).toEqual(all);
        else expect(all).toEqual(expect.arrayContaining([...named(table.samples)]));
      }),
      { numRuns: 150 },
    );
  });

  it('finds doubled, missing and extra rows without a key', async () => {
    const row = fc.tuple(fc.constantFrom('x', 'y', null), fc.constantFrom('1', '2'));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 15 }), fc.array(row, { maxLength: 15 }), async (source, target) => {
        const { report, table } = await compareAtRest(keyless, source, target);
        const rest = target.map((r) => JSON.stringify(r));
        let missing = 0;
        for (const r of source) {
          const at = rest.indexOf(JSON.stringify(r));
          if (at < 0) missing += 1;
          else rest.splice(at, 1);
        }
        expect([table.missing, table.extraneous]).toEqual([missing, rest.length]);
        expect([table.sourceRows, table.targetRows]).toEqual([source.length, target.length]);
        expect(report.verdict).toBe(missing + rest.length === 0 ? 'equal' : 'different');
      }),
      { numRuns: 100 },
    );
  });

  it('names the differing columns with both values', async () => {
    const { table } = await compareAtRest(
      keyed,
      [
        ['1', 'x', null],
        ['2', 'x', 'y'],
      ],
      [
        ['1', 'x', ''],
        ['2', 'x', 'y'],
      ],
    );
    expect(table.samples).toEqual([
      { key: { id: '1' }, kind: 'mismatched', columns: [{ name: 'b', source: null, target: '' }] },
    ]);
  });

  it('counts exactly and names at most twenty', async () => {
    const rows = Array.from({ length: 50 }, (_, id): FakeRow => [String(id), 'x', 'y']);
    const { table } = await compareAtRest(keyed, rows, []);
    expect([table.missing, table.samples.length, table.targetRows]).toEqual([50, 20, 0]);
  });

  it('sees two rows that swapped their values', async () => {
    const { table } = await compareAtRest(
      keyed,
      [
        ['1', 'x', null],
        ['2', 'y', null],
      ],
      [
        ['1', 'y', null],
        ['2', 'x', null],
      ],
    );
    expect(table.mismatched).toBe(2);
  });

  it('does not compare sums that were hashed differently', async () => {
    const target = fakeRows({ 'shop.item': keyed }, { hash: 'another' });
    await expect(compareAtRest(keyed, [], [], { target })).rejects.toMatchObject({ code: 'parity.hash-differs' });
  });

  it('does not call a table equal whose target lacks a column', async () => {
    const target = fakeRows({ 'shop.item': { columns: ['id', 'a'], key: ['id'] } });
    await expect(compareAtRest(keyed, [], [], { target })).rejects.toMatchObject({ code: 'parity.columns-differ' });
  });

  it('stops when it is told to', async () => {
    const abort = new AbortController();
    abort.abort(new Error('interrupted'));
    await expect(compareAtRest(keyed, [], [], { signal: abort.signal })).rejects.toThrow('interrupted');
  });

  it('does not report equal when a database fails in the middle', async () => {
    let reads = 0;
    const broken = fakeRows(
      { 'shop.item': keyed },
      {
        beforeRead: () => {
          reads += 1;
          if (reads > 5) throw new Error('connection lost');
        },
      },
    );
    const rows = Array.from({ length: 50 }, (_, id): FakeRow => [String(id), 'x', 'y']);
    await expect(compareAtRest(keyed, rows, [], { target: broken })).rejects.toThrow('connection lost');
  });
});

/** Whatever order changes come in, what the buffers hand out must lead to the same rows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newTable } from '../records.ts';
import { type ChangeBuffer, netBuffer, type Operation, orderedBuffer, type Route } from './buffer.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import type { Value } from './decode.ts';

const column = (name: string): CatalogColumn => ({
  name,
  type: 'text',
  castType: 'text',
  viaText: false,
  isLob: false,
  isBareNumeric: false,
  isText: true,
  binarySafe: true,
  notNull: false,
  generated: false,
});

const routeOf = (table: string): Route => {
  const columns = ['id', 'a', 'b'].map(column);
  const side: CatalogTable = { schema: 's', table, kind: 'table', columns, key: ['id'] };
  const rule = {
    'rule-type': 'selection' as const,
    'rule-id': '1',
    'rule-name': '1',
    'rule-action': 'include' as const,
    'object-locator': { 'schema-name': 's', 'table-name': table },
    filters: [],
  };
  return {
    table: {
      source: side,
      target: side,
      rule,
      columns: columns.map((c) => ({ source: c, target: c })),
      key: [0],
      keyOnTarget: true,
    },
    progress: newTable('s', table),
  };
};

type Rows = Map<string, readonly Value[]>;

/** What a database does with one change; `strict` throws where a change does not fit. */
const apply = (rows: Rows, operation: Operation, row: readonly Value[], strict: boolean): void => {
  const key = row[0] as string;
  const present = rows.get(key);
  if (operation === 'delete') {
    if (strict && !present) throw new Error(`nothing to delete at ${key}`);
    rows.delete(key);
  } else if (operation === 'insert') {
    if (strict && present) throw new Error(`duplicate ${key}`);
    rows.set(key, row);
  } else {
    if (!present) {
      if (strict) throw new Error(`nothing to update at ${key}`);
      return;
    }
    rows.set(
      key,
      row.map((value, index) => (value === undefined ? present[index] : value)),
    );
  }
};

const step = fc.record({
  key: fc.constantFrom('1', '2', '3'),
  table: fc.constantFrom(0, 1),
  wantsDelete: fc.boolean(),
  a: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
  b: fc.constantFrom('p', 'q', null),
});

describe.each<[string, () => ChangeBuffer]>([
  ['in order', () => orderedBuffer()],
  ['regrouped', () => orderedBuffer({ isRegrouped: true })],
  ['net', netBuffer],
])('a buffer, %s', (_, create) => {
  it('leads to the rows of the source from any start, and never touches a key twice in one statement', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.subarray(['1', '2', '3']),
        fc.nat(30),
        (steps, start, split) => {
          const routes = [routeOf('t'), routeOf('u')];
          const begin = (): Rows[] => [new Map(start.map((key) => [key, [key, 'old', 'old']])), new Map()];
          const [source, target] = [begin(), begin()];
          const buffer = create();
          const write = (): void => {
            for (const run of buffer.drain().runs) {
              expect(new Set(run.rows.map((row) => row[0])).size).toBe(run.rows.length);
              for (const row of run.rows) apply(target[routes.indexOf(run.route)]!, run.operation, row, run.certain);
            }
          };
          steps.forEach(({ key, table, wantsDelete, a, b }, index) => {
            const rows = source[table]!;
            const operation = !rows.has(key) ? 'insert' : wantsDelete ? 'delete' : 'update';
            const row =
              operation === 'delete' ? [key, undefined, undefined] : [key, operation === 'insert' ? (a ?? null) : a, b];
            apply(rows, operation, row, true);
            buffer.add({ route: routes[table]!, operation, row });
            if (index === split) write();
          });
          write();
          expect(target).toEqual(source);
          expect(buffer.size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Everything that ties a wave's tables to the rest is found, and nothing inside a wave is called an edge. */
import { describe, expect, it } from 'vitest';
import type { SchemaModel } from '../model/schema.ts';
import { parseTableKey } from '../model/table.ts';
import { crossingEdges } from './crossing.ts';
import { foreignKey, model, routine, sequence, table, trigger, view } from './testing/models.ts';

const tables = [table('s.a'), table('s.b'), table('s.c')];

const edges = (parts: Partial<SchemaModel>, own = ['s.a', 's.b']): readonly string[] =>
  crossingEdges(model({ tables, ...parts }), own.map(parseTableKey)).map((edge) => edge.id);

describe('crossing edges', () => {
  it.each<[string, Partial<SchemaModel>, readonly string[]]>([
    ['a foreign key to outside', { constraints: [foreignKey('s.a', 's.c')] }, ['fk:s.a.to_c']],
    ['a foreign key from outside', { constraints: [foreignKey('s.c', 's.a')] }, ['fk:s.c.to_a']],
    ['a foreign key within the wave', { constraints: [foreignKey('s.a', 's.b')] }, []],
    ['a foreign key of a table to itself', { constraints: [foreignKey('s.a', 's.a')] }, []],
    ['a view over both sides', { views: [view('s.v', ['table:s.a', 'table:s.c'])] }, ['view:s.v']],
    [
      'a view over a view over both sides',
      { views: [view('s.v', ['table:s.a', 'view:s.w']), view('s.w', ['table:s.c'])] },
      ['view:s.v'],
    ],
    [
      'a trigger whose function writes outside, once and by the name of the trigger',
      {
        routines: [routine('s.log', 'BEGIN INSERT INTO s.c VALUES (NEW.id); RETURN NEW; END')],
        triggers: [trigger('s.a', 's.log')],
      },
      ['trigger:s.a.trg'],
    ],
    [
      'a trigger outside whose function writes into the wave, through another function, unqualified and quoted',
      {
        routines: [
          routine('s.log', 'BEGIN PERFORM deeper(); RETURN NEW; END'),
          routine('s.deeper', 'BEGIN UPDATE ONLY "a" SET id = 1; END'),
        ],
        triggers: [trigger('s.c', 's.log')],
      },
      ['trigger:s.c.trg'],
    ],
    [
      'a routine that joins both sides in a string',
      { routines: [routine('s.f', `BEGIN EXECUTE 'select 1 from S.A join s.c using (id)'; END`)] },
      ['routine:s.f()'],
    ],
    ['a routine that names columns like tables', { routines: [routine('s.f', 'BEGIN x := a + c; END')] }, []],
    [
      'a sequence that feeds both sides',
      {
        sequences: [sequence('s.q')],
        tables: [table('s.a', { uses: ['sequence:s.q'] }), table('s.b'), table('s.c', { uses: ['sequence:s.q'] })],
      },
      ['sequence:s.q'],
    ],
    [
      'a sequence of the wave that a table outside owns',
      {
        sequences: [sequence('s.q', { ownedBy: { table: parseTableKey('s.c'), column: 'id' } })],
        tables: [table('s.a', { uses: ['sequence:s.q'] }), table('s.b'), table('s.c')],
      },
      ['sequence:s.q'],
    ],
    [
      'an inheriting table that stays behind',
      { tables: [table('s.a'), table('s.b'), table('s.c', { inherits: [parseTableKey('s.a')] })] },
      ['inheritance:s.c'],
    ],
    [
      'a partition whose parent stays behind',
      {
        tables: [
          table('s.a', { partitionOf: { parent: parseTableKey('s.c'), bound: 'DEFAULT' } }),
          table('s.b'),
          table('s.c', { form: 'partitioned', partitionBy: 'LIST (id)' }),
        ],
      },
      ['partition:s.a'],
    ],
    [
      'a partition of a parent in the wave',
      {
        tables: [
          table('s.a', { form: 'partitioned', partitionBy: 'LIST (id)' }),
          table('s.b'),
          table('s.c', { partitionOf: { parent: parseTableKey('s.a'), bound: 'DEFAULT' } }),
        ],
      },
      [],
    ],
  ])('%s', (_, parts, wanted) => {
    expect(edges(parts)).toEqual(wanted);
  });
});

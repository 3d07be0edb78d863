/** Never a silent omission: whatever concerns a wave is in a statement or in a finding. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyObject, allObjects, type SchemaModel, tableId } from '../model/schema.ts';
import { parseTableKey, tableKey } from '../model/table.ts';
import { planCopy, type SchemaPlan } from './copy.ts';
import { edgeId } from './select.ts';
import {
  column,
  emptyTarget,
  foreignKey,
  model,
  primaryKey,
  routine,
  sequence,
  table,
  trigger,
  view,
} from './testing/models.ts';

const copy = (
  source: SchemaModel,
  tables: readonly string[],
  more: { rename?: Record<string, string>; target?: SchemaModel } = {},
): SchemaPlan =>
  planCopy({
    source,
    target: more.target ?? emptyTarget,
    tables: tables.map(parseTableKey),
    rename: more.rename ?? {},
  });

const statements = (plan: SchemaPlan) => [
  ...plan.before,
  ...plan.after,
  ...plan.lateConstraints,
  ...plan.validate,
  ...plan.grants,
];

const finding = (plan: SchemaPlan, id: string) => plan.findings.find((item) => item.id === id);

/** Written apart from the product's graph: does an object reach one of these tables without passing another table? */
const concerns = (object: AnyObject, source: SchemaModel, own: ReadonlySet<string>): boolean => {
  const byId = new Map(allObjects(source).map((item) => [item.id, item]));
  const visit = (id: string, seen: ReadonlySet<string>): boolean => {
    if (own.has(id)) return true;
    if (seen.has(id) || (id !== object.id && id.startsWith('table:'))) return false;
    return (byId.get(id)?.uses ?? []).some((used) => visit(used, new Set([...seen, id])));
  };
  return visit(object.id, new Set());
};

const names = ['s.a', 's.b', 's.c', 's.d'];

const anySource = fc
  .record({
    keys: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 4 }),
    views: fc.array(fc.uniqueArray(fc.constantFrom(...names.map((name) => `table:${name}`)), { minLength: 1 }), {
      maxLength: 3,
    }),
    onViews: fc.boolean(),
    triggers: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }),
    body: fc.constantFrom(...names.map((name) => `BEGIN DELETE FROM ${name}; END`), 'BEGIN RETURN NEW; END'),
    trusted: fc.boolean(),
    fedBySequence: fc.subarray(names),
    publication: fc.boolean(),
  })
  .map((given) => {
    const views = given.views.map((uses, index) => view(`s.v${index}`, uses));
    const uniqueKeys = new Map(given.keys.map(([from, to]) => [`${from} ${to}`, foreignKey(from, to)]));
    return model({
      tables: names.map((name) => table(name, given.fedBySequence.includes(name) ? { uses: ['sequence:s.q'] } : {})),
      sequences: [sequence('s.q')],
      constraints: [...names.map(primaryKey), ...uniqueKeys.values()],
      views: given.onViews && views[0] ? [...views, view('s.top', [views[0].id])] : views,
      routines: [routine('s.f', given.body, { trustedLanguage: given.trusted })],
      triggers: given.triggers.map((name) => trigger(name, 's.f')),
      others: given.publication
        ? [
            {
              kind: 'other',
              id: 'other:publication:p',
              schema: '',
              name: 'p',
              owner: '',
              comment: null,
              uses: ['table:s.a'],
              what: 'publication',
              databaseWide: false,
            },
          ]
        : [],
    });
  });

describe('nothing is left out in silence', () => {
  it('every object that concerns the wave is in a statement or in a finding', () => {
    fc.assert(
      fc.property(anySource, fc.subarray(names, { minLength: 1 }), (source, tables) => {
        const plan = copy(source, tables);
        const own = new Set(tables.map((name) => tableId(parseTableKey(name))));
        const said = new Set([...statements(plan).map((ddl) => ddl.object), ...plan.findings.map(({ id }) => id)]);
        for (const object of allObjects(source))
          if (concerns(object, source, own))
            expect([...said]).toContain(said.has(object.id) ? object.id : edgeId(object));
      }),
      { numRuns: 200 },
    );
  });

  it('no statement names a table outside the wave', () => {
    fc.assert(
      fc.property(anySource, fc.subarray(names, { minLength: 1 }), (source, tables) => {
        const outside = names.filter((name) => !tables.includes(name));
        for (const ddl of statements(copy(source, tables)))
          for (const name of outside) {
            const { schema, table: bare } = parseTableKey(name);
            expect(ddl.sql).not.toMatch(new RegExp(`${schema}\\.${bare}\\b|"${schema}"\\."${bare}"`));
          }
      }),
      { numRuns: 200 },
    );
  });

  it('objects are unique, and each stands after what it needs', () => {
    fc.assert(
      fc.property(anySource, (source) => {
        const order = statements(copy(source, names)).map((ddl) => ddl.object);
        expect(new Set(order).size).toBe(order.length);
        for (const object of allObjects(source))
          for (const used of object.uses)
            if (order.includes(object.id) && order.includes(used))
              expect(order.indexOf(used)).toBeLessThan(order.indexOf(object.id));
      }),
    );
  });
});

describe('what a copy cannot carry', () => {
  const others = (what: string, uses: readonly string[], databaseWide = false): SchemaModel['others'] => [
    { kind: 'other', id: `other:${what}`, schema: '', name: 'x', owner: '', comment: null, uses, what, databaseWide },
  ];

  it.each<[string, Partial<SchemaModel>, string, string, boolean]>([
    ['an unlogged table', { tables: [table('s.a', { unlogged: true })] }, 'unlogged:s.a', 'error', false],
    ['row level security', { tables: [table('s.a', { rowSecurity: true })] }, 'row-security:s.a', 'error', true],
    ['a typed table', { tables: [table('s.a', { ofType: 's.t' })] }, 'typed-table:s.a', 'warning', true],
    [
      'a column of a type in C',
      { tables: [table('s.a', { uses: ['other:base type'] })], others: others('base type', []) },
      'table:s.a',
      'error',
      false,
    ],
    [
      'an event trigger',
      { tables: [table('s.a')], others: others('event trigger', [], true) },
      'other:event trigger',
      'warning',
      true,
    ],
    [
      'a trigger in a language that needs a superuser',
      {
        tables: [table('s.a')],
        routines: [routine('s.f', '', { trustedLanguage: false, language: 'c' })],
        triggers: [trigger('s.a', 's.f')],
      },
      'trigger:s.a.trg',
      'error',
      true,
    ],
    [
      'a trigger that fires for replicated changes',
      {
        tables: [table('s.a')],
        routines: [routine('s.f', '')],
        triggers: [trigger('s.a', 's.f', { enabled: 'always' })],
      },
      'trigger-mode:s.a.trg',
      'warning',
      true,
    ],
    ['a table that is not there', { tables: [] }, 'table:s.a', 'error', false],
  ])('%s', (_, parts, id, severity, acceptable) => {
    expect(finding(copy(model(parts), ['s.a']), id)).toMatchObject({ severity, acceptable });
  });

  it('an option that only one server knows is left out of the statements and named once', () => {
    const settings = { storage: null, compression: null, statistics: null, options: ['n_distinct=5', 'own_option=1'] };
    const source = model({
      tables: [table('s.a', { columns: [column('id', { settings }), column('b', { settings })] })],
    });
    const plan = copy(source, ['s.a']);
    expect(plan.findings.map(({ id }) => id)).toEqual(['column-option:own_option']);
    expect(plan.before.filter((ddl) => ddl.sql.includes('n_distinct')).length).toBe(2);
    expect(plan.before.some((ddl) => ddl.sql.includes('own_option'))).toBe(false);
  });

  it('an extension that the target does not have stops the table that needs it, and one that it has travels', () => {
    const source = model({
      tables: [table('s.a', { uses: ['extension:citext'] })],
      extensions: [
        {
          kind: 'extension',
          id: 'extension:citext',
          schema: 's',
          name: 'citext',
          owner: '',
          comment: null,
          uses: [],
          version: '1',
        },
      ],
    });
    expect(finding(copy(source, ['s.a']), 'table:s.a')?.severity).toBe('error');
    const plan = copy(source, ['s.a'], { target: { ...emptyTarget, availableExtensions: ['citext'] } });
    expect(finding(plan, 'table:s.a')).toBeUndefined();
    expect(plan.before.map((ddl) => ddl.object)).toEqual(['schema:s', 'extension:citext', 'table:s.a']);
  });

  it('a grant to a role that the target lacks is named, not dropped', () => {
    const source = model({
      tables: [table('s.a')],
      grants: [
        { object: 'table:s.a', column: null, grantee: 'app', privilege: 'SELECT', grantable: false, asOwner: false },
        { object: 'table:s.a', column: null, grantee: 'app', privilege: 'INSERT', grantable: false, asOwner: false },
      ],
    });
    expect(finding(copy(source, ['s.a']), 'role:app')?.detail).toContain('INSERT, SELECT on s.a');
    const roles = [{ name: 'app', mayLogin: true, superuser: false }];
    expect(copy(source, ['s.a'], { target: { ...emptyTarget, roles } }).grants).toEqual([
      { object: 'grant:table:s.a:app', sql: 'GRANT INSERT, SELECT ON TABLE "s"."a" TO "app"', present: false },
    ]);
  });
});

describe('what is already there', () => {
  it('another definition under the same name is an error and is not called present', () => {
    const source = model({ tables: [table('s.a', { columns: [column('id', { type: 'bigint' })] })] });
    const plan = copy(source, ['s.a'], { target: model({ tables: [table('s.a')] }) });
    expect(finding(plan, 'differs:table:s.a')).toMatchObject({ severity: 'error', acceptable: false });
    expect(plan.before.filter((ddl) => !ddl.present).map((ddl) => ddl.object)).toEqual(['table:s.a']);
  });

  it('two major versions may write a view in two ways: a warning, and it is left alone', () => {
    const source = model({ tables: [table('s.a')], views: [view('s.v', ['table:s.a'])] });
    const target = model({
      tables: [table('s.a')],
      views: [view('s.v', ['table:s.a'], { definition: ' SELECT a.id FROM s.a' })],
      serverVersion: 150004,
    });
    const plan = copy(source, ['s.a'], { target });
    expect(finding(plan, 'differs:view:s.v')?.severity).toBe('warning');
    expect(plan.after.every((ddl) => ddl.present)).toBe(true);
    expect(
      finding(copy(source, ['s.a'], { target: { ...target, serverVersion: 180001 } }), 'differs:view:s.v')?.severity,
    ).toBe('error');
  });
});

describe('renamed tables', () => {
  const rename = { 's.a': 'r.alpha' };

  it('stand in their new place wherever the definition is structured', () => {
    const source = model({
      tables: [table('s.a'), table('s.b')],
      constraints: [primaryKey('s.a'), foreignKey('s.b', 's.a')],
      routines: [routine('s.f', 'BEGIN RETURN NEW; END')],
      triggers: [trigger('s.a', 's.f')],
    });
    const plan = copy(source, ['s.a', 's.b'], { rename });
    const sql = new Map(statements(plan).map((ddl) => [ddl.object, ddl.sql]));
    expect(sql.get('table:r.alpha')).toContain('CREATE TABLE "r"."alpha"');
    expect(sql.get('constraint:r.alpha.pk')).toContain('ALTER TABLE "r"."alpha"');
    expect(sql.get('constraint:s.b.to_a')).toBe(
      'ALTER TABLE "s"."b" ADD CONSTRAINT "to_a" FOREIGN KEY (id) REFERENCES "r"."alpha"(id) NOT VALID',
    );
    expect(sql.get('trigger:r.alpha.trg')).toContain(' ON "r"."alpha" FOR EACH ROW');
    expect(plan.before.map((ddl) => ddl.object)).toContain('schema:r');
    expect([...sql.values()].filter((text) => /s\.a\b|"s"\."a"/.test(text))).toEqual([]);
  });

  it('in the text of a view or a function are named, not left wrong', () => {
    const source = model({
      tables: [table('s.a')],
      views: [view('s.v', ['table:s.a'])],
      routines: [routine('s.f', 'BEGIN DELETE FROM s.a; END')],
    });
    const plan = copy(source, ['s.a'], { rename });
    expect(finding(plan, 'view:s.v')?.severity).toBe('error');
    expect(finding(plan, 'routine:s.f()')?.severity).toBe('error');
    expect(statements(plan).some((ddl) => ddl.sql.includes(tableKey(parseTableKey('s.a'))))).toBe(false);
  });
});

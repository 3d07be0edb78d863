/** A copied schema is the schema: inspected on a real source, executed on a real target, inspected again, and nothing is left over. */
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connections, openConnections } from '../adapters/engines/postgres/connections.ts';
import { postgresSchema } from '../adapters/engines/postgres/schema/execute.ts';
import { type AnyObject, allObjects, type SchemaModel } from '../model/schema.ts';
import type { TableName } from '../model/table.ts';
import { loadSql, sharedInput } from '../testing/load-sql.ts';
import { type TestPostgres, testPostgres } from '../testing/postgres.ts';
import { planCopy, type SchemaPlan } from './copy.ts';
import { normalForm } from './normal-form.ts';

let server: TestPostgres;
const opened: Connections[] = [];

beforeAll(async () => {
  server = await testPostgres({ settings: { fsync: 'off' } });
});

afterAll(async () => {
  await Promise.all(opened.map((connections) => connections.close()));
  await server.stop();
});

const fencing = { lineage: 'test', current: () => 1 };

const openDatabase = async (database: string): Promise<Connections> => {
  await server.query(`CREATE DATABASE ${database}`);
  const connections = openConnections({
    name: database,
    secret: server.secret({ database }),
    fencing,
  });
  opened.push(connections);
  return connections;
};

const allTables = (model: SchemaModel): readonly TableName[] =>
  model.tables.map((table) => ({ schema: table.schema, table: table.name }));

const everything = (plan: SchemaPlan) => [
  ...plan.before,
  ...plan.after,
  ...plan.lateConstraints,
  ...plan.validate,
  ...plan.grants,
];

/** Rows go over by text, table by table, as replication would: no triggers, no foreign keys. */
const copyRows = async (from: string, to: string, model: SchemaModel): Promise<void> => {
  const [reader, writer] = [new pg.Client(server.connection(from)), new pg.Client(server.connection(to))];
  await Promise.all([reader.connect(), writer.connect()]);
  try {
    await writer.query('SET session_replication_role = replica');
    for (const table of model.tables.filter((item) => item.form === 'ordinary')) {
      const name = `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
      const columns = table.columns
        .filter((column) => !column.generated)
        .map((column) => pg.escapeIdentifier(column.name));
      if (columns.length === 0) continue;
      await pipeline(
        reader.query(copyTo(`COPY (SELECT ${columns} FROM ONLY ${name}) TO STDOUT`)),
        writer.query(copyFrom(`COPY ${name} (${columns}) FROM STDIN`)),
      );
    }
  } finally {
    await Promise.all([reader.end(), writer.end()]);
  }
};

/** A model without what may differ: names that the server chooses for inherited objects, and how it spells an expression. */
const comparable = (objects: readonly AnyObject[]): unknown => {
  const text = (value: unknown): unknown => {
    if (typeof value === 'string') return normalForm(value);
    if (Array.isArray(value)) return value.map(text);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, text(inner)]));
  };
  return objects.filter((object) => !('inherited' in object && object.inherited)).map(text);
};

describe('roles', () => {
  it('an application that owned its tables may still do its work after the copy, and others no more than before', async () => {
    const [from, to] = [await openDatabase('owned'), await openDatabase('owned_target')];
    await server.query(
      `CREATE ROLE shop_app LOGIN; CREATE ROLE reporting; CREATE ROLE clerk; CREATE SCHEMA shop AUTHORIZATION shop_app; SET ROLE shop_app;
       CREATE TABLE shop.customer (id serial PRIMARY KEY, email text, secret text);
       CREATE FUNCTION shop.admin() RETURNS int LANGUAGE sql RETURN 1; REVOKE EXECUTE ON FUNCTION shop.admin() FROM PUBLIC;
       GRANT USAGE ON SCHEMA shop TO reporting; GRANT SELECT (id, email) ON shop.customer TO reporting;
       GRANT INSERT, SELECT ON shop.customer TO clerk WITH GRANT OPTION`,
      'owned',
    );
    const [sourceSchema, targetSchema] = [postgresSchema(from), postgresSchema(to)];
    const source = await sourceSchema.inspect();
    const plan = async (): Promise<SchemaPlan> =>
      planCopy({ source, target: await targetSchema.inspect(), tables: allTables(source), rename: {} });
    await targetSchema.execute(everything(await plan()).filter((ddl) => !ddl.present));
    expect(everything(await plan()).filter((ddl) => !ddl.present)).toEqual([]);

    const may = async (role: string, sql: string): Promise<boolean> =>
      server.query(`BEGIN; SET LOCAL ROLE ${role}; ${sql}; ROLLBACK`, 'owned_target').then(
        () => true,
        () => false,
      );
    const questions = [
      ['shop_app', 'INSERT INTO shop.customer (email) VALUES (1)'],
      ['shop_app', 'TRUNCATE shop.customer'],
      ['shop_app', 'SELECT shop.admin()'],
      ['reporting', 'SELECT id, email FROM shop.customer'],
      ['reporting', 'SELECT secret FROM shop.customer'],
      ['reporting', 'SELECT shop.admin()'],
      ['clerk', 'SELECT id FROM shop.customer'],
    ] as const;
    const answers = await Promise.all(questions.map(([role, sql]) => may(role, sql)));
    expect(answers).toEqual([true, true, true, true, false, false, false]);
    expect((await plan()).findings.map(({ id }) => id)).toContain('owner:shop_app');
  });
});

describe.each([
  ['pagila', 'pg-pagila/pagila.sql.gz'],
  ['northwind', 'pg-northwind/northwind.sql.gz'],
  ['dms_sample', 'pg-dms-sample/dms_sample.sql.gz'],
  ['regress_types', 'pg-regress-types/regress_types.dump.sql.gz'],
  ['type_torture', 'type-torture/postgres.sql'],
  ['torture', null],
])('%s', (name, input) => {
  it('is the same schema after the copy, and a second plan has nothing to do', async (context) => {
    const text =
      input === null
        ? await readFile(new URL('./testdata/torture.sql', import.meta.url), 'utf8')
        : await sharedInput(input);
    if (text === undefined) {
      console.warn(`skipped: input ${input} is not beside the checkout`);
      context.skip();
      return;
    }
    const [from, to] = [await openDatabase(name), await openDatabase(`${name}_target`)];
    await loadSql(server.connection(name), text);
    const [sourceSchema, targetSchema] = [postgresSchema(from), postgresSchema(to)];
    const source = await sourceSchema.inspect();
    const plan = async (): Promise<SchemaPlan> =>
      planCopy({ source, target: await targetSchema.inspect(), tables: allTables(source), rename: {} });
    const first = await plan();
    expect(first.findings.filter((finding) => finding.severity === 'error')).toEqual([]);
    const missing = (part: SchemaPlan['before']) => part.filter((ddl) => !ddl.present);

    await targetSchema.execute(missing(first.before));
    await copyRows(name, `${name}_target`, source);
    for (const part of [first.after, first.lateConstraints, first.grants, first.validate])
      await targetSchema.execute(missing(part));

    const second = await plan();
    expect(everything(second).filter((ddl) => !ddl.present)).toEqual([]);
    expect(second.findings.filter((finding) => finding.id.startsWith('differs:'))).toEqual([]);

    // What was named as left behind is all that may be missing.
    const named = new Set(first.findings.map((finding) => finding.id));
    const wanted = allObjects(source).filter((object) => object.kind !== 'other' && !named.has(object.id));
    const copied = allObjects(await targetSchema.inspect()).filter((object) => object.kind !== 'other');
    expect(comparable(copied)).toEqual(comparable(wanted));
  });
});

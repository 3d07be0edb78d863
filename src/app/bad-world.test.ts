/** A world that is not as the plan needs it, broken in turn and mended, through the real command line: named before anything is touched. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonLines } from '../testing/cli.ts';
import { schemaProblems } from '../testing/json-schemas.ts';
import { testPostgres } from '../testing/postgres.ts';
import { replaced, type TestMigration, testMigration } from '../testing/rehearsal.ts';

/** For one test and for the start, on a machine that has other things to do as well. */
const patientMs = 120_000;
vi.setConfig({ testTimeout: patientMs });

let migration: TestMigration;

beforeAll(async () => {
  migration = await testMigration({ rows: 300, rate: 600 });
}, patientMs);
afterAll(() => migration?.stop());

const source = (sql: string) => migration.query('source', sql);
const target = (sql: string) => migration.query('target', sql);

interface Problem {
  readonly severity: string;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
}

interface Planned {
  readonly code: number | null;
  readonly problems: readonly Problem[];
  readonly errors: readonly string[];
  readonly printed: string;
}

const planned = async (
  file = migration.planFile,
  env: Readonly<Record<string, string>> = {},
  more: readonly string[] = [],
): Promise<Planned> => {
  const { code, stdout, stderr } = await migration.octank(['migrate', 'plan', file, '--json', ...more], { env });
  const [document] = jsonLines(stdout);
  expect(schemaProblems('plan', document)).toEqual([]);
  const problems = (document?.diagnostics ?? []) as readonly Problem[];
  const errors = problems.filter((problem) => problem.severity === 'error').map((problem) => problem.code);
  return { code, problems, errors, printed: stdout + stderr };
};

const found = ({ problems }: Planned, code: string): Problem => {
  const problem = problems.find((candidate) => candidate.code === code);
  if (!problem) throw new Error(`no ${code} among ${problems.map((candidate) => candidate.code).join(', ')}`);
  return problem;
};

/** What octank would have left behind if it had begun. */
const traces = async (): Promise<readonly string[]> => {
  const inDatabases = await Promise.all(
    [source, target].map((query) =>
      query(
        "SELECT nspname FROM pg_namespace WHERE nspname = 'octank' UNION ALL SELECT slot_name FROM pg_replication_slots",
      ),
    ),
  );
  return [
    ...inDatabases.flat().map((row) => JSON.stringify(row)),
    ...(existsSync(migration.journalFolder()) ? ['a journal'] : []),
  ];
};

describe('databases and roles that are not ready', () => {
  it('tells everything wrong at once, does nothing, and is content when it is mended', async () => {
    const [first] = await source("SELECT rolname FROM pg_roles WHERE rolname ~ 'octank' AND rolreplication");
    const role = String(first?.rolname);
    await source(`ALTER ROLE "${role}" NOREPLICATION`);
    await source('CREATE TABLE shop.audit (at timestamptz, what text); ALTER TABLE shop.audit OWNER TO shop_app');
    await source("CREATE ROLE night_report LOGIN PASSWORD 'n'; GRANT INSERT ON shop.orders TO night_report");
    await target(
      'CREATE SCHEMA shop; CREATE TABLE shop.cart (id bigint PRIMARY KEY); INSERT INTO shop.cart VALUES (1)',
    );

    const broken = await planned();
    expect(broken.code).toBe(1);
    expect(found(broken, 'preflight.replication-right')).toMatchObject({
      detail: expect.stringContaining(`${role} on monolith`),
      hint: expect.stringContaining(`ALTER ROLE "${role}" REPLICATION`),
    });
    expect(found(broken, 'preflight.table-without-key')).toMatchObject({
      detail: expect.stringContaining('shop.audit'),
      hint: expect.stringContaining('edge: "keyless:shop.audit"'),
    });
    expect(found(broken, 'preflight.target-not-empty')).toMatchObject({
      detail: 'shop.cart on accounts has a row.',
      hint: expect.stringContaining('exclude it'),
    });
    const unnamed = broken.problems.filter((problem) => problem.code === 'preflight.unnamed-writer');
    expect(unnamed.some((problem) => problem.detail.includes('night_report') && problem.severity === 'warning')).toBe(
      true,
    );

    const refused = await migration.octank(['migrate', 'apply', migration.planFile, '--auto-approve']);
    expect(refused.code).toBe(1);
    for (const code of ['replication-right', 'table-without-key', 'target-not-empty'])
      expect(refused.stderr).toContain(`preflight.${code}`);
    const doctor = await migration.octank(['doctor', migration.planFile]);
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toContain('error preflight.replication-right');
    expect(doctor.stdout).toContain('ok credentials');
    expect(await traces()).toEqual([]);

    await source(`ALTER ROLE "${role}" REPLICATION`);
    await source('DROP TABLE shop.audit; DROP OWNED BY night_report; DROP ROLE night_report');
    await target('DROP SCHEMA shop CASCADE');
    const mended = await planned();
    expect({ code: mended.code, errors: mended.errors }).toEqual({ code: 0, errors: [] });
    expect(await traces()).toEqual([]);
  });

  it('says that a foreign key ties the wave to tables that stay behind', async () => {
    const half = await migration.writePlan('half.yaml', (yaml) =>
      replaced(yaml, 'include: [shop.*]', 'include: [shop.orders, shop.order_line]'),
    );
    const { code, errors, problems } = await planned(half);
    expect(code).toBe(1);
    expect(new Set(errors)).toEqual(new Set(['preflight.crossing-edge']));
    const keys = problems.filter((problem) => problem.detail.startsWith('fk:'));
    expect(keys.some((problem) => problem.detail.includes('shop.orders') && problem.hint.includes('accept'))).toBe(
      true,
    );
  });
});

describe('a database that cannot be used', () => {
  const withSource = (connection: string) => (yaml: string) =>
    replaced(yaml, 'connection: { secretsManager: octank/monolith }', `connection: ${connection}`);
  const place = () => {
    const { host, port, database } = migration.connection('source');
    return { host, port, dbname: database, sslmode: 'disable' };
  };

  it.each([
    {
      danger: 'a secret that is not there',
      connection: '{ secretsManager: octank/no-such-secret }',
      secret: () => undefined,
      code: 'secret.missing',
      detail: 'octank/no-such-secret',
    },
    {
      danger: 'an address at which nobody listens',
      connection: '{ env: SOURCE_SECRET }',
      secret: () => ({ ...place(), port: 9, username: 'octank', password: 'hush-hush' }),
      code: 'database.unreachable',
      detail: '127.0.0.1:9',
    },
    {
      danger: 'a wrong password',
      connection: '{ env: SOURCE_SECRET }',
      secret: () => ({ ...place(), username: 'shop_app', password: 'hush-hush' }),
      code: 'database.wrong-password',
      detail: 'role shop_app',
    },
    {
      danger: 'a secret that is not JSON',
      connection: '{ env: SOURCE_SECRET }',
      secret: () => 'postgres://shop_app:hush-hush@db/shop',
      code: 'database.secret-invalid',
      detail: 'monolith',
    },
  ])('names $danger, and never the password', async ({ connection, secret, code, detail }) => {
    const given = secret();
    const text = typeof given === 'string' ? given : JSON.stringify(given);
    const file = await migration.writePlan('elsewhere.yaml', withSource(connection));
    const result = await planned(file, given === undefined ? {} : { SOURCE_SECRET: text });
    expect(result.code).toBe(1);
    expect(found(result, code).detail).toContain(detail);
    expect(found(result, code).hint).not.toBe('');
    expect(result.printed).not.toContain('hush-hush');
  });

  it('says that a server writes too little log for change capture, and how to change that', async () => {
    const server = await testPostgres({ settings: { wal_level: 'replica' } });
    try {
      await server.query('CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY)');
      const file = await migration.writePlan('replica.yaml', withSource('{ env: SOURCE_SECRET }'));
      const result = await planned(file, { SOURCE_SECRET: server.secret() });
      expect(result.code).toBe(1);
      expect(found(result, 'preflight.wal-level')).toMatchObject({
        detail: 'monolith has wal_level = replica.',
        hint: expect.stringContaining('wal_level = logical'),
      });
    } finally {
      await server.stop();
    }
  });
});

describe('a saved plan', () => {
  const save = async (name: string): Promise<string> => {
    const path = join(migration.folder, name);
    const { code } = await planned(migration.planFile, {}, ['--out', path]);
    expect(code).toBe(0);
    return path;
  };

  it('is refused with 8 when the world has moved since it was saved, and with 3 when somebody edited it', async () => {
    const saved = await save('shop.octank');
    await source('ALTER TABLE shop.customer ADD COLUMN nickname text');
    const stale = await migration.octank(['migrate', 'apply', saved, '--auto-approve']);
    expect(stale.code).toBe(8);
    expect(stale.stderr).toContain('saved-plan.stale');
    expect(stale.stderr).toContain('source-schema');
    expect(stale.stderr).toContain('octank migrate plan');
    await source('ALTER TABLE shop.customer DROP COLUMN nickname');

    const text = await readFile(saved, 'utf8');
    await writeFile(saved, replaced(text, 'at most 30 s', 'at most 3000 s'));
    const edited = await migration.octank(['migrate', 'apply', saved, '--auto-approve', '--json']);
    expect(edited.code).toBe(3);
    expect(jsonLines(edited.stdout).at(-1)).toMatchObject({ type: 'error', code: 'saved-plan.tampered', exitCode: 3 });
    expect(await traces()).toEqual([]);
  });
});

import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { copyOnce, startPostgres } from './server.ts';

describe('a stand-in server', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await testPostgres({ settings: { max_connections: '33' }, locale: 'C.UTF-8' });
  });
  afterAll(async () => postgres.stop());

  it('runs with the settings it was given, on loopback only', async () => {
    const rows = await postgres.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name in ('max_connections', 'listen_addresses', 'wal_level') order by name`,
    );
    expect(rows.map((row) => row.setting)).toEqual(['127.0.0.1', '33', 'logical']);
  });

  it('is adopted, not started twice, when its folder is asked for again', async () => {
    const again = await startPostgres({ dataDir: postgres.server.dataDir });
    expect(again.pid).toBe(postgres.server.pid);
    expect(again.port).toBe(postgres.server.port);
  });

  it('refuses a wrong password', async () => {
    const pg = await import('pg');
    const client = new pg.default.Client({ ...postgres.connection(), password: 'wrong' });
    await expect(client.connect()).rejects.toThrow(/password authentication failed/);
  });

  it('keeps committed rows over an immediate stop', async () => {
    await postgres.query('create table kept (id int primary key); insert into kept values (1)');
    await postgres.server.stop('immediate');
    const again = await startPostgres({ dataDir: postgres.server.dataDir, port: postgres.server.port });
    expect(await postgres.query('select id from kept')).toEqual([{ id: 1 }]);
    expect(await readFile(`${again.dataDir}.log`, 'utf8')).not.toContain('PANIC');
    await again.stop('immediate');
  });
});

describe('binaries that an unprivileged account cannot reach', () => {
  it('are copied whole and once, though both stand-ins ask for them at the same time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'octank-test-'));
    try {
      const from = join(folder, 'native');
      await mkdir(join(from, 'lib'), { recursive: true });
      for (let i = 0; i < 50; i += 1) await writeFile(join(from, 'lib', `${i}`), `${i}`.repeat(1000));
      await symlink('0', join(from, 'lib', 'link'));
      const to = join(folder, 'copy');
      await Promise.all([copyOnce(from, to), copyOnce(from, to), copyOnce(from, to)]);
      expect(await readdir(join(to, 'lib'))).toHaveLength(51);
      expect(await readFile(join(to, 'lib', '7'), 'utf8')).toBe('7'.repeat(1000));
      expect(await readlink(join(to, 'lib', 'link'))).toBe('0');
      expect((await readdir(folder)).sort()).toEqual(['copy', 'native']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { startPostgres } from './server.ts';

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

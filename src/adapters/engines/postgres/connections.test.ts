/** The dangers of a connection: a stale octank, a lost commit, secrets in faults, a server that went away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../../model/fault.ts';
import { type TestPostgres, testPostgres } from '../../../testing/postgres.ts';
import { type Connections, openConnections } from './connections.ts';

let server: TestPostgres;
const opened: Connections[] = [];

const open = (number: number | undefined, secret = server.secret()): Connections => {
  const connections = openConnections({ name: 'shop', secret, fencing: { lineage: 'run-a', current: () => number } });
  opened.push(connections);
  return connections;
};

const faultOf = async (work: Promise<unknown>): Promise<Fault> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error('no fault was thrown', { cause: error });
};

beforeAll(async () => {
  server = await testPostgres();
  await server.query("CREATE TABLE public.t (id int PRIMARY KEY); CREATE ROLE app LOGIN PASSWORD 'xyzzy-secret'");
});

afterAll(async () => {
  await Promise.all(opened.map((connections) => connections.close()));
  await server.stop();
});

describe('fencing number', () => {
  it('refuses a write without the lock', async () => {
    const fault = await faultOf(open(undefined).effect((tx) => tx.query('INSERT INTO public.t VALUES (0)')));
    expect(fault).toMatchObject({ code: 'fencing.no-lock', effect: 'none' });
  });

  it('refuses an older octank once a newer one has written', async () => {
    const [older, newer] = [open(1), open(2)];
    await older.effect((tx) => tx.query('INSERT INTO public.t VALUES (1)'));
    await newer.effect((tx) => tx.query('INSERT INTO public.t VALUES (2)'));
    const fault = await faultOf(older.effect((tx) => tx.query('INSERT INTO public.t VALUES (3)')));
    expect(fault).toMatchObject({ code: 'fencing.stale', effect: 'none' });
    expect(await server.query('SELECT id FROM public.t WHERE id < 10 ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('makes a newer octank wait for an effect of the older one that is still under way', async () => {
    const [older, newer] = [open(5), open(6)];
    const order: string[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = older.effect(async () => {
      entered();
      await gate;
      order.push('older');
    });
    await inside;
    const second = newer.effect(async () => {
      order.push('newer');
    });
    await expect
      .poll(async () => server.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
      .toHaveLength(1);
    release();
    await Promise.all([first, second]);
    expect(order).toEqual(['older', 'newer']);
  });

  it('lets many effects of one octank run side by side', async () => {
    const connections = open(7);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        connections.effect((tx) => tx.query('INSERT INTO public.t VALUES ($1)', [100 + index])),
      ),
    );
    expect(await server.query('SELECT count(*)::int AS n FROM public.t WHERE id >= 100')).toEqual([{ n: 20 }]);
  });
});

describe('connection faults', () => {
  const withFields = (fields: object): string =>
    JSON.stringify({ ...(JSON.parse(server.secret({ user: 'app', password: 'xyzzy-secret' })) as object), ...fields });

  it.each([
    ['database.wrong-password', { password: 'not-the-password' }],
    ['database.missing', { dbname: 'nowhere' }],
    ['database.unreachable', { port: 1 }],
    ['database.tls', { sslmode: 'require' }],
    ['database.secret-invalid', { sslmode: 'prefer' }],
    ['database.secret-invalid', { host: '' }],
  ])('names %s and keeps the password out', async (code, fields) => {
    const secret = withFields(fields);
    const fault = await faultOf((async () => open(1, secret).query('SELECT 1'))());
    expect(fault).toMatchObject({ code, effect: 'none' });
    const shown = JSON.stringify([fault.message, fault.detail, fault.hint, fault.stack]);
    expect(shown).not.toContain(JSON.parse(secret).password);
  });

  it('does not quote a secret that is not JSON', async () => {
    const fault = await faultOf((async () => open(1, 'postgres://u:hunter2@h/db').query('SELECT 1'))());
    expect(fault.code).toBe('database.secret-invalid');
    expect(JSON.stringify([fault.message, fault.stack, String(fault.cause)])).not.toContain('hunter2');
  });

  it('reconnects after an idle connection was ended by the server', async () => {
    const connections = open(8);
    await connections.query('SELECT 1');
    await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'octank'");
    expect(await connections.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('opens nothing again once it was closed: a late reader would keep the process alive', async () => {
    const connections = open(20);
    await connections.query('SELECT 1');
    await connections.close();
    expect(await faultOf(connections.query('SELECT 1'))).toMatchObject({ code: 'database.closed', effect: 'none' });
  });

  it('says that nothing was done when the connection is lost before the commit', async () => {
    const connections = open(8);
    const fault = await faultOf(
      connections.effect(async (tx) => {
        await tx.query('INSERT INTO public.t VALUES (50)');
        const [own] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await server.query(`SELECT pg_terminate_backend(${own?.pid})`);
        await tx.query('SELECT 1');
      }),
    );
    expect(fault).toMatchObject({ code: 'database.connection-lost', effect: 'none' });
    expect(await server.query('SELECT 1 FROM public.t WHERE id = 50')).toEqual([]);
  });

  it('says unknown when the connection is lost during the commit', async () => {
    const connections = open(8);
    await server.query(`
      CREATE TABLE public.slow (id int);
      CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER die AFTER INSERT ON public.slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.die()`);
    const fault = await faultOf(connections.effect((tx) => tx.query('INSERT INTO public.slow VALUES (1)')));
    expect(fault).toMatchObject({ code: 'database.connection-lost', effect: 'unknown' });
  });

  it('does not report success for a transaction whose failure was swallowed', async () => {
    const connections = open(8);
    const fault = await faultOf(
      connections.effect(async (tx) => {
        await tx.query('SELECT 1/0').catch(() => undefined);
      }),
    );
    expect(fault).toMatchObject({ code: 'database.rolled-back', effect: 'none' });
  });

  it('leaves nothing behind a rolled-back transaction, and cancels on abort', async () => {
    const connections = open(8);
    await connections.rolledBack((tx) => tx.query('INSERT INTO public.t VALUES (60)'));
    expect(await connections.query('SELECT 1 FROM public.t WHERE id = 60')).toEqual([]);
    const stop = new AbortController();
    const slow = connections.query('SELECT pg_sleep(30)', [], { timeoutMs: 0, signal: stop.signal });
    await expect
      .poll(() => server.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = 'active'"))
      .not.toHaveLength(0);
    stop.abort(new Error('stopped'));
    await expect(slow).rejects.toThrow('stopped');
  });
});

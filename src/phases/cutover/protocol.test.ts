/** What must stop a cutover before it costs anything, and what must be seen at the last moment: on the shared fake world. */
import { describe, expect, it } from 'vitest';
import { exitCodes, Fault } from '../../model/fault.ts';
import type { SchemaModel } from '../../model/schema.ts';
import type { FakeDatabase } from '../../ports/testing/database.ts';
import { approving, collectingHost } from '../../ports/testing/host.ts';
import type { FakeWorld } from '../../ports/testing/world.ts';
import { column, table } from '../../schema/testing/models.ts';
import { checks } from '../checks.ts';
import type { WaveObserved } from '../observed.ts';
import { createMigration, runProcess, shortPlan } from '../testing/migration.ts';
import { predict, predictionText, requireWithinBudget } from './downtime.ts';

const plan = shortPlan();
const wave = plan.waves[0];
if (!wave) throw new Error('the plan has a wave');

/** From here on the world answers otherwise. */
const withSchema = (database: FakeDatabase, change: (model: SchemaModel) => SchemaModel): void => {
  const { inspect } = database.schema;
  Object.assign(database.schema, { inspect: async () => change(await inspect()) });
};

const withTail = (world: FakeWorld, seconds: number): void => {
  const { repoint } = world;
  Object.assign(world, { repoint: (kind: string) => ({ ...repoint(kind), tailSeconds: async () => seconds }) });
};

describe('before the fence', () => {
  const stopped = async (change: (world: FakeWorld) => void) => {
    const migration = createMigration(plan);
    await runProcess(migration, { until: 'verify' });
    change(migration.world);
    const host = collectingHost(approving);
    const { result, journal } = await runProcess(migration, { host });
    const fence = journal.state()?.steps.find((step) => step.change.id === 'cutover/shop/fence');
    const fault = result === 'killed' ? null : result.fault;
    return { code: fault?.code, detail: fault?.detail, fence: fence?.attempts, host, migration };
  };

  it('a column that the source got since is not left behind', async () => {
    const seen = await stopped((world) =>
      withSchema(world.source, (model) => ({
        ...model,
        tables: model.tables.map((orders) =>
          orders.name === 'orders' ? { ...orders, columns: [...orders.columns, column('note')] } : orders,
        ),
      })),
    );
    expect([seen.code, seen.fence]).toEqual(['preflight.schema-finding', 0]);
    expect(seen.migration.world.writer()).toBe('source');
  });

  it('a table that the application made since, and that the plan means, is not left behind', async () => {
    const seen = await stopped((world) => {
      const { tables } = world.source;
      withSchema(world.source, (model) => ({ ...model, tables: [...model.tables, table('shop.voucher')] }));
      Object.assign(world.source, {
        tables: async () => {
          const known = await tables();
          return [...known, { ...known[0], name: { schema: 'shop', table: 'voucher' } }];
        },
      });
    });
    expect([seen.code, seen.fence]).toEqual(['cutover.schema-moved', 0]);
    expect(seen.detail).toContain('shop.voucher is new');
  });

  it('a target that somebody opened is not cut over to', async () => {
    const seen = await stopped((world) => void world.target.fence.open('shop'));
    expect([seen.code, seen.fence]).toEqual(['fence.target-open', 0]);
  });

  it('a downtime that does not fit its budget fences nothing and asks nobody', async () => {
    const seen = await stopped((world) => withTail(world, wave.cutover.downtimeBudgetSeconds - 0.5));
    expect([seen.code, seen.fence]).toEqual(['cutover.over-budget', 0]);
    expect(seen.host.questions).toEqual([]);
    expect(seen.migration.world.writer()).toBe('source');
  });

  it('a name that clients remember for longer than the budget is found before anything is built', async () => {
    const migration = createMigration(plan);
    withTail(migration.world, wave.cutover.downtimeBudgetSeconds);
    const { result } = await runProcess(migration);
    expect(result).toMatchObject({ fault: { code: 'preflight.repoint-tail' } });
  });
});

describe('under the fence', () => {
  it('a row that got past it after the marker walks everything back', async () => {
    const migration = createMigration(plan);
    const { world } = migration;
    const { result, journal } = await runProcess(migration, {
      onCall: (path, when) => {
        if (!path.endsWith('requestStop') || when !== 'before') return;
        const id = '99999999';
        world.source.commit({
          at: world.clock.wall.now(),
          table: 'shop.orders',
          change: { kind: 'row', key: id, row: [id, 'by a role that is let through'] },
        });
      },
    });
    expect(result).toMatchObject({ fault: { code: 'cutover.write-behind-marker' } });
    expect(journal.state()?.pointOfNoReturn).toEqual({});
    expect(world.writer()).toBe('source');
  });
});

describe('Ctrl-C at any effect of the cutover', () => {
  const isEffect = (path: string): boolean =>
    /(fence\.(close|makePermanent|open|endWriters)|requestStop|startTask|writeMarker|advanceSlot|sequences\.set|perform|append)$/.test(
      path,
    );

  const effects = async (): Promise<readonly string[]> => {
    const migration = createMigration(plan);
    await runProcess(migration, { until: 'verify' });
    const seen: string[] = [];
    await runProcess(migration, {
      until: 'cutover',
      onCall: (path, when) => void (when === 'after' && isEffect(path) && seen.push(path)),
    });
    return seen;
  };

  const interrupted = new Fault({ code: 'run.interrupted', summary: 'Interrupted.', exitCode: exitCodes.interrupted });

  const interruptedAt = async (number: number): Promise<readonly string[]> => {
    const migration = createMigration(plan);
    const { world } = migration;
    await runProcess(migration, { until: 'verify' });
    const controller = new AbortController();
    let count = 0;
    const { result } = await runProcess(migration, {
      until: 'cutover',
      signal: controller.signal,
      onCall: (path, when) => {
        if (when !== 'after' || !isEffect(path)) return;
        count += 1;
        if (count === number) controller.abort(interrupted);
      },
    });
    const writer = world.writer();
    await runProcess(migration);
    return [
      ...(writer === 'none' ? ['nobody could write after the interrupt'] : []),
      ...(result !== 'killed' && ![0, 130].includes(result.exitCode)
        ? [`exit ${result.exitCode}: ${result.fault?.message}`]
        : []),
      ...(world.writer() === 'target' ? [] : [`resumed, the writer is ${world.writer()}`]),
      ...(await world.finalViolations()),
    ];
  };

  it('leaves one side open for writes, and the next run ends on the target with nothing lost', async () => {
    const all = await effects();
    expect(all.length).toBeGreaterThan(20);
    const wrong: Record<string, readonly string[]> = {};
    for (const [index, path] of all.entries()) {
      const found = await interruptedAt(index + 1);
      if (found.length > 0) wrong[`${index + 1} ${path}`] = found;
    }
    expect(wrong).toEqual({});
  }, 120_000);
});

describe('the prediction', () => {
  const measured = { drainSeconds: 2, paritySeconds: 3, countSeconds: 4, tailSeconds: 5 };

  it('is the sum of its parts, and the text names each', () => {
    expect(predict(measured).totalSeconds).toBe(15);
    expect(predictionText(predict(measured), 30)).toBe(
      'Predicted downtime 15.0 s of 30.0 s: drain 2.0 s, final parity 3.0 s, counts 4.0 s, turning 1.0 s; clients follow within 5.0 s.',
    );
  });

  it('says what nobody can know instead of counting it as nothing', () => {
    expect(predictionText(predict({ ...measured, tailSeconds: null }), 30)).toContain('nobody can know');
  });

  it.each([
    [15, true],
    [14.9, false],
  ])('a budget of %s s: fits %s', (budget, fits) => {
    const tight = { ...wave, cutover: { ...wave.cutover, downtimeBudgetSeconds: budget } };
    const ask = (): void => requireWithinBudget(predict(measured), tight, plan);
    if (fits) expect(ask).not.toThrow();
    else expect(ask).toThrow(/longer than its budget/);
  });
});

describe('what preflight must not let pass', () => {
  const run = (name: string, observed: object) =>
    checks.find((check) => check.name === name)?.run({ plan, wave, observed: observed as unknown as WaveObserved });
  const orders = { schema: 'shop', table: 'orders' };

  it.each([
    ['octank itself', 'shop_app', 'dms'],
    ['replication', 'octank', 'shop_app'],
  ])('an application that works as the role of %s: the fence would let it write on', (_, own, replication) => {
    const found = run('exempt-writer', {
      source: { role: { name: own } },
      replicationRoles: { source: replication, target: 'x' },
    });
    expect(found?.map((f) => f.severity)).toEqual(['error']);
  });

  it('roles of their own are fine', () => {
    expect(
      run('exempt-writer', { source: { role: { name: 'octank' } }, replicationRoles: { source: 'dms', target: 'x' } }),
    ).toEqual([]);
  });

  it.each([
    ['nothing', 1],
    ['default', 0],
    ['full', 0],
  ])('a keyed table with replica identity %s', (replicaIdentity, count) => {
    const found = run('replica-identity', {
      pairs: [{ source: orders, target: orders }],
      sourceTables: [{ name: orders, hasKey: true, isPartitioned: false, replicaIdentity }],
    });
    expect(found).toHaveLength(count);
  });
});

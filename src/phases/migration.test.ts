/** The whole shop plan in virtual time, on fakes that share one world: to its end, and through what stops it on the way. */
import { describe, expect, it } from 'vitest';
import { exitCodes, Fault } from '../model/fault.ts';
import { collectingHost } from '../ports/testing/host.ts';
import { createMigration, type Migration, runProcess, shopPlan, shortPlan } from './testing/migration.ts';

const short = shortPlan();

const sourceIsWriterAgain = async ({ world }: Migration): Promise<void> => {
  expect(world.writer()).toBe('source');
  const before = world.acknowledged();
  await world.clock.advance(5000);
  world.tick();
  expect(world.acknowledged()).toBeGreaterThan(before);
  expect(world.violations()).toEqual([]);
};

describe('the shop plan', () => {
  it('ends with one writer, the target, and nothing lost', async () => {
    const migration = createMigration(shopPlan());
    const { result, journal } = await runProcess(migration);
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(journal.state()?.steps.every((step) => step.status === 'done')).toBe(true);
    expect(migration.world.writer()).toBe('target');
    expect(migration.world.share()).toBe(100);
    expect(migration.world.acknowledged()).toBeGreaterThan(30);
    expect(await migration.world.finalViolations()).toEqual([]);
  });

  it('the watch can fail: without the fence on the source there are two writers, and it says so', async () => {
    const migration = createMigration(short);
    await runProcess(migration, { until: 'verify' });
    await migration.world.target.fence.open('shop');
    migration.world.tick();
    expect(migration.world.violations()).toEqual(['both databases take writes of applications']);
  });

  it('the watch can fail: a change that replication lost is named at the end', async () => {
    const migration = createMigration(short);
    await runProcess(migration, { until: 'verify' });
    migration.world.replication.loseNext('shop.orders');
    // Two writes, one of each table; nothing writes the row again.
    await migration.world.clock.advance(1000);
    migration.world.tick();
    await migration.world.source.fence.close({ wave: 'shop', leaseSeconds: null });
    await migration.world.clock.advance(3000);
    migration.world.tick();
    await migration.world.target.fence.open('shop');
    expect(await migration.world.finalViolations()).toHaveLength(1);
  });
});

describe('a step taken out is noticed', () => {
  it('sequences: the target hands out a number that a row has', async () => {
    const migration = createMigration(short);
    await runProcess(migration, { without: ['cutover.sequences'] });
    await migration.world.clock.advance(60_000);
    expect((await migration.world.finalViolations())[0]).toContain('twice');
  });

  it('the fence on the source: nothing after it goes on', async () => {
    const migration = createMigration(short);
    const { result } = await runProcess(migration, { without: ['cutover.fence'] });
    expect(result).toMatchObject({ outcome: 'failed', fault: { code: 'fence.lifted' } });
    await sourceIsWriterAgain(migration);
  });

  it('the start of the way back: the target is not proven, and no traffic follows', async () => {
    const migration = createMigration(short);
    const { result } = await runProcess(migration, { without: ['cutover.reverse-start'] });
    expect(result).toMatchObject({ fault: { code: 'run.deadline' } });
    expect(migration.world.share()).toBe(0);
  });
});

describe('the cutover', () => {
  it('goes back inside its budget when replication stops carrying, and the source takes writes again', async () => {
    const migration = createMigration(short);
    const { world } = migration;
    const { result, journal } = await runProcess(migration, {
      onCall: (path, when) => {
        if (path.endsWith('fence.endWriters') && when === 'before') world.replication.lag(Number.POSITIVE_INFINITY);
      },
    });
    expect(result).toMatchObject({ outcome: 'failed', fault: { code: 'cutover.budget' } });
    const closed = journal.records().find((record) => record.type === 'writer' && record.writer === 'none');
    const opened = journal.records().find((record) => record.type === 'writer' && record.writer === 'source');
    const budgetSeconds = short.waves[0]?.cutover.downtimeBudgetSeconds ?? 0;
    const seconds = ((opened?.at ?? Number.NaN) - (closed?.at ?? Number.NaN)) / 1000;
    expect(seconds).toBeGreaterThan(1);
    expect(seconds).toBeLessThanOrEqual(budgetSeconds + 1);
    await sourceIsWriterAgain(migration);
    world.replication.lag(300);
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'succeeded' });
    expect(await world.finalViolations()).toEqual([]);
  });

  it('finds a row that replication lost, under the fence: unfenced, exit 4, and no second writer', async () => {
    const migration = createMigration(short);
    const { world } = migration;
    let lost = 0;
    const { result } = await runProcess(migration, {
      onCall: (path, when) => {
        if (!path.endsWith('fence.endWriters') || when !== 'before') return;
        // Every look before the fence has passed; what is missing now, only the final parity can find.
        const underWay = new Set(
          world.source.log.slice(-4).map(({ change }) => (change.kind === 'row' ? change.key : '')),
        );
        const row = world.target.rows.all('shop.orders').find(([id]) => !underWay.has(id ?? ''));
        world.target.rows.remove('shop.orders', [row?.[0] ?? '']);
        lost += 1;
      },
    });
    expect(lost).toBe(1);
    expect(result).toMatchObject({ exitCode: exitCodes.different, fault: { code: 'parity.different' } });
    await sourceIsWriterAgain(migration);
  });

  it.each([
    ['right after the fence was closed', 'database.fence.endWriters', 'after'],
    ['while the marker travels', 'database.signals.writeMarker', 'after'],
    ['when the stop of the forward task was requested', 'replication.requestStop', 'after'],
    ['right before it would be made permanent', 'database.fence.makePermanent', 'before'],
  ] as const)('never passes the point of no return on a lease that ran out in a pause: %s', async (_, call, moment) => {
    const migration = createMigration(short);
    const { world } = migration;
    let expired = 0;
    const { result, journal } = await runProcess(migration, {
      onCall: (path, when) => {
        if (path !== call || when !== moment || expired > 0 || world.writer() !== 'none') return;
        expired += 1;
        world.source.fence.expire();
      },
    });
    expect(expired).toBe(1);
    expect(result).toMatchObject({ outcome: 'failed' });
    expect(journal.state()?.pointOfNoReturn).toEqual({});
    await sourceIsWriterAgain(migration);
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'succeeded' });
    expect(await world.finalViolations()).toEqual([]);
  });

  it('asks again for its approval after it was walked back', async () => {
    const migration = createMigration(short);
    migration.world.source.fence.block([
      { kind: 'prepared', id: 'gid-1', role: 'shop_app', application: '', ageSeconds: 9 },
    ]);
    const first = await runProcess(migration);
    expect(first.result).toMatchObject({ outcome: 'failed', fault: { code: 'fence.not-closed' } });
    await sourceIsWriterAgain(migration);
    migration.world.source.fence.block([]);
    const second = await runProcess(migration);
    expect(second.host.questions.map((question) => question.approval)).toContain('cutover');
    expect(second.result).toMatchObject({ outcome: 'succeeded' });
  });

  it('with nobody to approve it: exit 6, nothing fenced', async () => {
    const migration = createMigration(short);
    const { result } = await runProcess(migration, { host: collectingHost() });
    expect(result).toMatchObject({ exitCode: exitCodes.approvalNeeded });
    await sourceIsWriterAgain(migration);
  });
});

describe('the ladder', () => {
  const beforeTraffic = async (): Promise<Migration> => {
    const migration = createMigration(shopPlan());
    expect((await runProcess(migration, { until: 'cutover' })).result).toMatchObject({ outcome: 'succeeded' });
    return migration;
  };

  it('a gate that fails at 25 %: weights back to 0 in one batch, exit 5; mended, it climbs again', async () => {
    const migration = await beforeTraffic();
    const { world } = migration;
    const { result, journal } = await runProcess(migration, {
      onCall: (path, when) => {
        if (path === 'health.sample' && when === 'before' && world.share() === 25) world.health.fail('http-errors');
      },
    });
    expect(result).toMatchObject({ outcome: 'rolled-back', exitCode: exitCodes.gateFailed });
    expect(world.share()).toBe(0);
    // Two up, one down.
    expect(world.traffic.batches()).toBe(3);
    expect(journal.state()?.weights.at(-1)).toMatchObject({ sourceWeight: 100, targetWeight: 0, why: 'moved-back' });
    expect(world.writer()).toBe('target');
    world.health.fail();
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'succeeded' });
    expect(world.share()).toBe(100);
    expect(await world.finalViolations()).toEqual([]);
  });

  it('no data at 25 %: held there with exit 9, never advanced; with data again, it goes on from there', async () => {
    const migration = await beforeTraffic();
    const { world } = migration;
    const { result } = await runProcess(migration, {
      onCall: () => world.health.silence(world.share() === 25),
    });
    expect(result).toMatchObject({ outcome: 'held', exitCode: exitCodes.held });
    expect(world.share()).toBe(25);
    world.health.silence(false);
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'succeeded' });
  });

  it('weights that somebody else set: held with exit 9, and left as they are', async () => {
    const migration = await beforeTraffic();
    const { world } = migration;
    const setWeights = (source: number, target: number): void =>
      world.traffic.set(world.traffic.records().map((r, index) => ({ ...r, weight: index === 0 ? source : target })));
    let isForeign = false;
    const { result } = await runProcess(migration, {
      onCall: () => {
        if (world.share() !== 25 || isForeign) return;
        isForeign = true;
        setWeights(40, 60);
      },
    });
    expect(result).toMatchObject({ outcome: 'held', exitCode: exitCodes.held });
    expect(world.share()).toBe(60);
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'held', exitCode: exitCodes.held });
    expect(world.share()).toBe(60);
    setWeights(75, 25);
    expect((await runProcess(migration)).result).toMatchObject({ outcome: 'succeeded' });
  });

  it('a move whose answer was lost is found by looking, and not made twice', async () => {
    const migration = await beforeTraffic();
    const { world } = migration;
    let isLost = false;
    const { result, journal } = await runProcess(migration, {
      onCall: (path, when) => {
        if (path !== 'traffic.swap' || when !== 'after' || isLost) return;
        isLost = true;
        throw new Fault({ code: 'route53.unknown', summary: 'The answer was lost.', effect: 'unknown' });
      },
    });
    expect(result).toMatchObject({ outcome: 'succeeded' });
    expect(world.traffic.batches()).toBe(5);
    expect(journal.records().filter((record) => record.type === 'step-unknown')).toHaveLength(1);
  });

  it('with nobody to approve 50 %: exit 6, and traffic goes back to the last share that was approved, none', async () => {
    const migration = await beforeTraffic();
    const { result } = await runProcess(migration, { host: collectingHost() });
    expect(result).toMatchObject({ exitCode: exitCodes.approvalNeeded });
    expect(migration.world.share()).toBe(0);
  });
});

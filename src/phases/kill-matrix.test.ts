/** Kills octank at every journal record, before it is durable and right after, and lets it come again: the migration ends as if nothing had happened. */
import { describe, expect, it } from 'vitest';
import {
  createMigration,
  isRead,
  type Migration,
  type ProcessOptions,
  runProcess,
  shortPlan,
} from './testing/migration.ts';

const plan = shortPlan();

/** Dead for this long: short, so that the lease of a fence still stands, and long, so that it is over. */
const pausesMs = [2000, 60_000] as const;

interface Kill {
  readonly record: number;
  readonly when: 'before' | 'after';
  /** Instead of at a record: right after so many effects. */
  readonly effects?: number;
}

/**
 * Every point at which a kill leaves another state of journal and world behind: after each record, and before it where
 * something was done since the last one.
 */
const killPoints = async (): Promise<readonly Kill[]> => {
  const doneBefore = new Set<number>();
  const migration = createMigration(plan);
  await runProcess(migration, {
    onCall: (path, when) => {
      if (when === 'after' && !isRead(path)) doneBefore.add(migration.store.texts.size + 1);
    },
  });
  return [...migration.store.texts.keys()].flatMap((record): readonly Kill[] =>
    doneBefore.has(record)
      ? [
          { record, when: 'before' },
          { record, when: 'after' },
        ]
      : [{ record, when: 'after' }],
  );
};

/** What goes wrong in the world until it is mended before the last process runs. */
interface Trouble {
  readonly onCall?: (migration: Migration) => NonNullable<ProcessOptions['onCall']>;
  readonly mend?: (migration: Migration) => void;
}

/** One process per kill, each dying where it is told, then one that must come to the end. Says what was wrong. */
const survived = async (
  kills: readonly Kill[],
  pauseMs: number,
  { onCall, mend }: Trouble = {},
): Promise<readonly string[]> => {
  const migration = createMigration(plan);
  const { world } = migration;
  for (const kill of kills) {
    const { result } = await runProcess(migration, {
      ...(kill.effects === undefined ? { killAt: kill } : { killAfterEffects: kill.effects }),
      ...(onCall ? { onCall: onCall(migration) } : {}),
    });
    if (result !== 'killed')
      return [`it ended before record ${kill.record}: ${result.outcome} ${result.fault?.message}`];
    await world.clock.advance(pauseMs);
  }
  mend?.(migration);
  const last = await runProcess(migration);
  if (last.result === 'killed') return ['the last process was killed'];
  const undone = last.journal.state()?.steps.find((step) => step.status !== 'done');
  return [
    ...(last.result.outcome === 'succeeded' ? [] : [`${last.result.outcome}: ${last.result.fault?.message}`]),
    ...(undone ? [`${undone.change.id} is ${undone.status}`] : []),
    ...(world.writer() === 'target' ? [] : [`the writer is ${world.writer()}`]),
    ...(world.share() === 100 ? [] : [`the share is ${world.share()} %`]),
    ...(await world.finalViolations()),
  ];
};

const matrix = async (runs: readonly (readonly Kill[])[], trouble?: Trouble): Promise<readonly string[]> => {
  const wrong: string[] = [];
  for (const [index, kills] of runs.entries()) {
    const pauseMs = pausesMs[index % pausesMs.length] ?? 0;
    const where = kills
      .map(({ record, when, effects }) => (effects === undefined ? `${when} ${record}` : `after effect ${effects}`))
      .join(', ');
    const found = await survived(kills, pauseMs, trouble);
    wrong.push(...found.map((what) => `killed ${where}, away for ${pauseMs} ms: ${what}`));
  }
  return wrong;
};

/** Each record of the way back that this trouble causes, before and after. */
const wayBack = async ({ onCall }: Trouble): Promise<readonly (readonly Kill[])[]> => {
  const migration = createMigration(plan);
  const { journal } = await runProcess(migration, onCall ? { onCall: onCall(migration) } : {});
  const records = journal.records();
  const first = records.find((record) => record.type === 'undo-intended')?.number;
  if (first === undefined) return [];
  return records
    .filter((record) => record.number >= first - 1)
    .flatMap(({ number }) => (['before', 'after'] as const).map((when) => [{ record: number, when }]));
};

describe('killed at any journal record', () => {
  it('the next process comes to the same end, with one writer at every moment and nothing lost', async () => {
    const kills = await killPoints();
    expect(kills.length).toBeGreaterThan(150);
    expect(await matrix(kills.map((kill) => [kill]))).toEqual([]);
  }, 480_000);

  it('or in the middle of a step, right after each of its effects', async () => {
    let effects = 0;
    let ofSteps: number[] = [];
    const migration = createMigration(plan);
    await runProcess(migration, {
      onCall: (path, when) => {
        if (when !== 'after' || isRead(path)) return;
        effects += 1;
        // An append is a record, and records have had their turn.
        if (!path.endsWith('append')) ofSteps = [...ofSteps, effects];
      },
    });
    expect(ofSteps.length).toBeGreaterThan(40);
    expect(await matrix(ofSteps.map((count) => [{ record: 0, when: 'after', effects: count }]))).toEqual([]);
  }, 480_000);

  it('of the way back out of a cutover: it is completed, and the next attempt succeeds', async () => {
    const trouble: Trouble = {
      onCall:
        ({ world }) =>
        (path, when) => {
          if (path.endsWith('fence.endWriters') && when === 'before') world.replication.lag(Number.POSITIVE_INFINITY);
        },
      mend: ({ world }) => world.replication.lag(300),
    };
    const runs = await wayBack(trouble);
    expect(runs.length).toBeGreaterThan(12);
    expect(await matrix(runs, trouble)).toEqual([]);
  }, 240_000);

  it('of the way back down the ladder: weights of its own are never taken for a stranger’s', async () => {
    const trouble: Trouble = {
      onCall:
        ({ world }) =>
        (path, when) => {
          if (path === 'health.sample' && when === 'before' && world.share() === 100) world.health.fail('latency');
        },
      mend: ({ world }) => world.health.fail(),
    };
    const runs = await wayBack(trouble);
    expect(runs.length).toBeGreaterThan(12);
    expect(await matrix(runs, trouble)).toEqual([]);
  }, 240_000);

  it('and the next process again, somewhere in what it does', async () => {
    const kills = (await killPoints()).filter(({ when }) => when === 'after');
    const last = kills.length;
    // The resumed process dies a few records on: right in what the first death made it do.
    const runs = kills
      .filter(({ record }) => record % 5 === 0 && record + 6 < last)
      .map(({ record }): readonly Kill[] => [
        { record, when: 'after' },
        { record: record + 2 + (record % 4), when: record % 2 === 0 ? 'before' : 'after' },
      ]);
    expect(runs.length).toBeGreaterThan(15);
    expect(await matrix(runs)).toEqual([]);
  }, 240_000);
});

/** Kills octank at every journal record, before it is durable and right after, and lets it come again: the migration ends as if nothing had happened. */
import { describe, expect, it } from 'vitest';
import { createMigration, runProcess, shortPlan } from './testing/migration.ts';

const plan = shortPlan();

/** Dead for this long: short, so that the lease of a fence still stands, and long, so that it is over. */
const pausesMs = [2000, 60_000] as const;

interface Kill {
  readonly record: number;
  readonly when: 'before' | 'after';
}

/** Calls that leave the world as it was; a heartbeat's row is nobody's state. */
const isRead = (path: string): boolean =>
  /(^|\.)(read|status|facts|tables|inspect|slots|blockers|probe|sum|hashes|rows|bounds|columns|count\w*|estimateRows|hashProbe|writers|longTransactions|writeCount|has\w+|heartbeatAge|beat|find\w+|instance|connection|tableStatistics|changeStatus|sample|requests|load|observe|database|sleep|feedExists|numbers|lobSizes|tryAs|tailSeconds)$/.test(
    path,
  );

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

const killedAndResumed = async (kill: Kill, pauseMs: number): Promise<readonly string[]> => {
  const migration = createMigration(plan);
  const { world } = migration;
  const first = await runProcess(migration, { killAt: kill });
  if (first.result !== 'killed') return [`it ended before: ${first.result.outcome}`];
  await world.clock.advance(pauseMs);
  const second = await runProcess(migration);
  if (second.result === 'killed') return ['the second process was killed'];
  const undone = second.journal.state()?.steps.find((step) => step.status !== 'done');
  return [
    ...(second.result.outcome === 'succeeded' ? [] : [`${second.result.outcome}: ${second.result.fault?.message}`]),
    ...(undone ? [`${undone.change.id} is ${undone.status}`] : []),
    ...(world.writer() === 'target' ? [] : [`the writer is ${world.writer()}`]),
    ...(world.share() === 100 ? [] : [`the share is ${world.share()} %`]),
    ...(await world.finalViolations()),
  ];
};

describe('killed at any journal record', () => {
  it('the next process comes to the same end, with one writer at every moment and nothing lost', async () => {
    const kills = await killPoints();
    expect(kills.length).toBeGreaterThan(150);
    const wrong: string[] = [];
    for (const [index, kill] of kills.entries()) {
      const pauseMs = pausesMs[index % pausesMs.length] ?? 0;
      const found = await killedAndResumed(kill, pauseMs);
      wrong.push(...found.map((what) => `killed ${kill.when} record ${kill.record}, away for ${pauseMs} ms: ${what}`));
    }
    expect(wrong).toEqual([]);
  }, 240_000);
});

/** The whole shop plan in virtual time, on fakes that share one world. */
import { describe, expect, it } from 'vitest';
import { createMigration, runProcess } from './testing/migration.ts';

describe('the shop plan', () => {
  it('ends with one writer, the target, and nothing lost', async () => {
    const migration = createMigration();
    const { result, journal } = await runProcess(migration);
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(journal.state()?.steps.every((step) => step.status === 'done')).toBe(true);
    expect(migration.world.writer()).toBe('target');
    expect(migration.world.share()).toBe(100);
    expect(migration.world.acknowledged()).toBeGreaterThan(30);
    expect(await migration.world.finalViolations()).toEqual([]);
  });
});

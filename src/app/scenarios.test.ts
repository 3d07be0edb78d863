/** Databases that none of us wrote, moved whole under writes; each folder in testdata/scenarios is one, with what makes it hard. */
import { readdirSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openPlan, requirePlan } from './open-plan.ts';
import { readRehearsalFile } from './rehearsal-file.ts';
import { rehearseInProcess } from './testdata/in-process.ts';

const folder = fileURLToPath(new URL('testdata/scenarios', import.meta.url));

/** A minute each: by default the one that meets the most kinds of objects; `OCTANK_SCENARIOS=all`, as in CI, runs every one. */
const usual = new Set(['pg-pagila']);

const seedOf = async (planFile: string): Promise<string> => {
  const seed = (await readRehearsalFile(planFile)).databases.onpremises?.seed;
  if (typeof seed !== 'object') throw new Error(`${planFile} has no seed file`);
  return resolve(seed.file);
};

describe('databases of others', () => {
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? entry.name : [],
  );
  for (const name of names.sort()) {
    const planFile = join(folder, name, 'plan.yaml');

    it(`${name}: its plan is valid`, async () => {
      expect(requirePlan(await openPlan(planFile)).name).toBe(name);
    });

    it(`${name} moves whole while it is written: nothing lost, nothing doubled, every row the same`, {
      timeout: 240_000,
    }, async ({ skip }) => {
      const seed = await seedOf(planFile);
      if (!usual.has(name) && process.env.OCTANK_SCENARIOS !== 'all')
        return skip('skipped: only with OCTANK_SCENARIOS=all');
      if (
        !(await access(seed).then(
          () => true,
          () => false,
        ))
      )
        return skip(`skipped: ${seed} is not there`);
      const { result, checker, fault } = await rehearseInProcess({ planFile });
      expect(fault?.message ?? null).toBeNull();
      expect(checker.violations).toEqual([]);
      expect(result.outcome).toBe('succeeded');
      expect(result.writes).toMatchObject({ lost: 0, duplicated: 0 });
      expect(result.writes?.acknowledged).toBeGreaterThan(100);
      expect(result.parity?.verdict).toBe('equal');
      expect(checker).toMatchObject({ writer: 'target', rows: { equal: true } });
    });
  }
});

/** Builds dist/ once before the tests, because children (rehearsal, workload, octank itself) run from it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const setup = (): void => {
  const build = fileURLToPath(new URL('../../scripts/build.js', import.meta.url));
  const result = spawnSync(process.execPath, [build], { stdio: 'inherit' });
  if (result.status !== 0) throw new Error('the build failed; see above');
};

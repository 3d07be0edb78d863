/** Builds once before the tests, because children (rehearsal, workload, octank itself) run from the build. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { distDir } from './dist.ts';

export const setup = (): void => {
  if (process.env.OCTANK_DIST === 'none') return;
  const build = fileURLToPath(new URL('../../scripts/build.js', import.meta.url));
  const result = spawnSync(process.execPath, [build, distDir()], { stdio: 'inherit' });
  if (result.status !== 0) throw new Error('the build failed; see above');
};

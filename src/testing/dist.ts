/** Where the tests' build lies: children (rehearsal, workload, octank itself) run from it, as users run it. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** `OCTANK_DIST` keeps two test runs in one checkout from building over each other; it must lie inside the checkout. */
export const distDir = (): string => resolve(projectRoot, process.env.OCTANK_DIST ?? 'dist');

/** A built entry, such as `rehearsal/main.js`. */
export const built = (entry: string): string => join(distDir(), entry);

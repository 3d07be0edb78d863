/** What the environment configures: the rate of octank's clock, who acts, this octank's version. Endpoints are the SDK's own settings. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodes, Fault } from '../model/fault.ts';

export interface Settings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: { readonly rate: number; readonly originMs: number };
  readonly user: string;
  readonly version: string;
  /** Where state lies, where it is not the plan that says so: a rehearsal's journal must not lie among production's. */
  readonly stateRoot: string | null;
}

/** `rate@originMs`, as `octank rehearsal env` prints it; rate 1 where it is not set. */
export const clockVariable = 'OCTANK_CLOCK';
export const stateVariable = 'OCTANK_STATE';

const clockFrom = (text: string | undefined): Settings['clock'] => {
  if (text === undefined || text === '') return { rate: 1, originMs: 0 };
  const match = /^(\d+(?:\.\d+)?)@(\d+)$/.exec(text);
  const rate = Number(match?.[1]);
  if (!match || !(rate > 0))
    throw new Fault({
      code: 'settings.clock',
      summary: 'The rate of the clock is not readable.',
      detail: `${clockVariable}=${text}`,
      hint: `Write rate@originMs, such as ${clockVariable}=60@1790000000000, or unset it.`,
      exitCode: exitCodes.invalid,
    });
  return { rate, originMs: Number(match[2]) };
};

/** The package's own folder: the nearest above this file that has a package.json. */
export const packageRoot = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
      if (name === 'octank') return folder;
    } catch {
      // Not here; further up.
    }
    if (folder === dirname(folder)) throw new Error('octank does not find its own package.json');
    folder = dirname(folder);
  }
};

/** A process entry of the build this code runs from, such as `rehearsal/main.js`. */
export const builtEntry = (name: string): string => {
  const here = fileURLToPath(import.meta.url);
  const dist = /^(.*[\\/]dist[^\\/]*)[\\/]/.exec(here)?.[1] ?? join(packageRoot(), process.env.OCTANK_DIST ?? 'dist');
  return join(dist, name);
};

const userName = (environment: Settings['environment']): string => {
  try {
    return userInfo().username;
  } catch {
    return environment.USER ?? 'unknown';
  }
};

export const readSettings = (environment: Settings['environment'] = process.env): Settings => ({
  environment,
  clock: clockFrom(environment[clockVariable]),
  stateRoot: environment[stateVariable] || null,
  user: environment.OCTANK_USER ?? userName(environment),
  version: (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version,
});

/** Start-up: `octank --version` beside the smallest program that oclif can start. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../src/app/settings.ts';
import { type Bench, compared, inTurns } from './figures.ts';
import { workFolder } from './folders.ts';

/** Starting takes a tenth of a second, so that many rounds cost little and calm the figure. */
const roundsPerRound = 5;

const writeHello = async (folder: string): Promise<string> => {
  await mkdir(join(folder, 'commands'));
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({
      name: 'hello',
      version: '0.0.0',
      type: 'module',
      oclif: { bin: 'hello', dirname: 'hello', commands: './commands' },
    }),
  );
  await writeFile(
    join(folder, 'commands', 'world.js'),
    `import { Command } from '@oclif/core';\nexport default class World extends Command { async run() { this.log('hello'); } }\n`,
  );
  const entry = join(folder, 'run.js');
  await writeFile(entry, `import { execute } from '@oclif/core';\nawait execute({ dir: import.meta.url });\n`);
  return entry;
};

const start = (entry: string): number => {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [entry, '--version'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${entry} --version ends with ${status}: ${stderr}`);
  return (performance.now() - startedAt) / 1000;
};

const run: Bench['run'] = async ({ rounds }) => {
  const folder = await mkdtemp(join(await workFolder(), 'hello-'));
  try {
    const hello = await writeHello(folder);
    const octank = join(packageRoot(), 'bin', 'run.js');
    start(hello);
    start(octank);
    const measured = await inTurns(rounds * roundsPerRound, {
      own: async () => start(octank),
      peer: async () => start(hello),
    });
    return [compared({ name: 'octank --version / oclif hello --version', rounds: measured, limit: null })];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const startUpBench: Bench = { name: 'start', says: 'start-up beside a bare oclif program', run };

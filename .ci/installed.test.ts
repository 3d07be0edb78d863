/** octank as others get it: the packed tarball in an empty folder, and a fresh clone whose install scripts did not run. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const folder = mkdtempSync(join(tmpdir(), 'octank-installed-'));
const commandDeadlineMs = 540_000;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** Fails with what the command printed, also at its deadline: npm's own errors say nothing about that. */
const run = (cwd: string, command: string, args: readonly string[]): Promise<Printed> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NODE_ENV: undefined, VITEST: undefined, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that the deadline ends npm and all that it started.
      detached: true,
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGTERM'), commandDeadlineMs);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(text);
      else reject(new Error(`${command} ${args.join(' ')}: ${status ?? signal}\n${text.stdout}\n${text.stderr}`));
    });
  });

/** The last line of `rehearse --json`, which says how it ended. */
const resultOf = (stdout: string): Record<string, unknown> =>
  JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;

const nothingLost = {
  type: 'result',
  outcome: 'succeeded',
  writes: { lost: 0, duplicated: 0 },
  parity: { verdict: 'equal' },
};

describe('the package', () => {
  const installed = join(folder, 'elsewhere');
  let files: readonly string[] = [];

  beforeAll(async () => {
    const { stdout: packed } = await run(root, 'npm', ['pack', '--json', '--pack-destination', folder]);
    const [report] = Object.values(
      JSON.parse(packed.slice(packed.search(/^[[{]/m))) as Record<
        string,
        { filename: string; files: { path: string }[] }
      >,
    );
    files = report?.files.map(({ path }) => path) ?? [];
    mkdirSync(installed);
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ private: true }));
    await run(installed, 'npm', ['install', '--no-progress', '--no-save', join(folder, report?.filename ?? '')]);
  });

  it('holds the build, the list of commands, plans, schemas and papers, and nothing of the workshop', () => {
    for (const file of [
      'bin/run.js',
      'dist/cli.js',
      'dist/command-not-found.js',
      'dist/commands/migrate/apply.js',
      'dist/rehearsal/main.js',
      'dist/lab/workload.js',
      'oclif.manifest.json',
      'octank.schema.json',
      'plans/shop.yaml',
      'plans/shop.rehearsal.yaml',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
    ])
      expect(files).toContain(file);
    expect(files.filter((file) => /^(src|\.ci|bench|scripts|commands)\/|\.test\.|\.map$/.test(file))).toEqual([]);
  });

  it('says its version', async () => {
    const { stdout } = await run(installed, 'npx', ['--no-install', 'octank', '--version']);
    expect(stdout).toBe(`octank/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
  });

  it('reads a plan without asking anybody', async () => {
    cpSync(join(root, 'plans', 'minimal.yaml'), join(installed, 'plan.yaml'));
    const { stdout } = await run(installed, 'npx', [
      '--no-install',
      'octank',
      'migrate',
      'plan',
      'plan.yaml',
      '--offline',
    ]);
    expect(stdout).toMatch(/^cutover$/m);
  });

  it('rehearses a migration with nothing but what was installed', async () => {
    cpSync(join(root, 'plans', 'shop.yaml'), join(installed, 'shop.yaml'));
    cpSync(join(root, 'plans', 'shop.rehearsal.yaml'), join(installed, 'shop.rehearsal.yaml'));
    const args = ['--no-install', 'octank', 'rehearse', 'shop.yaml', '--auto-approve', '--rows', '500'];
    const { stdout } = await run(installed, 'npx', [...args, '--json']);
    expect(resultOf(stdout)).toMatchObject(nothingLost);
  });
});

describe('a fresh clone', () => {
  const clone = join(folder, 'clone');

  it('needs no install script: the main job runs after npm ci --ignore-scripts', async () => {
    await run(folder, 'git', ['clone', '--quiet', root, clone]);
    const { stderr } = await run(clone, 'npm', ['ci', '--ignore-scripts', '--no-progress']);
    expect(stderr).not.toMatch(/EBADENGINE|deprecated/);
    expect(existsSync(join(clone, 'dist'))).toBe(false);
    const { stdout } = await run(clone, 'npm', ['start', '--silent', '--', '--rows', '500', '--json']);
    expect(resultOf(stdout)).toMatchObject(nothingLost);
  });

  it('builds itself where only npx octank is typed', async () => {
    rmSync(join(clone, 'dist'), { recursive: true, force: true });
    const { stdout } = await run(clone, 'npx', ['octank', '--version']);
    expect(stdout).toContain(`octank/${version}`);
  });
});

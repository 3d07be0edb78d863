/** Runs the built command line as users run it: its own process, its exit code, what it prints. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { distDir, projectRoot } from './dist.ts';

export interface CliOptions {
  /** Beside the test's own environment, of which nothing that names AWS or octank is inherited; undefined unsets. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** What is on its standard input, which then ends. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface CliResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it printed so far. */
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the text was printed on either stream; rejects at the deadline or when the process ends before. */
  printed(text: string | RegExp, timeoutMs?: number): Promise<void>;
  readonly exited: Promise<CliResult>;
}

const ownVariables = /^(AWS_|OCTANK_|PG|MYSQL|VITEST|NODE_OPTIONS$|FORCE_COLOR$|CI$)/;

const environmentFor = (given: CliOptions['env']): NodeJS.ProcessEnv => {
  const inherited = Object.entries(process.env).filter(([name]) => !ownVariables.test(name));
  const merged = { ...Object.fromEntries(inherited), NO_COLOR: '1', ...given };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
};

const writeWhole = (path: string, text: string): void => {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
};

/** oclif finds commands through a package.json beside its entry: a build elsewhere than dist/ gets one of its own. */
const entryOf = (dist: string): string => {
  if (dist === join(projectRoot, 'dist')) return join(projectRoot, 'bin', 'run.js');
  if (relative(projectRoot, dist) === 'none')
    throw new Error('tests of the command line need a build: set OCTANK_DIST=.octank/dist-NAME, or leave it unset');
  const root = join(dist, 'root');
  mkdirSync(root, { recursive: true });
  const manifest = readFileSync(join(projectRoot, 'package.json'), 'utf8');
  writeWhole(join(root, 'package.json'), manifest.replaceAll('"./dist/', '"../'));
  writeWhole(join(root, 'run.js'), "import { run } from '../cli.js';\nawait run(import.meta.url);\n");
  return join(root, 'run.js');
};

export const spawnOctank = (args: readonly string[], options: CliOptions = {}): CliProcess => {
  const child = spawn(process.execPath, [entryOf(distDir()), ...args], {
    cwd: options.cwd ?? projectRoot,
    env: environmentFor(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk;
      for (const listener of listeners) listener();
    });
  // A process that ended without reading its input is not a fault of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const timeoutMs = options.timeoutMs ?? 120_000;
  const exited = new Promise<CliResult>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`octank ${args.join(' ')} did not end in ${timeoutMs} ms\n${text.stdout}\n${text.stderr}`));
    }, timeoutMs);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...text });
      for (const listener of listeners) listener();
    });
  });
  // Who kills it may never ask how it ended.
  exited.catch(() => undefined);
  const has = (wanted: string | RegExp): boolean =>
    [text.stdout, text.stderr].some((all) => (typeof wanted === 'string' ? all.includes(wanted) : wanted.test(all)));
  return {
    pid: child.pid ?? 0,
    child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    kill: (signal) => void child.kill(signal),
    exited,
    printed: (wanted, deadlineMs = 60_000) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void => {
          done();
          reject(new Error(`octank ${args.join(' ')} ${why} ${wanted}\n${text.stdout}\n${text.stderr}`));
        };
        const look = (): void => {
          if (has(wanted)) {
            done();
            resolve();
          } else if (child.exitCode !== null || child.signalCode !== null) fail('ended before it printed');
        };
        const timer = setTimeout(() => fail(`did not print in ${deadlineMs} ms`), deadlineMs);
        const done = (): void => {
          clearTimeout(timer);
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      }),
  };
};

export const octank = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  spawnOctank(args, options).exited;

/** Lines of `--json` output, each parsed; a line that is not JSON fails the test that reads it. */
export const jsonLines = (stdout: string): readonly Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

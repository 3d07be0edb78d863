/** `octank rehearsal start|stop|status` and `octank rehearse`: the rehearsal as a process beside us, started, found again and ended. */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../model/fault.ts';
import type { RehearsalConfig, RehearsalEndpoint } from './config.ts';
import { ownerOf } from './pid-file.ts';
import { endpointFile } from './rehearsal.ts';
import { discardStandIns } from './stand-ins/index.ts';

export interface StartOptions {
  readonly config: RehearsalConfig;
  /** Path of the built main.js. */
  readonly entry: string;
  /** One line for the user, now and then. */
  log(line: string): void;
  /** Seeding large databases takes its time. */
  readonly deadlineSeconds?: number;
  readonly signal?: AbortSignal;
}

export type RehearsalStatus =
  | { readonly state: 'running'; readonly endpoint: RehearsalEndpoint }
  | { readonly state: 'starting'; readonly pid: number }
  | { readonly state: 'stopped' };

const pollMs = 25;
const stopSeconds = 60;

export const logFile = (stateDir: string): string => join(stateDir, 'rehearsal.log');

/** As it was last, whether it runs or not. */
export const lastEndpoint = async (stateDir: string): Promise<RehearsalEndpoint | undefined> => {
  const text = await readFile(endpointFile(stateDir), 'utf8').catch(() => '');
  return text === '' ? undefined : (JSON.parse(text) as RehearsalEndpoint);
};

const answers = async (endpoint: RehearsalEndpoint): Promise<boolean> => {
  try {
    const response = await fetch(`${endpoint.url}/_octank/health`, { signal: AbortSignal.timeout(2000) });
    const body = (await response.json()) as { ready?: boolean; pid?: number };
    return body.ready === true && body.pid === endpoint.pid;
  } catch {
    return false;
  }
};

export const rehearsalStatus = async (stateDir: string): Promise<RehearsalStatus> => {
  const owner = await ownerOf(stateDir);
  if (!owner) return { state: 'stopped' };
  const endpoint = await lastEndpoint(stateDir);
  // The file may be the last run's: only the one that lives now counts.
  if (endpoint?.pid === owner.pid && (await answers(endpoint))) return { state: 'running', endpoint };
  return { state: 'starting', pid: owner.pid };
};

/** What the process said last; where in its code is for the log file. */
const lastLines = async (stateDir: string): Promise<string> => {
  const text = await readFile(logFile(stateDir), 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  return lines.slice(-5).join('\n');
};

/** Secrets may be in it: only its owner reads it. */
const writeConfig = async (config: RehearsalConfig): Promise<string> => {
  const path = join(config.stateDir, 'config.json');
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(config, null, 2), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return path;
};

const notStarted = async (stateDir: string, detail: string): Promise<Fault> =>
  new Fault({
    code: 'rehearsal.not-started',
    summary: 'The rehearsal did not start.',
    detail: `${detail}\n${await lastLines(stateDir)}`.trim(),
    hint: `Read ${logFile(stateDir)}.`,
  });

interface Spawned {
  /** How it ended, once it did. */
  exit(): string | undefined;
}

const spawnRehearsal = async (options: StartOptions): Promise<Spawned> => {
  const { config, entry } = options;
  const configFile = await writeConfig(config);
  const output = await open(logFile(config.stateDir), 'a', 0o600);
  let exit: string | undefined;
  const child = spawn(process.execPath, [entry, configFile], {
    detached: true,
    stdio: ['ignore', 'ignore', output.fd],
  });
  await output.close();
  child.once('error', (error) => {
    exit = error.message;
  });
  child.once('exit', (code, by) => {
    exit = `It ended with ${code ?? by}.`;
  });
  child.unref();
  options.log(`The rehearsal starts in ${config.stateDir}.`);
  return { exit: () => exit };
};

/** Starts it, or finds the one that runs on the folder. It outlives us. */
export const startRehearsal = async (options: StartOptions): Promise<RehearsalEndpoint> => {
  const { stateDir } = options.config;
  const deadline = Date.now() + (options.deadlineSeconds ?? 300) * 1000;
  let spawned: Spawned | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    const status = await rehearsalStatus(stateDir);
    if (status.state === 'running') return status.endpoint;
    const exit = spawned?.exit();
    if (exit !== undefined) throw await notStarted(stateDir, exit);
    // One that was starting, or dying, when we first looked may be gone now.
    if (status.state === 'stopped') spawned ??= await spawnRehearsal(options);
    if (Date.now() > deadline)
      throw await notStarted(stateDir, `It was not ready after ${options.deadlineSeconds ?? 300} s.`);
    await sleep(pollMs);
  }
};

/** False: none was running. Databases are stopped with it; state stays. */
export const stopRehearsal = async (stateDir: string): Promise<boolean> => {
  const owner = await ownerOf(stateDir);
  if (!owner) return false;
  process.kill(owner.pid, 'SIGTERM');
  const deadline = Date.now() + stopSeconds * 1000;
  while (await ownerOf(stateDir)) {
    if (Date.now() > deadline)
      throw new Fault({
        code: 'rehearsal.not-stopped',
        summary: 'The rehearsal did not stop in time.',
        detail: `pid ${owner.pid}, after ${stopSeconds} s.`,
        hint: `kill -9 ${owner.pid}; its state survives that.`,
        effect: 'unknown',
      });
    await sleep(pollMs);
  }
  return true;
};

/** Stops it and removes all that it kept. */
export const discardRehearsal = async (stateDir: string): Promise<void> => {
  await stopRehearsal(stateDir);
  await discardStandIns(stateDir);
  await rm(stateDir, { recursive: true, force: true });
};

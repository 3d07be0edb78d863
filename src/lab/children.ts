/** Starts the lab's own processes and listens to them: config in a private file, status on stdout, an end that is waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Fault } from '../model/fault.ts';

export interface LabProcess<Status> {
  /** Newest status; null before the first. */
  status(): Status | null;
  command(line: object): void;
  /** Null while it runs; afterwards how it ended. */
  ended(): { readonly code: number | null } | null;
  /** Asks it to stop and returns its last status. Faults: `lab.process-failed`. */
  stop(): Promise<Status>;
}

const readySeconds = 30;
const stopSeconds = 20;

const failed = (name: string, stderr: readonly string[], why: string): Fault =>
  new Fault({
    code: 'lab.process-failed',
    summary: 'A process of the lab did not do its part, so the rehearsal proves nothing.',
    detail: `${name} ${why}. ${stderr.slice(-5).join(' ')}`.trim(),
    hint: 'Rehearse again; if it stays, report the message.',
    effect: 'none',
  });

const within = async <T>(promise: Promise<T>, seconds: number, atDeadline: () => Error): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(atDeadline()), seconds * 1000);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
};

/** Resolves when the process says that it is ready. The child ends by itself when we die, since its stdin closes. */
export const startProcess = async <Status extends object>(options: {
  readonly name: string;
  readonly entry: string;
  readonly configFile: string;
  readonly config: object;
  readonly onStatus?: (status: Status) => void;
}): Promise<LabProcess<Status>> => {
  const { name } = options;
  await writeFile(options.configFile, JSON.stringify(options.config), { mode: 0o600 });
  const child: ChildProcess = spawn(process.execPath, [options.entry, options.configFile], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own group: Ctrl-C reaches octank, which stops the lab when the run has ended in order.
    detached: true,
  });
  const stderr: string[] = [];
  let newest: Status | null = null;
  let end: { readonly code: number | null } | null = null;

  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      stderr.push(error.message);
      end = { code: null };
      resolve();
    });
    child.once('close', (code) => {
      end = { code };
      resolve();
    });
  });
  child.stdin?.on('error', () => undefined);
  if (child.stderr)
    createInterface({ input: child.stderr }).on('line', (line) => {
      stderr.push(line);
      if (stderr.length > 50) stderr.shift();
    });
  const ready = new Promise<void>((resolve) => {
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      newest = JSON.parse(line) as Status;
      options.onStatus?.(newest);
      resolve();
    });
  });

  await within(
    Promise.race([
      ready,
      exited.then(() => {
        throw failed(name, stderr, 'ended before it was ready');
      }),
    ]),
    readySeconds,
    () => failed(name, stderr, `was not ready within ${readySeconds} s`),
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });

  return {
    status: () => newest,
    command: (line) => {
      child.stdin?.write(`${JSON.stringify(line)}\n`);
    },
    ended: () => end,
    stop: async () => {
      if (end === null) child.kill('SIGTERM');
      await within(exited, stopSeconds, () => failed(name, stderr, `did not stop within ${stopSeconds} s`)).catch(
        (error: unknown) => {
          child.kill('SIGKILL');
          throw error;
        },
      );
      const code = end === null ? null : (end as { readonly code: number | null }).code;
      if (code !== 0 || newest === null) throw failed(name, stderr, `ended with ${code}`);
      return newest;
    },
  };
};

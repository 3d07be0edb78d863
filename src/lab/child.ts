/** What the lab's own processes have in common: a config file, one JSON line a second, and an end that always comes. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';

/** One JSON object per line on stdout; the parent reads nothing else. */
export const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

export interface Part {
  /** Told each second. */
  status(): object;
  /** A line that the parent wrote to stdin. */
  command?(line: unknown): void;
  /** Returns the last status. */
  stop(): Promise<object>;
}

/** A stop that hangs would leave a process behind after its rehearsal. */
const stopSeconds = 15;

const listen = (onLine: (line: unknown) => void, onEnd: () => void): void => {
  let rest = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') onLine(JSON.parse(line));
  });
  process.stdin.on('end', onEnd);
  process.stdin.on('error', onEnd);
};

/** Runs a part until SIGTERM, SIGINT, or until the parent is gone: its end of stdin closes with it, however it died. */
export const runChild = async <Config>(
  schema: z.ZodType<Config>,
  start: (config: Config) => Promise<Part>,
): Promise<void> => {
  const file = process.argv[2];
  if (!file) throw new Error('the config file is the one argument');
  const part = await start(schema.parse(JSON.parse(await readFile(file, 'utf8'))));
  const beat = setInterval(() => say(part.status()), 1000);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    clearInterval(beat);
    setTimeout(() => process.exit(1), stopSeconds * 1000).unref();
    part
      .stop()
      .then((last) => process.stdout.write(`${JSON.stringify({ ...last, final: true })}\n`, () => process.exit(0)))
      .catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      });
  };
  // A parent that is gone cannot read either: the broken pipe is then the signal to stop, not a crash.
  process.stdout.on('error', stop);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  listen((line) => part.command?.(line), stop);
  say({ ...part.status(), ready: true });
};

/** Ends early, without an error, when aborted. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });

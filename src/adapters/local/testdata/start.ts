/** Builds the child once and starts it: Node runs no TypeScript here. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** Next line it says, parsed; undefined when it ended. */
  next(): Promise<unknown>;
  kill(): Promise<void>;
}

export const buildChild = async (folder: string): Promise<string> => {
  const outfile = join(folder, 'child.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('child.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return outfile;
};

export const startChild = (script: string, ...args: readonly string[]): Child => {
  const child = spawn(process.execPath, [script, ...args]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    process: child,
    next: async () => {
      const { value, done } = await lines.next();
      return done ? undefined : JSON.parse(value);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
};

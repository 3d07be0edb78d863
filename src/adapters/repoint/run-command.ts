/** Runs a command of the plan: no shell, few variables, a deadline, and not a word of its output in faults. */
import { spawn } from 'node:child_process';
import { Fault, type FaultEffect } from '../../model/fault.ts';

export interface CommandRequest {
  readonly argv: readonly string[];
  readonly timeoutSeconds: number;
  /** Whether a failure may hide an effect. */
  readonly mutates: boolean;
  /** Variables besides the ones every command gets. */
  readonly env: Readonly<Record<string, string>>;
}

/** Standard output, trimmed. Faults: `command.missing`, `command.failed`, `command.timeout`. */
export type RunCommand = (request: CommandRequest) => Promise<string>;

/** What a program needs to find itself at home; credentials of octank's own are not among them. */
const passedOn = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot'];

/** More output than an answer needs; the rest is read and dropped, so that the command does not block. */
const mostOutput = 64 * 1024;

const environment = (parent: Readonly<Record<string, string | undefined>>, more: Readonly<Record<string, string>>) => ({
  ...Object.fromEntries(passedOn.flatMap((name) => (parent[name] === undefined ? [] : [[name, parent[name]]]))),
  ...more,
});

const fault = (code: string, summary: string, detail: string, hint: string, effect: FaultEffect): Fault =>
  new Fault({ code, summary, detail, hint, effect });

export const createRunCommand =
  (options: {
    /** The plan's folder: relative paths of commands mean files beside the plan. */
    readonly cwd: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
  }): RunCommand =>
  ({ argv, timeoutSeconds, mutates, env }) =>
    new Promise((resolve, reject) => {
      const [program = '', ...args] = argv;
      const afterwards: FaultEffect = mutates ? 'unknown' : 'none';
      // A group of its own, so that what the command started ends with it; Ctrl-C is octank's to answer.
      const child = spawn(program, args, {
        cwd: options.cwd,
        env: environment(options.env ?? process.env, env),
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
        windowsHide: true,
      });
      let output = '';
      let late = false;
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (chunk: string) => {
        if (output.length < mostOutput) output += chunk;
      });
      const timer = setTimeout(() => {
        late = true;
        if (child.pid !== undefined) killGroup(child.pid);
        // A grandchild that left the group may hold the pipe open for ever.
        child.stdout.destroy();
      }, timeoutSeconds * 1000);
      child.once('error', (error) => {
        clearTimeout(timer);
        const code = 'code' in error ? String(error.code) : error.name;
        reject(
          fault(
            'command.missing',
            'A command cannot be started.',
            `${program}: ${code}`,
            'Correct its path in the plan.',
            'none',
          ),
        );
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        if (late)
          reject(
            fault(
              'command.timeout',
              'A command did not end in time and was stopped.',
              `${program} after ${timeoutSeconds} s.`,
              'Look at what it did; then run the same command again: it looks first.',
              afterwards,
            ),
          );
        else if (code === 0) resolve(output.trim());
        else
          reject(
            fault(
              'command.failed',
              'A command failed.',
              `${program}: ${code === null ? signal : `exit ${code}`}.`,
              'Run it by hand to see why; its output is not repeated here, because it may hold secrets.',
              afterwards,
            ),
          );
      });
    });

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself just now.
  }
};

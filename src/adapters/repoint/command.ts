/** Repointing by commands of the user's own: one that looks, one that acts, one that undoes. */
import { z } from 'zod';
import type { RepointState } from '../../ports/repoint.ts';
import { actFrom, defineDriver } from './driver.ts';
import type { RunCommand } from './run-command.ts';

export const argvSettings = z.array(z.string()).min(1);

const settings = z.strictObject({
  /** Prints `source` or `target`, by looking; anything else is foreign. */
  observe: argvSettings,
  perform: argvSettings,
  undo: argvSettings,
  timeoutSeconds: z.number().positive().max(3600).default(60),
  /** Seconds until applications follow, where that is known. */
  tailSeconds: z.number().nonnegative().optional(),
});

export const observeBy = async (
  run: RunCommand,
  command: { readonly argv: readonly string[]; readonly timeoutSeconds: number },
): Promise<RepointState> => {
  const answer = await run({ ...command, mutates: false, env: {} });
  const [program = ''] = command.argv;
  return answer === 'source' || answer === 'target'
    ? { at: answer, detail: `${program} says ${answer}`, before: { at: answer } }
    : // What it printed instead may be anything, also a secret.
      { at: 'foreign', detail: `${program} printed neither source nor target`, before: {} };
};

export const commandDriver = defineDriver({
  kind: 'command',
  settings,
  create: (given, { run }) => {
    const { timeoutSeconds } = given;
    const observe = () => observeBy(run, { argv: given.observe, timeoutSeconds });
    const act = (argv: readonly string[], token: string) =>
      // The token is the same when an attempt is repeated, so that a command can be idempotent by it.
      run({ argv, timeoutSeconds, mutates: true, env: { OCTANK_TOKEN: token } });
    return {
      observe,
      perform: async (_captured, token) => actFrom('target', await observe(), () => act(given.perform, token)),
      undo: async (_captured, token) => actFrom('source', await observe(), () => act(given.undo, token)),
      tailSeconds: async () => given.tailSeconds ?? null,
    };
  },
});

/** Repointing by a person: the instructions are announced, and a command that looks says when it is done. */
import { z } from 'zod';
import { exitCodes, Fault } from '../../model/fault.ts';
import { argvSettings, observeBy } from './command.ts';
import { actFrom, defineDriver } from './driver.ts';

const settings = z.strictObject({
  instructions: z.string().min(1),
  undoInstructions: z.string().min(1),
  /** Prints `source` or `target`. A person's word is not proof, so there is no confirming by a key. */
  observe: argvSettings,
  /** How long the person may take. */
  waitSeconds: z.number().positive().max(86_400).default(900),
  timeoutSeconds: z.number().positive().max(3600).default(60),
});

const lookEveryMs = 1000;

export const manualDriver = defineDriver({
  kind: 'manual',
  settings,
  create: (given, { run, clock: { wall }, announce }) => {
    const observe = () => observeBy(run, { argv: given.observe, timeoutSeconds: given.timeoutSeconds });

    const ask = async (wanted: 'source' | 'target', text: string): Promise<void> => {
      announce(text);
      const deadline = wall.now() + given.waitSeconds * 1000;
      while ((await observe()).at !== wanted) {
        if (wall.now() >= deadline)
          throw new Fault({
            code: 'repoint.not-done-by-hand',
            summary: 'What a person was asked to do is not seen done.',
            detail: `Waited ${given.waitSeconds} s for ${wanted}: ${text}`,
            hint: 'Do it, then run the same command again.',
            effect: 'unknown',
            exitCode: exitCodes.held,
          });
        await wall.sleep(lookEveryMs);
      }
    };

    return {
      observe,
      perform: async () => actFrom('target', await observe(), () => ask('target', given.instructions)),
      undo: async () => actFrom('source', await observe(), () => ask('source', given.undoInstructions)),
      tailSeconds: async () => null,
    };
  },
});

/** Entry of the command line: hands over to oclif, and turns its parse errors into our exit code for usage. */
import { Errors, flush, run as runCommand } from '@oclif/core';

const usage = 3;

/** A script that asked for JSON reads the reason from there too. */
const usageJson = (error: Error): string =>
  JSON.stringify({
    type: 'error',
    code: 'usage.invalid',
    summary: 'The command line is not valid.',
    detail: error.message,
    hint: 'Add --help to see what the command takes.',
    exitCode: usage,
  });

export const run = async (url: string): Promise<void> => {
  try {
    await runCommand(process.argv.slice(2), url);
    await flush();
  } catch (error) {
    // Not oclif's own `execute`: it ends the process with 2, which is our code for changes.
    if (error instanceof Errors.CLIError && error.oclif.exit !== 0) {
      error.oclif.exit = usage;
      if (process.argv.includes('--json')) process.stdout.write(`${usageJson(error)}\n`);
    }
    await Errors.handle(error as Error);
  }
};

/** Entry of the command line: hands over to oclif, and turns its parse errors into our exit code for usage. */
import { Errors, execute } from '@oclif/core';

const usage = 3;

export const run = async (url: string): Promise<void> => {
  try {
    await execute({ dir: url });
  } catch (error) {
    if (error instanceof Errors.CLIError && error.oclif.exit !== 0) error.oclif.exit = usage;
    throw error;
  }
};

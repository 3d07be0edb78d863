/** Asks a person on the terminal; the one place where inquirer is used. */
import { exitCodes, Fault } from '../../model/fault.ts';
import type { Question } from '../../ports/host.ts';
import { wrap } from '../format.ts';

/** Ctrl-C at the question reaches inquirer, not the process: it means what it means everywhere else. */
const interrupted = (error: unknown): unknown =>
  error instanceof Error && error.name === 'ExitPromptError'
    ? new Fault({
        code: 'run.interrupted',
        summary: 'The run was interrupted.',
        detail: 'At the question for an approval; nothing was approved.',
        hint: 'The same command asks again.',
        effect: 'none',
        exitCode: exitCodes.interrupted,
      })
    : error;

export const askForApproval = async (question: Question): Promise<boolean> => {
  const { default: inquirer } = await import('inquirer');
  const width = (process.stdout.columns ?? 80) - 2;
  const lines = question.lines.map((line) => `  ${wrap(line, width, '  ')}\n`);
  process.stdout.write(`\n${wrap(question.title, width)}\n${lines.join('')}\n`);
  try {
    const { approved } = await inquirer.prompt<{ approved: boolean }>([
      {
        type: 'confirm',
        name: 'approved',
        message: `Approve ${question.approval} (${question.stepId})?`,
        default: false,
      },
    ]);
    return approved;
  } catch (error) {
    throw interrupted(error);
  }
};

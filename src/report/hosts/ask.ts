/** Asks a person on the terminal; the one place where inquirer is used. */
import type { Question } from '../../ports/host.ts';

export const askForApproval = async (question: Question): Promise<boolean> => {
  const { default: inquirer } = await import('inquirer');
  process.stdout.write(`\n${question.title}\n${question.lines.map((line) => `  ${line}\n`).join('')}\n`);
  const { approved } = await inquirer.prompt<{ approved: boolean }>([
    {
      type: 'confirm',
      name: 'approved',
      message: `Approve ${question.approval} (${question.stepId})?`,
      default: false,
    },
  ]);
  return approved;
};

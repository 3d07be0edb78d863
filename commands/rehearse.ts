/** octank rehearse: the whole plan on the embedded AWS, under write load and traffic. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, openHost, runUseCase } from '../src/app/console.ts';

export default class Rehearse extends Command {
  static override summary = 'Rehearse the whole plan on the embedded AWS, under write load and traffic';
  static override description =
    'Starts two real PostgreSQL servers and an AWS endpoint on loopback, seeds the source, runs an application and its traffic, applies the plan, and proves at the end that no write was lost or doubled.';
  static override examples = [
    '<%= config.bin %> rehearse plans/shop.yaml',
    '<%= config.bin %> rehearse plans/shop.yaml --rows 10000 --json',
  ];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    'auto-approve': Flags.boolean({ description: 'give every approval' }),
    rows: Flags.integer({ description: 'orders of the generated shop', min: 1 }),
    rate: Flags.integer({ description: 'how many times faster ladder and gate times run', min: 1, max: 120 }),
    keep: Flags.boolean({ description: 'leave the embedded AWS and the databases running' }),
    report: Flags.string({ description: 'where to write the HTML report', helpValue: 'FILE' }),
    json: Flags.boolean({ description: 'one JSON object per line, ending in a result' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rehearse);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { rehearseAndTell } = await import('../src/app/rehearse-and-tell.ts');
      const { host, close } = await openHost(console, { autoApprove: flags['auto-approve'] });
      return rehearseAndTell(
        {
          planFile: args.plan,
          rows: flags.rows ?? null,
          rate: flags.rate ?? null,
          keep: flags.keep,
          report: flags.report ?? null,
        },
        { console, host, close },
      );
    });
  }
}

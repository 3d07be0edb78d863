/** octank migrate report: the run as one self-contained file. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class MigrateReport extends Command {
  static override summary = 'Write the report of a run: timeline, weights, lag, parity, gates, approvals';
  static override examples = ['<%= config.bin %> migrate report plans/shop.yaml --out report.html'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    out: Flags.string({ description: '.html, .md or .json', required: true, helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigrateReport);
    const console = openConsole({ json: false });
    process.exitCode = await runUseCase(console, async () => {
      const { reportMigration } = await import('../../src/app/write-report.ts');
      await reportMigration(args.plan, flags.out, console.settings);
      console.out(`Written: ${flags.out}`);
      return 0;
    });
  }
}

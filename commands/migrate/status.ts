/** octank migrate status: phase, writers, lag, weights, and what a rollback would cost now. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class MigrateStatus extends Command {
  static override summary = 'Show where the run stands and what a rollback would cost now';
  static override examples = [
    '<%= config.bin %> migrate status plans/shop.yaml',
    '<%= config.bin %> migrate status plans/shop.yaml --watch',
  ];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    json: Flags.boolean({ description: 'one JSON document' }),
    watch: Flags.boolean({ description: 'again every two seconds, until Ctrl-C', exclusive: ['json'] }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigrateStatus);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { showStatus } = await import('../../src/app/show-status.ts');
      const { renderStatus } = await import('../../src/report/status.ts');
      for (;;) {
        const { name, status } = await showStatus(args.plan, console.settings);
        if (flags.json) console.outJson(status);
        else {
          if (flags.watch && process.stdout.isTTY) console.out('\u001b[2J\u001b[H');
          console.out(renderStatus(status, name, console.style));
        }
        if (!flags.watch) return 0;
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    });
  }
}

/** octank migrate verify: compares every row on both sides. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class MigrateVerify extends Command {
  static override summary = 'Compare every row of the plan’s tables on both sides';
  static override description = 'Exit codes: 0 equal, 4 different or not to be decided while rows kept changing.';
  static override examples = [
    '<%= config.bin %> migrate verify plans/shop.yaml',
    "<%= config.bin %> migrate verify plans/shop.yaml --table 'shop.order*' --json",
  ];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    table: Flags.string({ description: 'only tables that match', helpValue: 'GLOB' }),
    json: Flags.boolean({ description: 'one JSON document' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigrateVerify);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { verifyMigration } = await import('../../src/app/verify-migration.ts');
      const { listenForInterrupt } = await import('../../src/app/interrupt.ts');
      const { progressLine } = await import('../../src/app/progress-line.ts');
      const { renderParity } = await import('../../src/report/parity-text.ts');
      const interrupt = listenForInterrupt({ file: args.plan, say: console.err });
      const line = progressLine(flags.json);
      try {
        const report = await verifyMigration(
          { file: args.plan, table: flags.table ?? null, signal: interrupt.signal, onProgress: line.show },
          console.settings,
        );
        line.clear();
        if (flags.json) console.outJson(report);
        else console.out(renderParity(report, console.style));
        return report.verdict === 'equal' ? 0 : 4;
      } finally {
        line.clear();
        interrupt.dispose();
      }
    });
  }
}

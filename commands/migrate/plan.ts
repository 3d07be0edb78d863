/** octank migrate plan: what would be done, and everything that is wrong. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class MigratePlan extends Command {
  static override summary = 'Show each step that would be taken, what is destructive, what needs approval';
  static override description = `Reads the plan, both databases, replication and DNS; changes nothing.
With --out the exact change set is saved, and apply performs that and nothing else.

Exit codes: 0 no problem (and, with --detailed-exitcode, no changes), 1 a check failed, 2 changes present (--detailed-exitcode), 3 the plan is not valid.`;
  static override examples = [
    '<%= config.bin %> migrate plan plans/shop.yaml',
    '<%= config.bin %> migrate plan plans/shop.yaml --out shop.octank',
    '<%= config.bin %> migrate plan plans/shop.yaml --offline --format markdown',
  ];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    out: Flags.string({ description: 'save the change set, so that exactly this is applied', helpValue: 'FILE' }),
    format: Flags.option({ options: ['text', 'json', 'markdown'] as const, default: 'text' as const })({
      description: 'how to print',
    }),
    json: Flags.boolean({ description: 'same as --format json' }),
    'detailed-exitcode': Flags.boolean({ description: 'exit 2 when there are changes' }),
    offline: Flags.boolean({ description: 'look at nothing but the plan file' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigratePlan);
    const format = flags.json ? 'json' : flags.format;
    const console = openConsole({ json: format === 'json' });
    process.exitCode = await runUseCase(console, async () => {
      const { planMigration } = await import('../../src/app/plan-migration.ts');
      const { planToJson, renderPlanMarkdown, renderPlanText } = await import('../../src/report/plan-text.ts');
      const outcome = await planMigration(
        {
          file: args.plan,
          offline: flags.offline,
          out: flags.out ?? null,
          detailedExitCode: flags['detailed-exitcode'],
        },
        console.settings,
      );
      if (format === 'json') console.outJson(planToJson(outcome.view));
      else if (format === 'markdown') console.out(renderPlanMarkdown(outcome.view));
      else console.out(renderPlanText(outcome.view, { style: console.style, width: console.width }));
      if (outcome.live && format === 'text')
        console.err(`A run of this plan is under way; go on with: octank migrate apply ${args.plan}`);
      return outcome.exitCode;
    });
  }
}

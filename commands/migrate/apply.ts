/** octank migrate apply: performs a plan or a saved plan, or goes on where an earlier process stopped. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, openHost, runUseCase } from '../../src/app/console.ts';
import { phaseNames } from '../../src/model/phase.ts';

export default class MigrateApply extends Command {
  static override summary = 'Perform the plan, or continue where it was';
  static override description =
    `Shows progress, asks for approvals on a terminal, and survives Ctrl-C and kill -9: the same command continues.

Exit codes: 0 done, 1 fault, 3 invalid, 4 parity differs, 5 a gate failed and weights moved back, 6 approval needed, 7 locked, 8 stale or finished, 9 needs a person, 130 interrupted and resumable.`;
  static override examples = [
    '<%= config.bin %> migrate apply plans/shop.yaml',
    '<%= config.bin %> migrate apply shop.octank --auto-approve',
    '<%= config.bin %> migrate apply plans/shop.yaml --until verify --json',
  ];
  static override args = { plan: Args.string({ description: 'plan file or saved plan', required: true }) };
  static override flags = {
    'auto-approve': Flags.boolean({ description: 'give every approval' }),
    until: Flags.option({ options: phaseNames })({ description: 'stop after this phase', helpValue: 'PHASE' }),
    wave: Flags.string({ description: 'only this wave', helpValue: 'WAVE' }),
    json: Flags.boolean({ description: 'one JSON object per line, ending in a result' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigrateApply);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { applyAndTell } = await import('../../src/app/apply-and-tell.ts');
      const { host, close } = await openHost(console, { autoApprove: flags['auto-approve'] });
      return applyAndTell(
        { file: args.plan, until: flags.until ?? null, wave: flags.wave ?? null },
        { console, host, close },
      );
    });
  }
}

/** octank migrate rollback: traffic goes back to the source side; the writer is never moved by this. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, openHost, runUseCase } from '../../src/app/console.ts';
import { phaseNames } from '../../src/model/phase.ts';

export default class MigrateRollback extends Command {
  static override summary = 'Move traffic back to the source side';
  static override description =
    'One batch per record. The writer stays where it is, so nothing is lost: both stacks use the same database. Moving the writer back is a separate action.';
  static override examples = ['<%= config.bin %> migrate rollback plans/shop.yaml'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    to: Flags.option({ options: phaseNames })({
      description: 'phase to stand before afterwards',
      default: 'traffic' as const,
      helpValue: 'PHASE',
    }),
    'auto-approve': Flags.boolean({ description: 'do not ask' }),
    json: Flags.boolean({ description: 'one JSON object per line, ending in a result' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MigrateRollback);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { rollbackAndTell } = await import('../../src/app/rollback-and-tell.ts');
      const { host, close } = await openHost(console, { autoApprove: flags['auto-approve'], forcePlain: true });
      return rollbackAndTell({ file: args.plan, to: flags.to }, { console, host, close, ask: !flags['auto-approve'] });
    });
  }
}

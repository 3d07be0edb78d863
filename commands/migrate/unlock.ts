/** octank migrate unlock: removes a lock whose holder is dead. */
import { Args, Command } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class MigrateUnlock extends Command {
  static override summary = 'Remove the lock of a dead process';
  static override examples = ['<%= config.bin %> migrate unlock plans/shop.yaml'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };

  async run(): Promise<void> {
    const { args } = await this.parse(MigrateUnlock);
    const console = openConsole({ json: false });
    process.exitCode = await runUseCase(console, async () => {
      const { unlockMigration } = await import('../../src/app/show-status.ts');
      console.out(await unlockMigration(args.plan, console.settings));
      return 0;
    });
  }
}

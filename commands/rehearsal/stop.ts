/** octank rehearsal stop: ends the embedded AWS and its databases; their state stays. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class RehearsalStop extends Command {
  static override summary = 'Stop the embedded AWS of a plan; its state stays';
  static override examples = ['<%= config.bin %> rehearsal stop plans/shop.yaml'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = { json: Flags.boolean({ description: 'one JSON document' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RehearsalStop);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { rehearsalRoot, stopForPlan } = await import('../../src/app/rehearsal-control.ts');
      const stopped = await stopForPlan(args.plan, rehearsalRoot);
      if (flags.json) console.outJson({ formatVersion: 1, stopped });
      else console.out(stopped ? 'Stopped.' : 'None was running.');
      return 0;
    });
  }
}

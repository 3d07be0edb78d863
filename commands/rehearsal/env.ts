/** octank rehearsal env: the environment that points octank, and any AWS tool, at the embedded AWS. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class RehearsalEnv extends Command {
  static override summary = 'Print the environment that points a shell at the embedded AWS';
  static override examples = ['eval "$(<%= config.bin %> rehearsal env plans/shop.yaml)"'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = { json: Flags.boolean({ description: 'one JSON document' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RehearsalEnv);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { environmentForPlan, rehearsalRoot } = await import('../../src/app/rehearsal-control.ts');
      const environment = await environmentForPlan(args.plan, rehearsalRoot);
      if (flags.json) console.outJson(environment);
      else
        for (const [name, value] of Object.entries(environment))
          console.out(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
      return 0;
    });
  }
}

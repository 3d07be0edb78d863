/** octank rehearsal start: the embedded AWS and the stand-in databases, left running. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class RehearsalStart extends Command {
  static override summary = 'Start the embedded AWS for a plan, and leave it running';
  static override examples = [
    '<%= config.bin %> rehearsal start plans/shop.yaml',
    'eval "$(<%= config.bin %> rehearsal env plans/shop.yaml)" && <%= config.bin %> migrate plan plans/shop.yaml',
  ];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = {
    fresh: Flags.boolean({ description: 'remove what an earlier rehearsal left' }),
    rows: Flags.integer({ description: 'orders of the generated shop', min: 1 }),
    rate: Flags.integer({ description: 'how many times faster ladder and gate times run', min: 1, max: 120 }),
    json: Flags.boolean({ description: 'one JSON document' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RehearsalStart);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { rehearsalRoot, startForPlan, statusForPlan } = await import('../../src/app/rehearsal-control.ts');
      const started = await startForPlan({
        planFile: args.plan,
        root: rehearsalRoot,
        fresh: flags.fresh,
        rows: flags.rows ?? null,
        rate: flags.rate ?? null,
        log: (line) => {
          if (!flags.json) console.err(line);
        },
      });
      if (flags.json) console.outJson(await statusForPlan(args.plan, rehearsalRoot));
      else
        console.out(
          `The embedded AWS answers at ${started.endpoint.url}.\nPoint a shell at it: eval "$(octank rehearsal env ${args.plan})"\nStop it: octank rehearsal stop ${args.plan}`,
        );
      return 0;
    });
  }
}

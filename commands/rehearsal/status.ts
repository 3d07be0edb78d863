/** octank rehearsal status: whether the embedded AWS of a plan runs, and where. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../../src/app/console.ts';

export default class RehearsalStatus extends Command {
  static override summary = 'Show whether the embedded AWS of a plan runs, and where';
  static override examples = ['<%= config.bin %> rehearsal status plans/shop.yaml'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = { json: Flags.boolean({ description: 'one JSON document' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RehearsalStatus);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { rehearsalRoot, statusForPlan } = await import('../../src/app/rehearsal-control.ts');
      const status = await statusForPlan(args.plan, rehearsalRoot);
      if (flags.json) console.outJson(status);
      else if (status.state !== 'running') console.out(`${status.plan}: ${status.state} (${status.stateDir})`);
      else {
        console.out(
          `${status.plan}: ${status.state} at ${status.url}, process ${status.pid}, clock x${status.clockRate}`,
        );
        console.out(`DNS at ${status.dns.host}:${status.dns.port}, state in ${status.stateDir}`);
        for (const [name, { host, port, dbname }] of Object.entries(status.databases))
          console.out(`database ${name}: ${host}:${port}/${dbname}`);
      }
      return 0;
    });
  }
}

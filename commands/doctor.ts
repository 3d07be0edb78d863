/** octank doctor: credentials, connectivity, engine settings, versions. */
import { Args, Command, Flags } from '@oclif/core';
import { openConsole, runUseCase } from '../src/app/console.ts';

export default class Doctor extends Command {
  static override summary = 'Check credentials, permissions, connectivity, engine settings and versions';
  static override examples = ['<%= config.bin %> doctor plans/shop.yaml'];
  static override args = { plan: Args.string({ description: 'plan file', required: true }) };
  static override flags = { json: Flags.boolean({ description: 'one JSON document' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Doctor);
    const console = openConsole({ json: flags.json });
    process.exitCode = await runUseCase(console, async () => {
      const { runDoctor } = await import('../src/app/doctor.ts');
      const report = await runDoctor(args.plan, console.settings);
      if (flags.json) console.outJson(report);
      else {
        const { style } = console;
        const mark = { ok: style.green('ok'), warning: style.yellow('warning'), error: style.red('error') };
        console.out(`octank ${report.octank}, Node ${report.node}`);
        for (const { name, result, detail, hint } of report.findings)
          console.out(`${mark[result]} ${style.bold(name)}: ${detail}${hint === '' ? '' : `\n  -> ${hint}`}`);
      }
      return report.exitCode;
    });
  }
}

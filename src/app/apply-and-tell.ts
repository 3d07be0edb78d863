/** Use case: apply, then say how it ended: the summary for people, the result line for scripts. */
import type { ExitCode } from '../model/fault.ts';
import type { Host } from '../ports/host.ts';
import { renderSummary, resultOf } from '../report/summary.ts';
import { type ApplyOptions, applyMigration } from './apply-migration.ts';
import { type Console, printFault } from './console.ts';
import { rollbackCost } from './live-facts.ts';
import { noCheckpoints, openWorld, readOnly } from './world.ts';

export const applyAndTell = async (
  options: ApplyOptions,
  given: { readonly console: Console; readonly host: Host; readonly close: () => Promise<void> },
): Promise<ExitCode> => {
  const { console, host, close } = given;
  const { settings } = console;
  let outcome: Awaited<ReturnType<typeof applyMigration>>;
  try {
    outcome = await applyMigration(options, settings, { host });
  } finally {
    await close();
  }
  const { plan, state, fault, exitCode } = outcome;
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const result = resultOf({
      state,
      outcome: outcome.outcome,
      exitCode,
      fault,
      rollback: outcome.rollback ?? (await rollbackCost(world, plan, state)),
      measured: null,
      clockRate: settings.clock.rate,
    });
    if (console.json) console.outJson(result);
    else {
      if (fault) printFault(console, fault);
      console.out(renderSummary(result, console.style));
    }
  } finally {
    await world.close();
  }
  return exitCode;
};

/** Use case: asks before traffic moves back, does it, and says what holds afterwards. */
import { type ExitCode, exitCodes, Fault } from '../model/fault.ts';
import type { Host } from '../ports/host.ts';
import { renderRollbackCost } from '../report/status.ts';
import { resultOf } from '../report/summary.ts';
import type { Console } from './console.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { type RollbackOptions, rollbackLines, rollbackMigration } from './rollback-migration.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import { clockOf } from './world.ts';

interface Given {
  readonly console: Console;
  readonly host: Host;
  readonly close: () => Promise<void>;
  readonly ask: boolean;
}

const approve = async (options: RollbackOptions, { console, ask }: Given): Promise<void> => {
  if (!ask) return;
  const plan = requirePlan(await openPlan(options.file));
  const run = await latestRun(stateFolderOf(plan, console.settings), {
    clock: clockOf(console.settings),
    fencing: () => 0,
  });
  if (!run?.state) return;
  const needed = new Fault({
    code: 'approval.needed',
    summary: 'Moving traffic back needs a yes.',
    detail: rollbackLines(plan, run.state).join('\n'),
    hint: `Run it in a terminal, or: octank migrate rollback ${options.file} --auto-approve`,
    exitCode: exitCodes.approvalNeeded,
  });
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) throw needed;
  const { askForApproval } = await import('../report/hosts/ask.ts');
  const approved = await askForApproval({
    approval: 'rollback',
    stepId: 'traffic',
    title: `Move the traffic of ${plan.name} back?`,
    lines: rollbackLines(plan, run.state),
  });
  if (!approved) throw needed;
};

export const rollbackAndTell = async (options: RollbackOptions, given: Given): Promise<ExitCode> => {
  const { console, host, close } = given;
  await approve(options, given);
  const outcome = await rollbackMigration(options, console.settings, { host });
  await close();
  if (console.json)
    console.outJson(
      resultOf({
        state: outcome.state,
        outcome: 'rolled-back',
        exitCode: outcome.exitCode,
        fault: null,
        rollback: outcome.cost,
        measured: null,
        clockRate: console.settings.clock.rate,
      }),
    );
  else
    console.out(
      [
        outcome.moved.length > 0
          ? `Traffic of ${outcome.moved.join(', ')} is back on the source side.`
          : 'No traffic had been moved; nothing was changed.',
        `rollback now costs: ${renderRollbackCost(outcome.cost)}`,
      ].join('\n'),
    );
  return outcome.exitCode;
};

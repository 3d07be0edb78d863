/** Use case: rehearse, then say how it ended: the summary for people, the result line for scripts. */
import type { ExitCode } from '../model/fault.ts';
import type { Host } from '../ports/host.ts';
import { renderSummary } from '../report/summary.ts';
import { type Console, printFault } from './console.ts';
import { type RehearseOptions, rehearse } from './rehearse.ts';

export const rehearseAndTell = async (
  options: RehearseOptions,
  given: { readonly console: Console; readonly host: Host; readonly close: () => Promise<void> },
): Promise<ExitCode> => {
  const { console, host, close } = given;
  const log = (text: string): void => host.notify({ type: 'note', text });
  let outcome: Awaited<ReturnType<typeof rehearse>>;
  try {
    outcome = await rehearse(options, host, log);
  } finally {
    await close();
  }
  const { result } = outcome;
  if (console.json) console.outJson(result);
  else {
    if (outcome.fault) printFault(console, outcome.fault);
    console.out(renderSummary(result, console.style));
  }
  return outcome.exitCode;
};

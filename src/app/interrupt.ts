/** Ctrl-C and SIGTERM: the first lets the effect under way finish and be journaled, the second ends the process at once. */
import { exitCodes, Fault } from '../model/fault.ts';

export interface Interrupt {
  readonly signal: AbortSignal;
  abort(reason: Fault): void;
  dispose(): void;
}

export const interruptedFault = (file: string): Fault =>
  new Fault({
    code: 'run.interrupted',
    summary: 'The run was interrupted.',
    hint: `It continues with: octank migrate apply ${file}`,
    effect: 'none',
    exitCode: exitCodes.interrupted,
  });

export const listenForInterrupt = (options: {
  readonly file: string;
  readonly say: (text: string) => void;
}): Interrupt => {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    options.say('Interrupted: the effect under way is finished and journaled. Once more ends at once.');
    controller.abort(interruptedFault(options.file));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
};

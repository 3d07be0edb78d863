/** One line on stderr that is overwritten as work goes on; nothing where stderr is not a terminal. */
import type { Progress } from '../ports/host.ts';
import { progressText } from '../report/hosts/progress.ts';
import { createRateMeter } from '../report/hosts/rate.ts';

export const progressLine = (quiet: boolean) => {
  const isShown = !quiet && process.stderr.isTTY === true;
  const meter = createRateMeter(Date.now);
  return {
    show: (given: Omit<Progress, 'stepId'>): void => {
      if (!isShown) return;
      const message = meter({ type: 'step-progress', progress: { stepId: 'verify', ...given } });
      if (message.type !== 'step-progress') return;
      process.stderr.write(`\r\u001b[K${progressText(message.progress).slice(0, (process.stderr.columns ?? 100) - 1)}`);
    },
    clear: (): void => {
      if (isShown) process.stderr.write('\r\u001b[K');
    },
  };
};

/** The rehearsal's clock: computed from the wall, so that it goes on through a restart and agrees with octank's. */
import type { RehearsalClock } from './service.ts';

/** The longest single timer of Node; longer waits are made of several. */
const longestTimerMs = 2 ** 31 - 1;

export const createRehearsalClock = (options: { readonly rate: number; readonly originMs: number }): RehearsalClock => {
  const { rate, originMs } = options;
  const now = (): number => originMs + (Date.now() - originMs) * rate;
  return {
    rate,
    originMs,
    now,
    sleep: (scaledMs, signal) =>
      new Promise((resolve, reject) => {
        const until = now() + scaledMs;
        let timer: NodeJS.Timeout;
        const aborted = (): void => {
          clearTimeout(timer);
          reject(signal?.reason);
        };
        const wait = (): void => {
          const leftMs = (until - now()) / rate;
          if (leftMs > 0) {
            timer = setTimeout(wait, Math.min(leftMs, longestTimerMs));
            return;
          }
          signal?.removeEventListener('abort', aborted);
          resolve();
        };
        if (signal?.aborted) return reject(signal.reason);
        signal?.addEventListener('abort', aborted, { once: true });
        wait();
      }),
  };
};

/** The machine's clock, and the scaled one of a rehearsal. Which it is, is one number. */
import { assert } from '../../model/fault.ts';
import type { Clock, Timer } from '../../ports/clock.ts';

/** Longest delay that a timer of Node takes; longer sleeps are made of several. */
const longestTimerMs = 2 ** 31 - 1;

const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      },
      Math.min(Math.max(0, ms), longestTimerMs),
    );
    signal?.addEventListener('abort', stop, { once: true });
  });

const createTimer = (now: () => number, rate: number): Timer => ({
  now,
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    // Timers fire a millisecond early at times; a caller that waits for a moment must not see the one before it.
    const until = now() + ms;
    for (let left = ms; left > 0; left = until - now()) await pause(Math.ceil(left / rate), signal);
  },
});

/** `now` runs `rate` times as fast as the wall from `originMs` on; at rate 1 both are the wall. */
export const createClock = (options: { readonly rate: number; readonly originMs: number }): Clock => {
  const { rate, originMs } = options;
  assert(rate > 0 && Number.isFinite(rate), `A clock cannot run at rate ${rate}.`);
  const scaled = (): number => originMs + (Date.now() - originMs) * rate;
  return { rate, ...createTimer(rate === 1 ? Date.now : scaled, rate), wall: createTimer(Date.now, 1) };
};

export const wallClock = (): Clock => createClock({ rate: 1, originMs: 0 });

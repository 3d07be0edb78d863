/** Virtual time: sleepers wake when time is moved to them, by hand or by themselves whenever everyone sleeps. */
import type { Clock, Timer } from '../clock.ts';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

export interface VirtualClock extends Clock {
  /** Moves wall time, waking sleepers in their order; resolves when they had a turn. */
  advance(wallMs: number): Promise<void>;
  /** How many sleep right now. */
  sleepers(): number;
}

/** Lets everything that is ready run: a macrotask turn empties all microtasks before it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `auto`: when someone sleeps and nothing else is ready to run, time jumps to the next to wake. `rate`: octank's clock against the wall. */
export const virtualClock = (
  options: { readonly startAt?: number; readonly rate?: number; readonly auto?: boolean } = {},
): VirtualClock => {
  const rate = options.rate ?? 1;
  const startAt = options.startAt ?? Date.UTC(2026, 0, 1);
  let wallNow = startAt;
  const sleepers = new Set<Sleeper>();
  let jumping = false;

  const wakeUntil = async (until: number): Promise<void> => {
    for (;;) {
      const next = [...sleepers].filter((sleeper) => sleeper.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      wallNow = Math.max(wallNow, next.at);
      sleepers.delete(next);
      next.wake();
      await turn();
    }
    wallNow = Math.max(wallNow, until);
  };

  const jump = async (): Promise<void> => {
    if (jumping) return;
    jumping = true;
    try {
      while (sleepers.size > 0) {
        // Two turns: whoever was woken, or does real work in memory, comes to its next sleep first.
        await turn();
        await turn();
        const next = [...sleepers].sort((a, b) => a.at - b.at)[0];
        if (next) await wakeUntil(next.at);
      }
    } finally {
      jumping = false;
    }
  };

  const sleepWall = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        at: wallNow + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      sleepers.add(sleeper);
      if (options.auto) void jump();
    });

  const wall: Timer = { now: () => wallNow, sleep: sleepWall };
  return {
    rate,
    wall,
    now: () => startAt + (wallNow - startAt) * rate,
    sleep: (ms, signal) => sleepWall(ms / rate, signal),
    advance: async (wallMs) => {
      await turn();
      await wakeUntil(wallNow + wallMs);
    },
    sleepers: () => sleepers.size,
  };
};

/** Holds the lock of a plan while a command acts: renewed in the background, given back at the end, and a stop when it is lost. */
import { exitCodes, Fault } from '../model/fault.ts';
import type { Lock } from '../ports/lock.ts';

/** A third of the lease's life would do; this is shorter, since a late renewal costs a whole run. */
const renewEveryMs = 5000;

export interface HeldLease {
  readonly fencing: number;
  release(): Promise<void>;
}

export const holdLease = async (
  lock: Lock,
  options: { readonly command: string; readonly onLost: (fault: Fault) => void },
): Promise<HeldLease> => {
  const lease = await lock.acquire({ command: options.command });
  const lost = (): void =>
    options.onLost(
      new Fault({
        code: 'lock.lost',
        summary: 'The lock was lost while octank was acting.',
        detail: 'Another octank took it over, or it could not be renewed in time.',
        hint: 'See who acts now: octank migrate status',
        effect: 'none',
        exitCode: exitCodes.locked,
      }),
    );
  lease.lost.addEventListener('abort', lost, { once: true });
  // A renewal that fails shows in `lost`; the timer itself must not end the process.
  const timer = setInterval(() => void lease.renew().catch(() => undefined), renewEveryMs);
  timer.unref();
  return {
    fencing: lease.fencing,
    release: async () => {
      clearInterval(timer);
      lease.lost.removeEventListener('abort', lost);
      // A full disk refuses this too. It must not hide how the run ended; a lease whose process is gone is taken over.
      await lease.release().catch(() => undefined);
    },
  };
};

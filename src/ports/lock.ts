/** One octank per state: a lease with owner, expiry and a fencing number that only grows. */
export interface LockHolder {
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
  readonly command: string;
  /** Epoch ms, wall clock. */
  readonly acquiredAt: number;
  readonly expiresAt: number;
  readonly fencing: number;
}

export interface LockLease {
  readonly fencing: number;
  /** Extends the lease; rejects with `lock.lost` when it is someone else's by now. */
  renew(): Promise<void>;
  release(): Promise<void>;
  /** Aborts when the lease can no longer be held to be ours. */
  readonly lost: AbortSignal;
}

export interface Lock {
  /** Faults: `lock.held` (exit 7) with the holder in its detail. A dead local holder's lock is taken over. */
  acquire(options: { readonly command: string }): Promise<LockLease>;
  holder(): Promise<{ readonly holder: LockHolder; readonly alive: boolean } | undefined>;
  /** For `unlock`: removes the holder's lock whoever it is; the next lease still gets a larger number. */
  breakLock(): Promise<void>;
}

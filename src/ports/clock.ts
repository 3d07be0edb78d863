/** Two clocks: the scaled one for ladder and gate durations, the wall for budgets, fences, leases and database waits. DESIGN section 8. */
export interface Timer {
  /** Epoch milliseconds on this clock. */
  now(): number;
  /** Resolves after that many milliseconds of this clock; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Clock extends Timer {
  /** How many times faster than the wall; 1 in production. The report prints it. */
  readonly rate: number;
  readonly wall: Timer;
}

/** The waits that belong to the runner itself; every step kind brings its own limit. */
export const runnerLimits = {
  /** Reading the world after an unknown outcome: attempts, and seconds between them. */
  settleUnknown: {
    attempts: 5,
    intervalSeconds: 1,
    reason: 'an effect with an unknown outcome is settled by reading the world',
  },
} as const;

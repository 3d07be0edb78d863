/** Arithmetic of the weight ladder: shares to Route 53 weights and back, how long to settle, whether traffic followed. */
import { assert } from '../model/fault.ts';

export interface Weights {
  readonly source: number;
  readonly target: number;
}

/** Route 53 takes integers from 0 to this. */
export const maxWeight = 255;

/** Load balancers close idle connections after about this long, and only then do clients look the name up again. */
export const drainSeconds = 60;

/** What may remain on the losing side at a share of 0 or 100, in points: clients that keep an address for ever are reported, not waited for. */
export const residualPercent = 5;

/** Share of the target in percent. Route 53 answers 0/0 with every record equally often, so that is what 0/0 is. */
export const sharePercent = (sourceWeight: number, targetWeight: number): number => {
  const total = sourceWeight + targetWeight;
  return total === 0 ? 50 : (100 * targetWeight) / total;
};

const nearest = (percent: number): Weights => {
  let best: Weights = { source: 100, target: 1 };
  for (let target = 1; target <= maxWeight; target += 1) {
    const ideal = Math.round((target * (100 - percent)) / percent);
    const source = Math.min(maxWeight, Math.max(1, ideal));
    const error = Math.abs(sharePercent(source, target) - percent);
    if (error < Math.abs(sharePercent(best.source, best.target) - percent)) best = { source, target };
  }
  return best;
};

/** Weights for a share of the target in percent: 100-p and p, or the nearest pair for a fraction; never 0/0, and 0 only at 0 and 100. */
export const weightsFor = (percent: number): Weights => {
  assert(percent >= 0 && percent <= 100, `a share of ${percent} % is not between 0 and 100`);
  const weights = Number.isInteger(percent) ? { source: 100 - percent, target: percent } : nearest(percent);
  assert(weights.source + weights.target > 0, 'weights of 0/0 would answer at random');
  return weights;
};

/** Seconds after INSYNC until resolvers have followed and idle connections are gone. */
export const settleSeconds = (ttlSeconds: number): number => ttlSeconds + drainSeconds;

/**
 * Whether the measured share agrees with the weights: within half of the smaller side's share, or within three
 * binomial standard errors plus two points. Both sides must have been seen, where both should be.
 */
export const inBand = (measured: {
  readonly expectedPercent: number;
  readonly sourceRequests: number;
  readonly targetRequests: number;
}): boolean => {
  const { expectedPercent, sourceRequests, targetRequests } = measured;
  const requests = sourceRequests + targetRequests;
  if (requests <= 0) return false;
  const off = Math.abs((100 * targetRequests) / requests - expectedPercent);
  const smaller = Math.min(expectedPercent, 100 - expectedPercent);
  if (smaller === 0) return off <= residualPercent;
  if (targetRequests === 0 || sourceRequests === 0) return false;
  const share = expectedPercent / 100;
  const standardError = 100 * Math.sqrt((share * (1 - share)) / requests);
  return off <= Math.max(0.5 * smaller, 3 * standardError + 2);
};

/** One line of progress: done of total, rate, time left, lag. */
import type { Progress } from '../../ports/host.ts';
import { formatCount, formatPercent, formatSeconds } from '../format.ts';

export const progressText = (progress: Progress): string => {
  const { done, total, unit, ratePerSecond, secondsLeft, lagSeconds } = progress;
  const parts = [progress.text];
  if (done !== undefined && total !== undefined && total > 0)
    parts.push(
      `${formatCount(done)} of ${formatCount(total)}${unit ? ` ${unit}` : ''} (${formatPercent(Math.floor((100 * done) / total))})`,
    );
  if (ratePerSecond !== undefined) parts.push(`${formatCount(ratePerSecond)}/s`);
  if (secondsLeft !== undefined) parts.push(`${formatSeconds(secondsLeft)} left`);
  if (lagSeconds !== undefined && !progress.text.startsWith('lag')) parts.push(`lag ${formatSeconds(lagSeconds)}`);
  return parts.join(', ');
};

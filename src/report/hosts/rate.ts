/** Adds rate and time left to progress that only says how much is done: measured over the last seconds, not since the start. */
import type { HostMessage, Progress } from '../../ports/host.ts';

const windowMs = 10_000;

interface Point {
  readonly at: number;
  readonly done: number;
}

export const createRateMeter = (now: () => number) => {
  const points = new Map<string, readonly Point[]>();
  const enrich = (progress: Progress): Progress => {
    const { done, total, stepId } = progress;
    if (done === undefined || progress.ratePerSecond !== undefined) return progress;
    const at = now();
    const kept = [...(points.get(stepId) ?? []).filter((point) => at - point.at <= windowMs), { at, done }];
    points.set(stepId, kept.slice(-100));
    const first = kept[0];
    if (!first || at - first.at < 500 || done <= first.done) return progress;
    const ratePerSecond = ((done - first.done) * 1000) / (at - first.at);
    return {
      ...progress,
      ratePerSecond,
      ...(total !== undefined && total > done ? { secondsLeft: (total - done) / ratePerSecond } : {}),
    };
  };
  return (message: HostMessage): HostMessage =>
    message.type === 'step-progress' ? { type: 'step-progress', progress: enrich(message.progress) } : message;
};

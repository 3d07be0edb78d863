/**
 * Gates on a CloudWatch alarm: 1 is ALARM, 0 is OK, nothing is insufficient data. An alarm can stay OK on one old point, so OK
 * counts only while the metric below it is fresh.
 */
import { z } from 'zod';
import type { Samples } from '../../ports/health.ts';
import type { AlarmView, Metrics } from '../aws/cloudwatch.ts';
import { defineSource, failed, moments, noSamples, type Window } from './source.ts';

const settings = z.strictObject({ name: z.string().min(1) });

/** Composite alarms of composite alarms; AWS lets them nest, nobody nests them deeper. */
const deepest = 5;

/** A datapoint must have ended within the last two periods of its metric. */
const freshPeriods = 2;

const isFresh = async (metrics: Metrics, alarm: AlarmView, until: number): Promise<boolean> => {
  for (const { periodSeconds, ...metric } of alarm.metrics) {
    const period = periodSeconds * 1000;
    const end = Math.floor(until / period) * period + period;
    const series = await metrics.series({
      queries: { seen: metric },
      periodSeconds,
      start: end - (freshPeriods + 2) * period,
      end,
    });
    if ((series.seen ?? []).some(({ at }) => at + period > until - freshPeriods * period)) return true;
  }
  return false;
};

/** Why an OK is not to be believed; null when it is. */
const staleness = async (metrics: Metrics, alarm: AlarmView, until: number, depth = 0): Promise<string | null> => {
  if (alarm.state === 'INSUFFICIENT_DATA') return alarm.name;
  if (!alarm.composite) return (await isFresh(metrics, alarm, until)) ? null : alarm.name;
  const children = depth < deepest ? await metrics.children(alarm.name) : [];
  if (children.length === 0) return alarm.name;
  for (const child of children) {
    const stale = await staleness(metrics, child, until, depth + 1);
    if (stale !== null) return `${alarm.name}/${stale}`;
  }
  return null;
};

/** The state now, for every period of the window: an alarm has its own M of N, and must not be counted down twice. */
const throughout = (window: Window, periodSeconds: number, value: number): Samples => ({
  ...noSamples,
  datapoints: moments(window, periodSeconds).map((at) => ({ at, value })),
});

export const alarmSource = defineSource({
  kind: 'alarm',
  failWhen: '>= 1',
  settings,
  sample: async ({ gate, settings: { name }, window, services }) => {
    const alarm = await services.metrics.alarm(name);
    if (alarm === undefined) return failed(`There is no CloudWatch alarm ${name}.`);
    if (alarm.state === 'ALARM') return throughout(window, gate.periodSeconds, 1);
    const stale = await staleness(services.metrics, alarm, window.until);
    return stale === null ? throughout(window, gate.periodSeconds, 0) : noSamples;
  },
});

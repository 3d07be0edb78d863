/** Gates and request counts of the fake world: a closed datapoint each period, good unless a test says otherwise, none while it is silent. */
import type { GateSpec, RequestMetric } from '../../model/plan.ts';
import type { Clock } from '../clock.ts';
import type { Datapoint, Health } from '../health.ts';

export interface WorldHealth extends Health {
  /** From now on these gates see what they fail on; none of them: all are good again. */
  fail(...gates: readonly string[]): void;
  /** From now on no data comes, or it comes again. */
  silence(isSilent: boolean): void;
}

const requestsPerMinute = 1000;

export const worldHealth = (options: {
  readonly clock: Clock;
  readonly share: () => number;
  readonly sessions: () => Promise<number>;
  readonly targetRequests: RequestMetric | null;
}): WorldHealth => {
  let failing: readonly string[] = [];
  let failingSince = 0;
  let isSilent = false;

  const minutes = ({ since, until }: { since: number; until: number }): number =>
    Math.max(0, Math.floor(until / 60_000) - Math.ceil(since / 60_000));

  const valueAt = async (gate: GateSpec, at: number): Promise<number> => {
    const isUpper = gate.failWhen.comparison.startsWith('>');
    const { threshold } = gate.failWhen;
    if (failing.includes(gate.name) && at >= failingSince) return isUpper ? threshold + 1 : threshold - 1;
    if (gate.kind === 'sessions') return options.sessions();
    return isUpper ? threshold / 10 : threshold + 1;
  };

  return {
    fail: (...gates) => {
      if (failing.length === 0) failingSince = options.clock.now();
      failing = gates;
    },
    silence: (silent) => {
      isSilent = silent;
    },
    sample: async (gate, window) => {
      if (isSilent) return { datapoints: [], requests: null, failure: null };
      const period = gate.periodSeconds * 1000;
      const length = gate.kind === 'cloudwatch' ? period : 0;
      const datapoints: Datapoint[] = [];
      for (let at = Math.ceil(window.since / period) * period; at + length <= window.until; at += period)
        datapoints.push({ at, value: await valueAt(gate, at) });
      return { datapoints, requests: minutes(window) * requestsPerMinute, failure: null };
    },
    requests: async (metric, window) => {
      const count = minutes(window) * requestsPerMinute;
      const isTarget = JSON.stringify(metric) === JSON.stringify(options.targetRequests);
      if (isSilent || count === 0) return null;
      return Math.round((count * (isTarget ? options.share() : 100 - options.share())) / 100);
    },
  };
};

/** A health source whose series a test writes: it answers what lies inside the window, as CloudWatch would, and can fail. */
import type { Datapoint, Health } from '../health.ts';

export interface FakeHealth extends Health {
  /** Datapoints of a gate, by their period's start. */
  put(gate: string, points: readonly Datapoint[]): void;
  /** Requests seen at a moment: per gate name, or per `namespace/metric` for share measurement. */
  putRequests(name: string, points: readonly Datapoint[]): void;
  /** From now on the source fails with this; null mends it. */
  fail(failure: string | null): void;
}

export const fakeHealth = (): FakeHealth => {
  const series = new Map<string, Datapoint[]>();
  const requests = new Map<string, Datapoint[]>();
  let failure: string | null = null;
  const add = (map: Map<string, Datapoint[]>, name: string, points: readonly Datapoint[]): void => {
    map.set(
      name,
      [...(map.get(name) ?? []), ...points].sort((a, b) => a.at - b.at),
    );
  };
  const inside = (map: Map<string, Datapoint[]>, name: string, window: { since: number; until: number }): Datapoint[] =>
    (map.get(name) ?? []).filter((point) => point.at >= window.since && point.at <= window.until);
  const total = (points: readonly Datapoint[]): number | null =>
    points.length === 0 ? null : points.reduce((sum, point) => sum + point.value, 0);
  return {
    put: (gate, points) => add(series, gate, points),
    putRequests: (name, points) => add(requests, name, points),
    fail: (reason) => {
      failure = reason;
    },
    sample: async (gate, window) =>
      failure !== null
        ? { datapoints: [], requests: null, failure }
        : {
            datapoints: inside(series, gate.name, window).filter(
              (point) => gate.kind !== 'cloudwatch' || point.at + gate.periodSeconds * 1000 <= window.until,
            ),
            requests: total(inside(requests, gate.name, window)),
            failure: null,
          },
    requests: async (metric, window) => total(inside(requests, `${metric.namespace}/${metric.metric}`, window)),
  };
};

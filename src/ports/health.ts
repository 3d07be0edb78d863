/** Where gates get their samples from. A source answers with evidence or with why there is none; it never judges. */
import type { GateSpec, RequestMetric } from '../model/plan.ts';

export interface Datapoint {
  /** Start of the closed period, epoch ms on octank's clock. */
  readonly at: number;
  readonly value: number;
}

export interface Samples {
  /** Closed datapoints inside the window, oldest first. */
  readonly datapoints: readonly Datapoint[];
  /** Requests seen in the window, where the source can tell; null otherwise. */
  readonly requests: number | null;
  /** Set when the source itself failed: datapoints are then empty and the verdict is `error`. */
  readonly failure: string | null;
}

export interface Health {
  /** Samples of the window that ends at `until` (epoch ms, octank's clock); `since` cuts the window at the start of a step. */
  sample(gate: GateSpec, window: { readonly since: number; readonly until: number }): Promise<Samples>;
  /** Sum of requests in the window; null where there is no datapoint. */
  requests(metric: RequestMetric, window: { readonly since: number; readonly until: number }): Promise<number | null>;
}

/** What a kind of gate source is: its settings, and how evidence is fetched. It never judges. */
import type { z } from 'zod';
import { Fault } from '../../model/fault.ts';
import type { GateSpec } from '../../model/plan.ts';
import type { Datapoint, Samples } from '../../ports/health.ts';
import type { Metrics } from '../aws/cloudwatch.ts';

export interface Window {
  /** Epoch ms on octank's clock. */
  readonly since: number;
  readonly until: number;
}

export interface HealthServices {
  readonly metrics: Metrics;
  /** Sessions of a role right now on a database of the plan. */
  countSessions(options: { readonly database: string; readonly role: string }): Promise<number>;
  /** Looks taken so far by sources that see the present only, by gate. */
  readonly looks: Map<string, readonly Datapoint[]>;
}

export interface HealthSource {
  readonly kind: string;
  /** What a gate of this kind fails on where the plan does not say. */
  readonly failWhen?: string;
  readonly settings: z.ZodType;
  sample(gate: GateSpec, window: Window, services: HealthServices): Promise<Samples>;
}

export const noSamples: Samples = { datapoints: [], requests: null, failure: null };

export const failed = (failure: string): Samples => ({ ...noSamples, failure });

/** Moments of a window at which a present state is said to hold: the beginnings of its periods, or now before the first. */
export const moments = (window: Window, periodSeconds: number): readonly number[] => {
  const period = periodSeconds * 1000;
  const newest = Math.floor(window.until / period) * period;
  if (newest < window.since) return [window.until];
  const count = Math.floor((newest - window.since) / period) + 1;
  return Array.from({ length: count }, (_, index) => newest - (count - 1 - index) * period);
};

/** One kind, typed by its own settings; the registry sees them checked. */
export const defineSource = <S>(source: {
  readonly kind: string;
  readonly failWhen?: string;
  readonly settings: z.ZodType<S>;
  sample(options: {
    readonly gate: GateSpec;
    readonly settings: S;
    readonly window: Window;
    readonly services: HealthServices;
  }): Promise<Samples>;
}): HealthSource => ({
  kind: source.kind,
  ...(source.failWhen === undefined ? {} : { failWhen: source.failWhen }),
  settings: source.settings,
  sample: async (gate, window, services) => {
    const settings = source.settings.safeParse(gate.settings);
    if (!settings.success) return failed(`The settings of the gate are not those of kind ${source.kind}.`);
    try {
      return await source.sample({ gate, settings: settings.data, window, services });
    } catch (error) {
      // A source that cannot be asked is an answer; a defect of ours is not.
      if (!(error instanceof Fault) || error.code.startsWith('internal.')) throw error;
      return failed(error.message);
    }
  },
});

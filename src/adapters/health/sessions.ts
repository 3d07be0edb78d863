/** Gates on the number of sessions a role has on a database: applications have arrived, or have left. */
import { z } from 'zod';
import { defineSource } from './source.ts';

const settings = z.strictObject({
  /** A database of the plan. */
  database: z.string().min(1),
  role: z.string().min(1),
});

export const sessionsSource = defineSource({
  kind: 'sessions',
  settings,
  sample: async ({ gate, settings: given, window, services }) => {
    const value = await services.countSessions(given);
    const period = gate.periodSeconds * 1000;
    // A database tells the present only: looks are kept, one a period, so that M of N has something to count.
    const at = Math.max(window.since, Math.floor(window.until / period) * period - period);
    const earlier = (services.looks.get(gate.name) ?? []).filter((look) => look.at >= window.since && look.at < at);
    const datapoints = [...earlier, { at, value }];
    services.looks.set(gate.name, datapoints);
    return { datapoints, requests: null, failure: null };
  },
});

/** Gates on the number of sessions a role has on a database: applications have arrived, or have left. */
import { z } from 'zod';
import { defineSource, moments } from './source.ts';

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
    // A database tells the present only: looks are kept, one a period, so that M of N has something to count.
    const at = moments(window, gate.periodSeconds).at(-1) ?? window.until;
    const earlier = (services.looks.get(gate.name) ?? []).filter((look) => look.at >= window.since && look.at < at);
    const datapoints = [...earlier, { at, value }];
    services.looks.set(gate.name, datapoints);
    return { datapoints, requests: null, failure: null };
  },
});

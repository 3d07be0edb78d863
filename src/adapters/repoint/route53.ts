/** Applications that find their database by a name: one simple record, changed by compare-and-swap. */
import { z } from 'zod';
import type { WeightedRecord } from '../../ports/traffic.ts';
import { actFrom, defineDriver } from './driver.ts';

const settings = z.strictObject({
  zone: z.string().min(1),
  name: z.string().min(1),
  type: z.enum(['CNAME', 'A', 'AAAA']).default('CNAME'),
  ttl: z.number().int().min(0).max(86_400).default(60),
  /** Values of the record before and after. */
  source: z.string().min(1),
  target: z.string().min(1),
});

/** Names are equal whatever their case and final dot. */
const plain = (value: string): string => value.toLowerCase().replace(/\.$/, '');

export const route53Driver = defineDriver({
  kind: 'route53',
  settings,
  create: (given, { traffic }) => {
    const read = async (): Promise<readonly WeightedRecord[]> =>
      (await traffic.read({ zone: given.zone, name: given.name })).filter(({ type }) => type === given.type);

    const look = async () => {
      const live = await read();
      const [record] = live;
      const label = `${given.name} ${given.type} in ${given.zone}`;
      if (record === undefined || live.length > 1 || record.weight !== null)
        return { at: 'foreign' as const, detail: `${label} is not one simple record.`, before: {}, record };
      const value = record.values.length === 1 ? plain(record.values[0] ?? '') : undefined;
      const at =
        value === plain(given.target)
          ? ('target' as const)
          : value === plain(given.source)
            ? ('source' as const)
            : ('foreign' as const);
      const before = { values: record.values, ttlSeconds: record.ttlSeconds };
      return { at, detail: `${label} is ${record.values.join(', ')}`, before, record };
    };

    const observe = async () => {
      const { at, detail, before } = await look();
      return { at, detail, before };
    };

    const pointAt = async (wanted: 'source' | 'target', token: string): Promise<void> => {
      const seen = await look();
      const { record } = seen;
      await actFrom(wanted, seen, async () => {
        if (record === undefined) return;
        await traffic.swap({
          expected: [record],
          wanted: [{ ...record, values: [given[wanted]], ttlSeconds: given.ttl }],
          comment: `octank ${token}`,
        });
      });
    };

    return {
      observe,
      perform: async (_captured, token) => pointAt('target', token),
      undo: async (_captured, token) => pointAt('source', token),
      // Resolvers may hold the old answer for the TTL it was given with.
      tailSeconds: async () => Math.max(given.ttl, ...(await read()).map(({ ttlSeconds }) => ttlSeconds)),
    };
  },
});

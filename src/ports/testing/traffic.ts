/** Weighted records in memory: compare-and-swap in one batch, PENDING before INSYNC. */
import { Fault } from '../../model/fault.ts';
import type { Clock } from '../clock.ts';
import type { Traffic, WeightedRecord } from '../traffic.ts';

export interface FakeTraffic extends Traffic {
  records(): readonly WeightedRecord[];
  /** Somebody else's hand: replaces what is there. */
  set(records: readonly WeightedRecord[]): void;
  /** How many batches were taken. */
  batches(): number;
}

const propagationMs = 30_000;
const textOf = (records: readonly WeightedRecord[]): string =>
  JSON.stringify(records.map((r) => JSON.stringify(r)).sort());

export const fakeTraffic = (options: {
  readonly clock: Clock;
  readonly records: readonly WeightedRecord[];
  /** Shares of the ladder, ascending: upwards, none may be skipped. */
  readonly rungs: readonly number[];
  readonly violated: (what: string) => void;
}): FakeTraffic => {
  const { clock } = options;
  let live = options.records;
  const changes: number[] = [];
  const isNamed = (record: WeightedRecord, of: { zone: string; name: string }): boolean =>
    record.zone === of.zone && (record.name === of.name || record.name === `${of.name}.${of.zone}`);

  const shareOf = (records: readonly WeightedRecord[]): number => {
    const total = records.reduce((sum, record) => sum + (record.weight ?? 0), 0);
    return total === 0 ? 50 : Math.round((100 * (records[1]?.weight ?? 0)) / total);
  };

  const watch = (from: number, to: number): void => {
    const next = options.rungs.find((rung) => rung > from);
    if (to > from && to !== next) options.violated(`the share went from ${from} % to ${to} %`);
  };

  return {
    records: () => live,
    batches: () => changes.length,
    set: (records) => {
      live = records;
    },
    read: async (name) => live.filter((record) => isNamed(record, name)),
    swap: async ({ expected, wanted }) => {
      const rest = live.filter((record) => !expected.some((old) => textOf([old]) === textOf([record])));
      if (rest.length !== live.length - expected.length)
        throw new Fault({ code: 'route53.moved', summary: 'The live records are not the expected ones.' });
      if (wanted.every((record) => record.weight === 0)) options.violated('all weights of a name are 0');
      watch(shareOf(live), shareOf(wanted));
      live = [...rest, ...wanted];
      changes.push(clock.now());
      return { changeId: String(changes.length) };
    },
    changeStatus: async (changeId) =>
      clock.now() - (changes[Number(changeId) - 1] ?? 0) < propagationMs ? 'PENDING' : 'INSYNC',
  };
};

/** The diaries of all workloads, read once: what each write claims, who wrote where and when, and how long clients stood. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { OpRecord } from '../workload/op-log.ts';

export interface Switch {
  readonly from: string;
  readonly to: string;
  readonly at: number;
  /** From the last write that the one accepted to the first that the other did. */
  readonly gapSeconds: number;
}

export interface Diary {
  readonly ops: readonly OpRecord[];
  readonly acknowledged: number;
  readonly refused: number;
  readonly indeterminate: number;
  readonly abandoned: number;
  readonly switches: readonly Switch[];
  /** Longest time without an acknowledged write around a switch, per client that wrote on both sides. */
  readonly downtimes: ReadonlyMap<string, number>;
}

/** A last line cut by a kill is no record; the op it spoke of is then unknown to the diary, and the database tells. */
export const readOps = async (paths: readonly string[]): Promise<readonly OpRecord[]> => {
  const ops: OpRecord[] = [];
  for (const path of paths) {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!line.endsWith('}')) continue;
      try {
        ops.push(JSON.parse(line) as OpRecord);
      } catch {
        // As above: cut in the middle.
      }
    }
  }
  return ops;
};

/** In the order of the answers. A write is placed by when its answer came; overlaps of one commit's length are not told apart. */
const switchesOf = (acknowledged: readonly OpRecord[]): readonly Switch[] => {
  const found: Switch[] = [];
  let last: OpRecord | undefined;
  for (const op of acknowledged) {
    if (last && last.server !== op.server)
      found.push({
        from: last.server ?? 'unknown',
        to: op.server ?? 'unknown',
        at: op.at,
        gapSeconds: (op.at - last.at) / 1000,
      });
    last = op;
  }
  return found;
};

const downtimesOf = (acknowledged: readonly OpRecord[]): ReadonlyMap<string, number> => {
  const lastOf = new Map<string, OpRecord>();
  const downtimes = new Map<string, number>();
  for (const op of acknowledged) {
    const last = lastOf.get(op.client);
    if (last && last.server !== op.server)
      downtimes.set(op.client, Math.max(downtimes.get(op.client) ?? 0, (op.at - last.at) / 1000));
    lastOf.set(op.client, op);
  }
  return downtimes;
};

export const foldDiary = (ops: readonly OpRecord[]): Diary => {
  const acknowledged = ops.filter((op) => op.outcome === 'acknowledged').sort((a, b) => a.at - b.at);
  const abandoned = ops.filter((op) => op.code === 'abandoned').length;
  return {
    ops,
    acknowledged: acknowledged.length,
    refused: ops.filter((op) => op.outcome === 'refused').length - abandoned,
    indeterminate: ops.filter((op) => op.outcome === 'indeterminate').length,
    abandoned,
    switches: switchesOf(acknowledged),
    downtimes: downtimesOf(acknowledged),
  };
};

/** No fallback comes within this time of the cutover: changes of server closer together are writes on both. */
const tooCloseSeconds = 1;

/** Two databases that both accepted writes show as switches back and forth in quick succession. */
export const interleaved = (diary: Diary): readonly Switch[] =>
  diary.switches.filter((one, index) => {
    const before = diary.switches[index - 1];
    return before !== undefined && (one.at - before.at) / 1000 < tooCloseSeconds;
  });

/** Nearest rank; null for nothing. */
export const quantile = (values: readonly number[], q: number): number | null => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
};

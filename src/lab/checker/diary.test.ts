import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpRecord } from '../workload/op-log.ts';
import { foldDiary, interleaved, quantile, readOps } from './diary.ts';

const op = (at: number, server: string, more: Partial<OpRecord> = {}): OpRecord => ({
  op: `r-c0-${at}`,
  client: 'c0',
  server,
  sentAt: at - 2,
  at,
  outcome: 'acknowledged',
  effects: [],
  ...more,
});

describe('the diary', () => {
  it('measures the gap from the last write of the one server to the first of the other', () => {
    const diary = foldDiary([
      op(9000, 'target'),
      op(1000, 'source'),
      op(4000, 'source', { client: 'c1' }),
      op(9500, 'target', { client: 'c1' }),
      op(6000, 'source', { outcome: 'refused', client: 'c1' }),
    ]);
    expect(diary.switches).toMatchObject([{ from: 'source', to: 'target', gapSeconds: 5 }]);
    expect([...diary.downtimes]).toEqual([
      ['c0', 8],
      ['c1', 5.5],
    ]);
    expect(interleaved(diary)).toEqual([]);
  });

  it('takes a fallback for a fallback', () => {
    const diary = foldDiary([op(1000, 'source'), op(5000, 'target'), op(60_000, 'target'), op(65_000, 'source')]);
    expect(diary.switches).toHaveLength(2);
    expect(interleaved(diary)).toEqual([]);
  });

  it('sees a single write that the source took after the target had opened', () => {
    const diary = foldDiary([op(1000, 'source'), op(5000, 'target'), op(5010, 'source'), op(5020, 'target')]);
    expect(interleaved(diary)).toHaveLength(2);
  });

  it('leaves out a last line that a kill has cut', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'octank-diary-'));
    const path = join(folder, 'writes.ndjson');
    const whole = JSON.stringify(op(1, 'source'));
    for (let length = 1; length < whole.length; length += 17) {
      await writeFile(path, `${whole}\n${whole.slice(0, length)}`);
      expect(await readOps([path])).toHaveLength(1);
    }
    await rm(folder, { recursive: true });
  });

  it('gives quantiles that are values of the list', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, q) => {
          const found = quantile(values, q);
          expect(values).toContain(found);
          expect(values.filter((value) => value <= (found ?? 0)).length).toBeGreaterThanOrEqual(
            Math.ceil(q * values.length),
          );
        },
      ),
    );
    expect(quantile([], 0.5)).toBeNull();
  });
});

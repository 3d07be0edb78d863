/** Parity of two databases of the same engine at rest, beside the bare sums asked of both servers at once. */
import { createClock } from '../src/adapters/local/clock.ts';
import { verifyTables } from '../src/verify/verify-tables.ts';
import { type Bench, bounded, compared, type Figure, inTurns, timed } from './figures.ts';
import { peakMegabytes, resetPeak } from './memory.ts';
import { orderColumns, ordersDdl, ordersSql } from './orders.ts';
import { startServers } from './servers.ts';

const defaultRows = 2_000_000;

const run: Bench['run'] = async ({ rows, rounds, log }) => {
  const wanted = rows ?? defaultRows;
  const servers = await startServers();
  try {
    const database = 'parity';
    await servers.createDatabase(database);
    const [source, target] = [await servers.connect('source', database), await servers.connect('target', database)];
    log(`writing ${wanted} rows on both sides`);
    for (const client of [source, target]) {
      await client.query(ordersDdl);
      await client.query(ordersSql(0, wanted));
      await client.query('VACUUM ANALYZE bench.orders');
    }
    const ports = { source: await servers.open('source', database), target: await servers.open('target', database) };
    const orders = { schema: 'bench', table: 'orders' };
    const sum = `SELECT count(*), sum(hash_record_extended(ROW(${orderColumns.join(', ')}), id)) FROM bench.orders`;
    await resetPeak('self');
    const own = async (): Promise<number> => {
      let verdict = '';
      const seconds = await timed(async () => {
        const { report } = await verifyTables({
          source: ports.source.rows,
          target: ports.target.rows,
          pairs: [{ source: orders, target: orders }],
          clock: createClock({ rate: 1, originMs: 0 }),
          live: false,
          signal: new AbortController().signal,
          onProgress: () => undefined,
        });
        verdict = report.verdict;
      });
      if (verdict !== 'equal') throw new Error(`parity says ${verdict}`);
      return seconds;
    };
    const peer = (): Promise<number> => timed(() => Promise.all([source.query(sum), target.query(sum)]));
    const figures: Figure[] = [];
    // Once each, so that connections and caches are there.
    await own();
    await peer();
    figures.push(
      compared({
        name: `parity of ${wanted} rows / bare sums of both`,
        rounds: await inTurns(rounds, { own, peer }),
        limit: 1.3,
      }),
    );
    const peak = await peakMegabytes('self');
    if (peak !== null)
      figures.push(bounded({ name: 'peak memory of octank, parity', value: peak, most: 300, unit: 'MB' }));
    return figures;
  } finally {
    await servers.stop();
  }
};

export const parityBench: Bench = { name: 'parity', says: 'parity at rest beside the bare sums', run };

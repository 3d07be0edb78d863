/** Full load: the rehearsal's DMS beside a plain pipe of binary COPY between the same servers. */
import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { type Bench, bounded, compared, type Figure, inTurns, timed } from './figures.ts';
import { peakMegabytes, resetPeak } from './memory.ts';
import { orderColumns, ordersDdl, ordersSql } from './orders.ts';
import { startServers, until } from './servers.ts';
import { createTask } from './tasks.ts';

const defaultRows = 2_000_000;

const run: Bench['run'] = async ({ rows, rounds, log }) => {
  const wanted = rows ?? defaultRows;
  const servers = await startServers();
  try {
    const database = 'load';
    await servers.createDatabase(database);
    const [source, target] = [await servers.connect('source', database), await servers.connect('target', database)];
    await source.query(ordersDdl);
    await target.query(ordersDdl);
    log(`writing ${wanted} rows`);
    await source.query(ordersSql(0, wanted));
    await source.query('VACUUM ANALYZE bench.orders');
    await resetPeak(servers.rehearsal.pid);

    const requireAll = async (): Promise<void> => {
      const { rows: counted } = await target.query<{ rows: number }>('SELECT count(*)::int AS rows FROM bench.orders');
      if (counted[0]?.rows !== wanted) throw new Error(`${counted[0]?.rows} of ${wanted} rows arrived`);
      await target.query('TRUNCATE bench.orders');
      await target.query('CHECKPOINT');
    };
    const own = async (): Promise<number> => {
      const task = await createTask(servers, { database, batchApply: true, stopAfterFullLoad: true });
      const seconds = await timed(async () => {
        await task.start('start-replication');
        // A task that has no statistics yet has not loaded everything: it has not looked.
        await until('the load', async () => {
          const statistics = await servers.replication.tableStatistics(task.arn);
          return statistics.length > 0 && statistics.every(({ state }) => state === 'Table completed');
        });
      });
      await task.reach('stopped');
      await requireAll();
      // Its slot would go on holding the source's log.
      await servers.replication.deleteTask(task.arn);
      return seconds;
    };
    const columns = orderColumns.join(', ');
    const peer = async (): Promise<number> => {
      const seconds = await timed(() =>
        pipeline(
          source.query(copyTo(`COPY bench.orders (${columns}) TO STDOUT (FORMAT binary)`)),
          target.query(copyFrom(`COPY bench.orders (${columns}) FROM STDIN (FORMAT binary)`)),
        ),
      );
      await requireAll();
      return seconds;
    };
    const figures: Figure[] = [
      compared({
        name: `full load of ${wanted} rows / COPY pipe`,
        rounds: await inTurns(rounds, { own, peer }),
        limit: 1.5,
      }),
    ];
    const peak = await peakMegabytes(servers.rehearsal.pid);
    if (peak !== null)
      figures.push(bounded({ name: 'peak memory of the rehearsal, full load', value: peak, most: 300, unit: 'MB' }));
    return figures;
  } finally {
    await servers.stop();
  }
};

export const fullLoadBench: Bench = { name: 'load', says: 'full load by DMS beside a binary COPY pipe', run };

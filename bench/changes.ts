/** Change capture: a backlog of single-row changes applied by the rehearsal's DMS, beside native logical replication. */
import type pg from 'pg';
import { type Bench, bounded, compared, type Figure, type Round, timed } from './figures.ts';
import { peakMegabytes, resetPeak } from './memory.ts';
import { ordersDdl, ordersSql } from './orders.ts';
import { type Servers, startServers, until } from './servers.ts';
import { createTask } from './tasks.ts';

const defaultChanges = 200_000;
const changesPerTransaction = 100;

/** One way of applying changes; each has a database of its own, so that none reads what another one has to. */
interface Way {
  readonly database: 'batch_apply' | 'one_by_one' | 'native';
  readonly pause: () => Promise<void>;
  readonly go: () => Promise<void>;
  readonly slot: string;
}

interface Pair {
  readonly source: pg.Client;
  readonly target: pg.Client;
}

/** Six in ten updates, three inserts, one delete; the last change of all is the row that says that everything arrived. */
const writeChanges = async (source: pg.Client, changes: number, round: number, held: number): Promise<void> => {
  const transactions = Math.max(1, Math.round(changes / changesPerTransaction));
  await source.query(`
    DO $$ BEGIN
      FOR t IN 1..${transactions} LOOP
        FOR c IN 1..60 LOOP
          UPDATE bench.orders SET amount = amount + 1, status = 'changed ${round}'
            WHERE id = 1 + (t::bigint * 7919 + c * 104729) % ${held / 2};
        END LOOP;
        FOR c IN 1..30 LOOP
          INSERT INTO bench.orders SELECT ${held} + ${round} * 10000000::bigint + t * 100 + c, customer_id, amount, discount, placed_at,
            shipped_at, status, note, is_gift, extras, rating, token FROM bench.orders WHERE id = 1 + (t + c) % ${held / 2};
        END LOOP;
        FOR c IN 1..10 LOOP
          DELETE FROM bench.orders WHERE id = ${held / 2} + ${round} * ${transactions * 10} + t * 10 + c - 10;
        END LOOP;
        COMMIT;
      END LOOP;
    END $$`);
  await source.query(
    `UPDATE bench.orders SET note = 'round ${round} is here' WHERE id = (SELECT min(id) FROM bench.orders)`,
  );
};

const arrived = async (target: pg.Client, round: number): Promise<boolean> =>
  (await target.query(`SELECT 1 FROM bench.orders WHERE note = 'round ${round} is here' AND id = 1`)).rows.length > 0;

/** What a way that stood still has to read is only its own backlog. */
const advance = async (source: pg.Client, slot: string): Promise<void> => {
  await until(`slot ${slot} is free`, async () => {
    const { rows } = await source.query<{ active: boolean }>(
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    return rows[0]?.active === false;
  });
  await source.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
};

const sameRows = async ({ source, target }: Pair): Promise<void> => {
  // Not the rows' text: the servers' settings differ, and with them how a moment is written.
  const sql = `SELECT count(*)::text || ' ' || sum(hash_record_extended(o, id))::text AS sum FROM bench.orders o`;
  const [own, other] = await Promise.all([source.query<{ sum: string }>(sql), target.query<{ sum: string }>(sql)]);
  if (own.rows[0]?.sum !== other.rows[0]?.sum) throw new Error('the changes did not arrive as they were made');
};

const slotOf = async (source: pg.Client, database: string): Promise<string> => {
  const { rows } = await source.query<{ name: string }>(
    'SELECT slot_name AS name FROM pg_replication_slots WHERE database = $1',
    [database],
  );
  return rows[0]?.name ?? '';
};

const dmsWay = async (servers: Servers, database: 'batch_apply' | 'one_by_one', { source }: Pair): Promise<Way> => {
  const task = await createTask(servers, {
    database,
    batchApply: database === 'batch_apply',
    stopAfterFullLoad: true,
  });
  await task.start('start-replication');
  await task.reach('stopped');
  return {
    database,
    slot: await slotOf(source, database),
    go: () => task.start('resume-processing'),
    pause: async () => {
      await task.reach('running');
      await servers.replication.requestStop(task.arn);
      await task.reach('stopped');
    },
  };
};

const nativeWay = async (servers: Servers, { source, target }: Pair): Promise<Way> => {
  await source.query('CREATE PUBLICATION bench FOR TABLE bench.orders');
  await target.query(`CREATE SUBSCRIPTION bench CONNECTION '${servers.address('source', 'native')}' PUBLICATION bench`);
  await until('the first copy', async () => {
    const { rows } = await target.query<{ ready: boolean }>(
      `SELECT count(*) > 0 AND bool_and(srsubstate = 'r') AS ready FROM pg_subscription_rel`,
    );
    return rows[0]?.ready === true;
  });
  const pause = async (): Promise<void> => {
    await target.query('ALTER SUBSCRIPTION bench DISABLE');
  };
  await pause();
  return {
    database: 'native',
    slot: 'bench',
    pause,
    go: async () => {
      await target.query('ALTER SUBSCRIPTION bench ENABLE');
    },
  };
};

const run: Bench['run'] = async ({ rows, rounds, log }) => {
  const changes = rows ?? defaultChanges;
  // Enough that no round meets a row that another one deleted.
  const held = 2 * Math.max(1000, (rounds + 2) * Math.round(changes / 10));
  const servers = await startServers();
  const pairs = new Map<string, Pair>();
  try {
    for (const database of ['batch_apply', 'one_by_one', 'native']) {
      await servers.createDatabase(database);
      const pair = {
        source: await servers.connect('source', database),
        target: await servers.connect('target', database),
      };
      pairs.set(database, pair);
      await pair.source.query(ordersDdl);
      await pair.target.query(ordersDdl);
      await pair.source.query(ordersSql(0, held));
      await pair.source.query('VACUUM ANALYZE bench.orders');
    }
    const pairOf = (database: string): Pair => {
      const pair = pairs.get(database);
      if (!pair) throw new Error(database);
      return pair;
    };
    const ways = [
      await dmsWay(servers, 'batch_apply', pairOf('batch_apply')),
      await nativeWay(servers, pairOf('native')),
      await dmsWay(servers, 'one_by_one', pairOf('one_by_one')),
    ];
    await resetPeak(servers.rehearsal.pid);
    log(`each way holds ${held} rows; ${changes} changes a round`);
    const measure = async (way: Way, round: number): Promise<number> => {
      const pair = pairOf(way.database);
      await advance(pair.source, way.slot);
      await writeChanges(pair.source, changes, round, held);
      const seconds = await timed(async () => {
        await way.go();
        await until('the changes', () => arrived(pair.target, round));
      });
      await way.pause();
      await sameRows(pair);
      return seconds;
    };
    const seconds: Record<Way['database'], number[]> = { batch_apply: [], one_by_one: [], native: [] };
    // The first round warms plans and caches, of each of them, and does not count.
    for (let round = 0; round <= rounds; round += 1)
      for (const way of round % 2 === 0 ? ways : [...ways].reverse()) {
        const taken = await measure(way, round);
        log(`${way.database}: ${taken.toFixed(2)} s${round === 0 ? ', not counted' : ''}`);
        if (round > 0) seconds[way.database].push(taken);
      }
    const against = (own: readonly number[]): readonly Round[] =>
      own.map((value, index) => ({ own: value, peer: seconds.native[index] ?? Number.NaN }));
    const figures: Figure[] = [
      compared({
        name: `${changes} changes, batch apply / subscription`,
        rounds: against(seconds.batch_apply),
        limit: 1.5,
      }),
      compared({
        name: `${changes} changes, one by one / subscription`,
        rounds: against(seconds.one_by_one),
        limit: null,
      }),
    ];
    const peak = await peakMegabytes(servers.rehearsal.pid);
    if (peak !== null)
      figures.push(bounded({ name: 'peak memory of the rehearsal, changes', value: peak, most: 300, unit: 'MB' }));
    return figures;
  } finally {
    // A subscription that lives on would hold its server open.
    await pairs
      .get('native')
      ?.target.query('ALTER SUBSCRIPTION bench DISABLE')
      .catch(() => undefined);
    await servers.stop();
  }
};

export const changesBench: Bench = { name: 'changes', says: 'a backlog applied by DMS beside native replication', run };

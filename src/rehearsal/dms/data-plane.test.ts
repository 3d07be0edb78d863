/** The data plane between two real servers, danger by danger; ids are of behaviour.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { both, equalised, newRig, newTask, type Rig, rowsOf, until } from './testing/rig.ts';

describe('a DMS task', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await newRig();
  });
  afterAll(async () => rig?.stop());

  it('loads what exists and then carries inserts, updates, deletes and delete-then-insert of one key', async () => {
    await both(
      rig,
      'create schema a; create table a.t (id int primary key, name text not null, n numeric(12,2), tags int[], at timestamptz)',
    );
    await rig.source.query(
      `insert into a.t select g, 'name ' || g, g * 1.5, array[g, null, 3], '2026-01-01'::timestamptz + g * interval '1 minute' from generate_series(1, 1000) g`,
    );
    const task = await newTask(rig, { tables: ['a.t'] });
    await task.start();
    await until(task.tables, (tables) => tables['a.t']?.TableState === 'Table completed');
    await rig.source.query(`
      insert into a.t values (2001, E'it''s "quoted" \\\\ and\\nnew lines', null, '{}', null);
      update a.t set name = 'changed' where id <= 10;
      delete from a.t where id between 11 and 20;
      delete from a.t where id = 21; insert into a.t values (21, 'again', 1, '{1}', now());`);
    const rows = await equalised(rig, 'select * from a.t order by id');
    expect(rows).toHaveLength(991);
    const { 'a.t': statistics } = await task.tables();
    expect(statistics.FullLoadRows).toBe(1000);
    expect(statistics.TableState).toBe('Table completed');
    await task.stop();
    expect((await task.describe()).StopReason).toBe('Stop Reason NORMAL');
  });

  it('F6 stops after the load with nothing applied, and applies it on resume', async () => {
    await both(rig, 'create schema b; create table b.t (id int primary key, v int)');
    await rig.source.query('insert into b.t select g, 0 from generate_series(1, 100) g');
    const task = await newTask(rig, {
      tables: ['b.t'],
      settings: { FullLoadSettings: { StopTaskCachedChangesNotApplied: true } },
    });
    await task.start();
    const stopped = await task.reach('stopped');
    expect(stopped.StopReason).toBe('Stop Reason STOPPED_AFTER_FULL_LOAD');
    expect(stopped.ReplicationTaskStats.FullLoadProgressPercent).toBe(100);
    await rig.source.query('update b.t set v = 1; insert into b.t values (101, 1)');
    expect(await rowsOf(rig.target, 'select count(*), max(v) from b.t')).toEqual(['(100,0)']);
    await task.start('resume-processing');
    await equalised(rig, 'select * from b.t order by id');
    expect(await rowsOf(rig.target, 'select count(*), max(v) from b.t')).toEqual(['(101,1)']);
    await task.stop();
    // C4: the slot holds the log until the task is deleted.
    expect(await rig.source.query(`select 1 from pg_replication_slots where slot_name like '%awsdms'`)).not.toEqual([]);
    await rig.call('DeleteReplicationTask', { ReplicationTaskArn: task.arn });
    await until(
      () =>
        rig
          .call('DescribeReplicationTasks', { Filters: [{ Name: 'replication-task-arn', Values: [task.arn] }] })
          .catch((e) => e.code),
      (code) => code === 'ResourceNotFoundFault',
    );
  });
});

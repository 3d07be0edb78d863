/** What goes wrong with DMS, one danger each, between two real servers; ids are of behaviour.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { both, equalised, inlineLobs, newRig, newTask, type Rig, type RigTask, rowsOf, until } from './testing/rig.ts';

const loaded = (task: RigTask, table: string) =>
  until(task.tables, (tables) => tables[table]?.TableState === 'Table completed');

const batch = { TargetMetadata: { ...inlineLobs, BatchApplyEnabled: true } };
const asReplica = `set session_replication_role = 'replica'`;

describe('a DMS task', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await newRig();
  });
  afterAll(async () => rig?.stop());

  it.concurrent.each([
    ['one by one', {}],
    ['in batches', batch],
  ])('F3 loses no change that is made while the load runs, applied %s', async (name, settings) => {
    const schema = `during_${name.slice(0, 2)}`;
    await both(rig, `create schema ${schema}; create table ${schema}.t (id int primary key, v int, pad text)`);
    await rig.source.query(`insert into ${schema}.t select g, 0, repeat('x', 200) from generate_series(1, 20000) g`);
    const task = await newTask(rig, { tables: [`${schema}.t`], settings });
    await task.start();
    // From before the slot exists until after the load.
    for (let i = 0; i < 30; i += 1)
      await rig.source.query(`
        update ${schema}.t set v = v + 1 where id % 30 = ${i};
        delete from ${schema}.t where id = ${i * 7 + 1};
        insert into ${schema}.t values (${100_000 + i}, ${i}, 'new'), (${200_000 + i}, 0, 'gone');
        delete from ${schema}.t where id = ${200_000 + i};
        insert into ${schema}.t values (${i * 7 + 1}, -1, 'back')`);
    await loaded(task, `${schema}.t`);
    const rows = await equalised(rig, `select count(*), sum(v), sum(hashtext(t::text)) from ${schema}.t t`);
    expect(rows[0]).toMatch(/^\(20030,/);
    await task.stop();
  });

  it.concurrent('C8 ignores an update of a key value without a trace, as AWS does', async () => {
    await both(rig, 'create schema pk; create table pk.t (id int primary key, v text)');
    await rig.source.query(`insert into pk.t values (1, 'one'), (2, 'two')`);
    const task = await newTask(rig, { tables: ['pk.t'] });
    await task.start();
    await loaded(task, 'pk.t');
    await rig.source.query(`update pk.t set id = 10 where id = 1; update pk.t set v = 'second' where id = 2`);
    await until(
      () => rowsOf(rig.target, 'select v from pk.t where id = 2'),
      (rows) => rows[0] === '(second)',
    );
    expect(await rowsOf(rig.target, 'select * from pk.t order by id')).toEqual(['(1,one)', '(2,second)']);
    await task.stop();
  });

  it.concurrent.each([
    ['one by one', {}],
    ['in batches', batch],
  ])('C11 keeps a large value that an update does not touch, applied %s', async (name, settings) => {
    const schema = `toast_${name.slice(0, 2)}`;
    await both(rig, `create schema ${schema}; create table ${schema}.t (id int primary key, v int, big text)`);
    await rig.source.query(`alter table ${schema}.t alter big set storage external`);
    const task = await newTask(rig, { tables: [`${schema}.t`], settings });
    await task.start();
    await loaded(task, `${schema}.t`);
    await rig.source.query(`insert into ${schema}.t select g, 0, repeat('x', 9000) from generate_series(1, 20) g`);
    await rig.source.query(
      `update ${schema}.t set v = 7 where id < 15; update ${schema}.t set big = 'small' where id = 3`,
    );
    const rows = await equalised(rig, `select id, v, length(big) as length from ${schema}.t order by id`);
    expect(rows[0]).toBe('(1,7,9000)');
    expect(rows[2]).toBe('(3,7,5)');
    await task.stop();
  });

  it.concurrent('F11 truncates in silence in limited LOB mode, in the load and in change capture', async () => {
    await both(
      rig,
      'create schema lob; create table lob.t (id int primary key, v text, b bytea); create table lob.j (id int primary key, j jsonb)',
    );
    await rig.source.query(`
      insert into lob.t values (1, repeat('a', 3000), decode(repeat('ab', 3000), 'hex')), (2, 'short', null), (3, repeat('é', 2000), null);
      insert into lob.j values (1, jsonb_build_object('k', repeat('z', 3000)))`);
    const limited = { TargetMetadata: { LimitedSizeLobMode: true, LobMaxSize: 1 } };
    const task = await newTask(rig, { tables: ['lob.t', 'lob.j'], settings: limited });
    await task.start();
    await loaded(task, 'lob.t');
    await rig.source.query(`insert into lob.t values (4, repeat('b', 5000), decode(repeat('cd', 2000), 'hex'))`);
    await until(
      () => rowsOf(rig.target, 'select id from lob.t where id = 4'),
      (rows) => rows.length === 1,
    );
    expect(await rowsOf(rig.target, 'select id, length(v) as v, length(b) as b from lob.t order by id')).toEqual([
      '(1,1024,1024)',
      '(2,5,)',
      '(3,256,)',
      '(4,1024,1024)',
    ]);
    // Cut JSON is no JSON: F8, the table fails and the task does not.
    expect((await task.tables())['lob.j'].TableState).toBe('Table error');
    expect((await task.describe()).Status).toBe('running');
    await task.stop();
  });

  it.concurrent('F12 refuses a large value in a NOT NULL column, and carries it where NULL may stand first', async () => {
    await both(
      rig,
      'create schema late; create table late.free (id int primary key, v text); create table late.strict (id int primary key, v text not null); create table late.keyless (id int, v text)',
    );
    for (const table of ['free', 'strict', 'keyless'])
      await rig.source.query(`insert into late.${table} values (1, 'small'), (2, repeat('x', 70000))`);
    const task = await newTask(rig, { tables: ['late.%'] });
    await task.start();
    await loaded(task, 'late.free');
    await loaded(task, 'late.keyless');
    expect(await rowsOf(rig.target, 'select id, length(v) as v from late.free order by id')).toEqual([
      '(1,5)',
      '(2,70000)',
    ]);
    expect(await rowsOf(rig.target, 'select id, length(v) as v from late.keyless order by id')).toEqual([
      '(1,5)',
      '(2,)',
    ]);
    await until(task.tables, (tables) => tables['late.strict']?.TableState === 'Table error');
    await task.stop();
  });

  it.concurrent('C7 takes only the inserts of a table without a key', async () => {
    await both(
      rig,
      'create schema keyless; create table keyless.t (id int, v int); alter table keyless.t replica identity full',
    );
    await rig.source.query('insert into keyless.t values (1, 1)');
    const task = await newTask(rig, { tables: ['keyless.t'] });
    await task.start();
    await loaded(task, 'keyless.t');
    await rig.source.query(
      'update keyless.t set v = 2 where id = 1; delete from keyless.t where id = 1; insert into keyless.t values (2, 2)',
    );
    await until(
      () => rowsOf(rig.target, 'select * from keyless.t where id = 2'),
      (rows) => rows.length === 1,
    );
    expect(await rowsOf(rig.target, 'select * from keyless.t order by id')).toEqual(['(1,1)', '(2,2)']);
    await task.stop();
  });

  it.concurrent('C9 does not replicate TRUNCATE, and goes on after it', async () => {
    await both(rig, 'create schema trunc; create table trunc.t (id int primary key)');
    await rig.source.query('insert into trunc.t values (1)');
    const task = await newTask(rig, { tables: ['trunc.t'] });
    await task.start();
    await loaded(task, 'trunc.t');
    await rig.source.query('truncate trunc.t; insert into trunc.t values (2)');
    await until(
      () => rowsOf(rig.target, 'select * from trunc.t where id = 2'),
      (rows) => rows.length === 1,
    );
    expect(await rowsOf(rig.target, 'select * from trunc.t order by id')).toEqual(['(1)', '(2)']);
    await task.stop();
  });

  it.concurrent("C10, F15 carries a partition under the partition's name, and no parent", async () => {
    await both(
      rig,
      `create schema part; create table part.p (id int, d int, primary key (id, d)) partition by range (d);
      create table part.p1 partition of part.p for values from (0) to (10); create table part.p2 partition of part.p for values from (10) to (20)`,
    );
    await rig.source.query('insert into part.p values (1, 1), (2, 11)');
    const task = await newTask(rig, { tables: ['part.p', 'part.p1'] });
    await task.start();
    await loaded(task, 'part.p1');
    await rig.source.query('insert into part.p values (3, 3), (4, 14)');
    await until(
      () => rowsOf(rig.target, 'select * from part.p where id = 3'),
      (rows) => rows.length === 1,
    );
    expect(await rowsOf(rig.target, 'select * from part.p order by id')).toEqual(['(1,1)', '(3,3)']);
    expect((await task.tables())['part.p'].TableState).toBe('Table does not exist');
    await task.stop();
  });

  it.concurrent('C6 falls back to single rows when a batch fails, writes what is refused to awsdms_apply_exceptions, and goes on', async () => {
    await both(rig, 'create schema fall; create table fall.t (id int primary key, v int)');
    await rig.target.query('alter table fall.t add check (v < 100)');
    const task = await newTask(rig, { tables: ['fall.t'], settings: batch });
    await task.start();
    await loaded(task, 'fall.t');
    await rig.source.query(
      'insert into fall.t select g, case when g = 5 then 100 else g end from generate_series(1, 10) g',
    );
    await until(
      () => rowsOf(rig.target, 'select count(*) from fall.t'),
      (rows) => rows[0] === '(9)',
    );
    const [exception] = await rig.target.query<{ TABLE_NAME: string; ERROR: string }>(
      `select * from public.awsdms_apply_exceptions where "TABLE_OWNER" = 'fall'`,
    );
    expect(exception?.ERROR).toMatch(/check constraint/);
    await task.stop();
  });

  it.concurrent('fails the task with the reason where the policy says STOP_TASK', async () => {
    await both(rig, 'create schema strict; create table strict.t (id int primary key, v int)');
    await rig.target.query('alter table strict.t add check (v < 100)');
    const task = await newTask(rig, {
      tables: ['strict.t'],
      settings: { ErrorBehavior: { ApplyErrorInsertPolicy: 'STOP_TASK' } },
    });
    await task.start();
    await loaded(task, 'strict.t');
    await rig.source.query('insert into strict.t values (1, 100)');
    const failed = await task.reach('failed');
    expect(failed.LastFailureMessage).toMatch(/strict.*check constraint/);
  });

  it.concurrent('suspends a table that is gone from the target, and carries the others', async () => {
    await both(
      rig,
      'create schema gone; create table gone.a (id int primary key); create table gone.b (id int primary key)',
    );
    const task = await newTask(rig, { tables: ['gone.a', 'gone.b'] });
    await task.start();
    await loaded(task, 'gone.a');
    await loaded(task, 'gone.b');
    await rig.source.query('insert into gone.a values (1); insert into gone.b values (1)');
    await equalised(rig, 'select * from gone.a');
    await rig.target.query('drop table gone.a');
    await rig.source.query('insert into gone.a values (2); insert into gone.b values (2)');
    await equalised(rig, 'select * from gone.b order by id');
    expect((await task.tables())['gone.a'].TableState).toBe('Table error');
    expect((await task.describe()).Status).toBe('running');
    await task.stop();
  });

  it.concurrent('C1 refuses a plugin that is not installed', async () => {
    await both(rig, 'create schema plug; create table plug.t (id int primary key)');
    const task = await newTask(rig, { tables: ['plug.t'], plugin: 'pglogical' });
    await task.start();
    expect((await task.reach('failed')).LastFailureMessage).toMatch(/pglogical/);
  });

  it.concurrent('C2 reads the named slot from where it stands, fails without it, and leaves it behind', async () => {
    await both(rig, 'create schema slot; create table slot.t (id int primary key)');
    const task = await newTask(rig, { tables: ['slot.t'], type: 'cdc', slotName: 'octank_reverse' });
    await task.start();
    expect((await task.reach('failed')).LastFailureMessage).toMatch(/octank_reverse/);
    await rig.source.query(`insert into slot.t values (1)`);
    await rig.source.query(`select pg_create_logical_replication_slot('octank_reverse', 'test_decoding')`);
    await rig.source.query('insert into slot.t values (2)');
    await task.start('resume-processing');
    await until(
      () => rowsOf(rig.target, 'select * from slot.t'),
      (rows) => rows.length > 0,
    );
    expect(await rowsOf(rig.target, 'select * from slot.t')).toEqual(['(2)']);
    await task.stop();
    await rig.call('DeleteReplicationTask', { ReplicationTaskArn: task.arn });
    await until(
      () => task.describe().catch((error) => error.code),
      (seen) => seen === 'ResourceNotFoundFault',
    );
    expect(
      await rig.source.query(`select 1 from pg_replication_slots where slot_name = 'octank_reverse'`),
    ).toHaveLength(1);
    await rig.source.query(`select pg_drop_replication_slot('octank_reverse')`);
  });

  it.concurrent('C2 a slot of somebody else without a start position is refused, as AWS refuses it', async () => {
    await both(rig, 'create schema spos; create table spos.t (id int primary key)');
    await rig.source.query(`select pg_create_logical_replication_slot('octank_spos', 'test_decoding')`);
    const task = await newTask(rig, { tables: ['spos.t'], type: 'cdc', slotName: 'octank_spos' });
    await task.start();
    expect((await task.reach('failed')).LastFailureMessage).toMatch(/CdcStartPosition/);
    await rig.source.query(`select pg_drop_replication_slot('octank_spos')`);
  });

  it.concurrent('C13 fires no trigger and obeys no foreign key of the target where it applies as replica', async () => {
    await both(
      rig,
      'create schema fk; create table fk.parent (id int primary key); create table fk.child (id int primary key, p int)',
    );
    await rig.target.query(`alter table fk.child add foreign key (p) references fk.parent on delete cascade;
      create function fk.boom() returns trigger language plpgsql as 'begin raise exception $$boom$$; end';
      create trigger boom before insert on fk.child for each row execute function fk.boom()`);
    await rig.source.query('insert into fk.parent values (1), (2); insert into fk.child values (1, 1)');
    const task = await newTask(rig, { tables: ['fk.%'], afterConnect: asReplica });
    await task.start();
    await loaded(task, 'fk.child');
    await rig.source.query('insert into fk.child values (2, 77); delete from fk.parent where id = 1');
    await equalised(rig, 'select * from fk.parent');
    expect(await equalised(rig, 'select * from fk.child order by id')).toHaveLength(2);
    await task.stop();
  });

  it.concurrent('C5 never shows half a source transaction, however large it is', async () => {
    await both(rig, 'create schema big; create table big.t (id int primary key, v int)');
    await rig.source.query('insert into big.t select g, 0 from generate_series(1, 50000) g');
    const task = await newTask(rig, { tables: ['big.t'], settings: batch });
    await task.start();
    await loaded(task, 'big.t');
    await rig.source.query('update big.t set v = 1');
    await until(
      async () => {
        const [row] = await rig.target.query<{ changed: number }>(
          'select count(*) filter (where v = 1)::int as changed from big.t',
        );
        expect([0, 50_000]).toContain(row?.changed);
        return row?.changed;
      },
      (changed) => changed === 50_000,
    );
    await task.stop();
  });

  it.concurrent('renames, drops columns and filters as the rules say, in the load and after it', async () => {
    await rig.source.query('create schema ren; create table ren.t (id int primary key, secret text, keep int)');
    await rig.target.query('create schema neu; create table neu.t_moved (id int primary key, secret text, keep int)');
    await rig.source.query(`insert into ren.t values (1, 's', 1), (2, 's', 2)`);
    const at = { 'schema-name': 'ren', 'table-name': 't' };
    const named = (id: number) => ({ 'rule-id': String(id), 'rule-name': `r${id}` });
    const task = await newTask(rig, {
      tables: [],
      rules: [
        {
          'rule-type': 'selection',
          ...named(50),
          'object-locator': at,
          'rule-action': 'include',
          filters: [
            {
              'filter-type': 'source',
              'column-name': 'id',
              'filter-conditions': [{ 'filter-operator': 'gte', value: '2' }],
            },
          ],
        },
        {
          'rule-type': 'transformation',
          ...named(51),
          'rule-target': 'schema',
          'object-locator': { 'schema-name': 'ren' },
          'rule-action': 'rename',
          value: 'neu',
        },
        {
          'rule-type': 'transformation',
          ...named(52),
          'rule-target': 'table',
          'object-locator': at,
          'rule-action': 'add-suffix',
          value: '_moved',
        },
        {
          'rule-type': 'transformation',
          ...named(53),
          'rule-target': 'column',
          'object-locator': { ...at, 'column-name': 'secret' },
          'rule-action': 'remove-column',
        },
      ],
    });
    await task.start();
    await loaded(task, 'ren.t');
    await rig.source.query(`insert into ren.t values (0, 's', 0), (3, 's', 3)`);
    await until(
      () => rowsOf(rig.target, 'select * from neu.t_moved where id = 3'),
      (rows) => rows.length === 1,
    );
    expect(await rowsOf(rig.target, 'select * from neu.t_moved order by id')).toEqual(['(2,,2)', '(3,,3)']);
    await task.stop();
  });

  it.concurrent('F10 makes a missing table with its key and nothing else', async () => {
    await rig.source.query(
      `create schema fresh; create table fresh.t (id int generated always as identity primary key, v varchar(9) default 'x' not null); create index on fresh.t (v)`,
    );
    await rig.source.query('insert into fresh.t default values');
    const task = await newTask(rig, { tables: ['fresh.t'], type: 'full-load' });
    await task.start();
    expect((await task.reach('stopped')).StopReason).toBe('Stop Reason FULL_LOAD_ONLY_FINISHED');
    expect(await rowsOf(rig.target, 'select * from fresh.t')).toEqual(['(1,x)']);
    expect(await rig.target.query(`select 1 from pg_indexes where schemaname = 'fresh'`)).toHaveLength(1);
    expect(
      await rig.target.query(
        `select 1 from pg_attrdef d join pg_class c on c.oid = adrelid where relnamespace = 'fresh'::regnamespace`,
      ),
    ).toHaveLength(0);
  });

  it.concurrent('F9 fails where no table matches', async () => {
    const task = await newTask(rig, { tables: ['nowhere.t'] });
    await task.start();
    expect((await task.reach('failed')).LastFailureMessage).toMatch(/No tables were found/);
  });
});

describe('a DMS task that is disturbed', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await newRig();
  });
  afterAll(async () => rig?.stop());

  it('C12 does not double or lose rows when the process dies and the last transactions are replayed', async () => {
    await both(rig, 'create schema crash; create table crash.t (id int primary key, v int, u text unique)');
    const task = await newTask(rig, { tables: ['crash.t'] });
    await task.start();
    await task.reach('running');
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20; i += 1)
        await rig.source.query(`
          insert into crash.t values (${round * 100 + i}, 0, 'u${round}-${i}');
          update crash.t set v = v + 1 where id % 20 = ${i};
          delete from crash.t where id = ${round * 100 + i - 5};
          insert into crash.t values (${round * 100 + i - 5}, 50, 'again${round}-${i}')`);
      if (round === 1) await equalised(rig, 'select * from crash.t order by id');
      await rig.crash();
    }
    await equalised(rig, 'select * from crash.t order by id');
    await task.reach('running');
    expect((await task.tables())['crash.t'].TableState).toBe('Table completed');
    await task.stop();
  });

  it('goes on with a load that a dying process cut off', async () => {
    await both(
      rig,
      'create schema cut; create table cut.a (id int primary key, pad text); create table cut.b (id int primary key)',
    );
    await rig.source.query(
      `insert into cut.a select g, repeat('y', 300) from generate_series(1, 150000) g; insert into cut.b values (1)`,
    );
    const task = await newTask(rig, { tables: ['cut.a', 'cut.b'] });
    await task.start();
    await until(task.tables, (tables) => tables['cut.a']?.TableState === 'Full load');
    await rig.crash();
    await rig.source.query('insert into cut.b values (2)');
    await loaded(task, 'cut.a');
    await equalised(rig, 'select count(*), sum(id) from cut.a');
    expect(await equalised(rig, 'select * from cut.b order by id')).toEqual(['(1)', '(2)']);
    await task.stop();
  });

  it('C15 goes on by itself after the target was restarted', async () => {
    await both(rig, 'create schema back; create table back.t (id int primary key)');
    const task = await newTask(rig, {
      tables: ['back.t'],
      settings: { ErrorBehavior: { RecoverableErrorInterval: 0 } },
    });
    await task.start();
    await loaded(task, 'back.t');
    await rig.source.query('insert into back.t values (1)');
    await equalised(rig, 'select * from back.t');
    await rig.target.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'awsdms'`);
    await rig.source.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'awsdms'`);
    await rig.source.query('insert into back.t values (2)');
    expect(await equalised(rig, 'select * from back.t order by id')).toHaveLength(2);
    expect((await task.describe()).Status).toBe('running');
    await task.stop();
  });
});

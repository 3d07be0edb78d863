/** The replication port against the embedded DMS over real databases, from endpoints to a load that is read back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EndpointSpec, Replication, TaskSpec, TaskState } from '../../ports/replication.ts';
import { type TestPostgres, testPostgres } from '../../testing/postgres.ts';
import { wallClock } from '../local/clock.ts';
import { createReplication } from './dms.ts';
import { createSecrets } from './secrets.ts';
import { createIdentity } from './sts.ts';
import { startAws, type TestAws } from './testdata/rehearsal.ts';

let aws: TestAws;
let source: TestPostgres;
let target: TestPostgres;
let replication: Replication;

beforeAll(async () => {
  [source, target] = await Promise.all([testPostgres(), testPostgres()]);
  const ddl = 'create schema octank; create table public.order_line (id int primary key, note text)';
  await Promise.all([
    source.query(`${ddl}; insert into public.order_line select n, 'row ' || n from generate_series(1, 500) n`),
    target.query(`create schema octank; create schema moved; create table moved.line (id int primary key, note text)`),
  ]);
  aws = await startAws({
    kind: 'benchmark',
    replicationInstances: ['octank-dms'],
    secrets: { src: source.secret(), tgt: target.secret() },
  });
  const secrets = createSecrets({ clients: aws.clients, env: {}, baseFolder: '/' });
  replication = createReplication({ clients: aws.clients, secrets, identity: createIdentity(aws.clients) });
});
afterAll(async () => {
  await aws?.stop();
  await Promise.all([source?.stop(), target?.stop()]);
});

const endpoint = (role: 'source' | 'target'): EndpointSpec => ({
  identifier: `octank-test-${role}`,
  role,
  engine: role === 'source' ? 'postgres' : 'aurora-postgresql',
  secretId: role === 'source' ? 'src' : 'tgt',
  database: null,
  plugin: role === 'source' ? 'test-decoding' : null,
  slotName: null,
  afterConnect: role === 'target' ? "SET session_replication_role = 'replica'" : null,
  tags: { 'octank:lineage': 'l1' },
});

const until = async <T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> => {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`not in time: ${JSON.stringify(seen)}`);
    await wallClock().sleep(50);
  }
};
const reach = (status: TaskState['status']) =>
  until(
    () => replication.findTask('octank-test'),
    (task) => task?.status === status,
  );

it('finds nothing where nothing is: absent is an answer, not a fault', async () => {
  expect(await replication.instance('nowhere')).toBeUndefined();
  expect(await replication.findEndpoint(endpoint('source'))).toBeUndefined();
  expect(await replication.findTask('nowhere')).toBeUndefined();
});

it('carries a renamed table from one database to the other, stops after the load, and resumes', async () => {
  const instance = await replication.instance('octank-dms');
  expect(instance?.status).toBe('available');
  const instanceArn = instance!.arn;
  const arns: string[] = [];
  for (const role of ['source', 'target'] as const) {
    const { arn } = await replication.createEndpoint(endpoint(role));
    arns.push(arn);
    expect(await replication.findEndpoint(endpoint(role))).toEqual({ arn, matches: true });
    expect((await replication.findEndpoint({ ...endpoint(role), afterConnect: 'SELECT 1' }))?.matches).toBe(false);
    expect(await replication.connection({ instanceArn, endpointArn: arn })).toEqual({ status: 'untested' });
    await replication.testConnection({ instanceArn, endpointArn: arn });
    // Asked twice, as a resumed run would: the test under way is not an error.
    await replication.testConnection({ instanceArn, endpointArn: arn });
    await until(
      () => replication.connection({ instanceArn, endpointArn: arn }),
      (seen) => seen.status === 'successful',
    );
  }
  const spec: TaskSpec = {
    identifier: 'octank-test',
    sourceEndpointArn: arns[0]!,
    targetEndpointArn: arns[1]!,
    instanceArn,
    migrationType: 'full-load-and-cdc',
    tables: [{ source: { schema: 'public', table: 'order_line' }, target: { schema: 'moved', table: 'line' } }],
    controlTables: [],
    stopAfterFullLoad: true,
    batchApply: false,
    lob: { mode: 'inline', maxKb: 64 },
    startPosition: null,
    tags: { 'octank:lineage': 'l1' },
  };
  const { arn } = await replication.createTask(spec);
  const ready = await reach('ready');
  expect(ready).toMatchObject({ arn, startedAt: null, stopReason: null, tags: { 'octank:lineage': 'l1' } });
  await replication.startTask({ arn, type: 'start-replication' });
  const stopped = await reach('stopped');
  expect(stopped).toMatchObject({ stopReason: 'STOPPED_AFTER_FULL_LOAD', fullLoadPercent: 100, tablesErrored: 0 });
  expect(stopped?.startedAt).toBeGreaterThan(0);
  expect(await replication.tableStatistics(arn)).toMatchObject([
    {
      table: { schema: 'public', table: 'order_line' },
      state: 'Table completed',
      fullLoadRows: 500,
      fullLoadErrorRows: 0,
    },
  ]);
  expect(await target.query('select count(*)::int as n from moved.line')).toEqual([{ n: 500 }]);
  // A first start of a task that ran is refused by AWS; nothing was done.
  await expect(replication.startTask({ arn, type: 'start-replication' })).rejects.toMatchObject({ effect: 'none' });
  await replication.startTask({ arn, type: 'resume-processing' });
  await reach('running');
  await source.query("update public.order_line set note = 'changed' where id = 7");
  await until(
    () => target.query<{ note: string }>('select note from moved.line where id = 7'),
    ([row]) => row?.note === 'changed',
  );
  await replication.requestStop(arn);
  await reach('stopped');
  // It is stopped already: asking again is no fault.
  await replication.requestStop(arn);
  await replication.deleteTask(arn);
  await until(
    () => replication.findTask('octank-test'),
    (task) => task === undefined,
  );
  await replication.deleteTask(arn);
  for (const one of arns) await replication.deleteEndpoint(one);
  await replication.deleteEndpoint(arns[0]!);
});

it('leaves a lost answer to a start in doubt', async () => {
  await aws.fault({ service: 'dms', operation: 'StartReplicationTask', kind: 'timeout-before-effect', count: 9 });
  await expect(
    replication.startTask({ arn: 'arn:aws:dms:eu-west-1:111122223333:task:X', type: 'start-replication' }),
  ).rejects.toMatchObject({ code: 'aws.no-answer', effect: 'unknown' });
});

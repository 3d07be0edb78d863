/** The interface as AWS gives it: states that take time, words that are enforced, faults by their names; ids are of behaviour.md. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, instanceArn, newRig, newTask, type Rig, rowsOf, testEndpoint, until } from './testing/rig.ts';

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'accepted',
    (error: { code?: string }) => error.code ?? String(error),
  );

describe('the DMS interface', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await newRig({ kind: 'strict', rate: 240 });
    for (const side of [rig.source, rig.target])
      await side.query('create schema i; create table i.t (id int primary key); create table i.u (id int primary key)');
    await rig.source.query('insert into i.t values (1)');
  });
  afterAll(async () => rig?.stop());

  it('I1, I6, I7, I8, I15 walks a task through its states, each of which takes time, and enforces the start words', async () => {
    const task = await newTask(rig, {
      tables: ['i.t'],
      settings: { FullLoadSettings: { StopTaskCachedChangesNotApplied: true } },
    });
    expect(await codeOf(task.start('resume-processing'))).toBe('InvalidParameterCombinationException');
    expect(await codeOf(rig.call('StopReplicationTask', { ReplicationTaskArn: task.arn }))).toBe(
      'InvalidResourceStateFault',
    );
    const startedAt = Date.now();
    await task.start();
    expect((await task.describe()).Status).toBe('starting');
    expect(await codeOf(task.start('resume-processing'))).toBe('InvalidResourceStateFault');
    const stopped = await task.reach('stopped');
    expect(Date.now() - startedAt).toBeGreaterThan(1500);
    expect(typeof stopped.ReplicationTaskStartDate).toBe('number');
    expect(stopped.ReplicationTaskStats.TablesLoaded).toBe(1);
    expect(await codeOf(task.start('start-replication'))).toBe('InvalidParameterCombinationException');
    await task.start('resume-processing');
    const running = await task.reach('running');
    expect(running.StopReason).toBe('Stop Reason STOPPED_AFTER_FULL_LOAD');
    // M1: a minute of the scaled clock passes meanwhile.
    const datum = await until(
      async () => rig.metrics.find(({ name }) => name === 'CDCLatencySource'),
      (seen) => seen !== undefined,
    );
    expect(datum?.dimensions).toEqual({
      ReplicationInstanceIdentifier: 'octank-dms',
      ReplicationTaskIdentifier: task.arn.split(':').at(-1),
    });
    await rig.call('StopReplicationTask', { ReplicationTaskArn: task.arn });
    expect((await task.describe()).Status).toBe('stopping');
    await task.reach('stopped');
    expect((await task.describe()).StopReason).toBe('Stop Reason NORMAL');
  });

  it('I9, I10 starts nothing whose connections were not tested', async () => {
    const task = await newTask(rig, { tables: ['i.u'], untested: true });
    expect(await codeOf(task.start())).toBe('InvalidResourceStateFault');
    const { SourceEndpointArn, TargetEndpointArn } = await task.describe();
    await Promise.all([testEndpoint(rig, SourceEndpointArn), testEndpoint(rig, TargetEndpointArn)]);
    await rig.call('ModifyEndpoint', { EndpointArn: SourceEndpointArn, PostgreSQLSettings: { HeartbeatEnable: true } });
    expect(await codeOf(task.start())).toBe('InvalidResourceStateFault');
    await until(
      () => rig.call('DescribeConnections', { Filters: [{ Name: 'endpoint-arn', Values: [SourceEndpointArn] }] }),
      (answer: Answer) => answer.Connections[0].Status === 'successful',
    );
    await task.start();
    await task.reach('running');
    expect(await codeOf(rig.call('DeleteReplicationTask', { ReplicationTaskArn: task.arn }))).toBe(
      'InvalidResourceStateFault',
    );
    // I12
    expect(await codeOf(rig.call('DeleteEndpoint', { EndpointArn: SourceEndpointArn }))).toBe(
      'InvalidResourceStateFault',
    );
    await rig.source.query('insert into i.u values (5)');
    await until(
      () => rowsOf(rig.target, 'select * from i.u'),
      (rows) => rows.length === 1,
    );
    await rig.target.query('truncate i.u');
    await rig.call('ReloadTables', {
      ReplicationTaskArn: task.arn,
      TablesToReload: [{ SchemaName: 'i', TableName: 'u' }],
    });
    await until(
      () => rowsOf(rig.target, 'select * from i.u'),
      (rows) => rows.length === 1,
    );
    await rig.source.query('insert into i.u values (6)');
    await until(
      () => rowsOf(rig.target, 'select * from i.u'),
      (rows) => rows.length === 2,
    );
    await task.stop();
  });

  it('I2 never gives a password back, and a failed connection test says why without it', async () => {
    const { Endpoint } = await rig.call('CreateEndpoint', {
      EndpointIdentifier: 'plain',
      EndpointType: 'source',
      EngineName: 'aurora-postgresql',
      ServerName: '127.0.0.1',
      Port: rig.source.server.port,
      Username: 'postgres',
      Password: 'wrong-and-secret',
      DatabaseName: 'postgres',
    });
    await testEndpoint(rig, Endpoint.EndpointArn);
    const byArn = { Filters: [{ Name: 'endpoint-arn', Values: [Endpoint.EndpointArn] }] };
    const tested = await rig.call('DescribeConnections', byArn);
    expect(tested.Connections[0].Status).toBe('failed');
    expect(tested.Connections[0].LastFailureMessage).toMatch(/password authentication failed/);
    const shown = JSON.stringify([Endpoint, tested, await rig.call('DescribeEndpoints', byArn)]);
    expect(shown).not.toContain('wrong-and-secret');
  });

  it.each([
    ['DescribeReplicationTasks', 'replication-task-id'],
    ['DescribeEndpoints', 'endpoint-id'],
    ['DescribeReplicationInstances', 'replication-instance-id'],
  ])('I3 %s answers a filter that matches nothing with a fault, and an unknown filter too', async (operation, name) => {
    expect(await codeOf(rig.call(operation, { Filters: [{ Name: name, Values: ['nothing'] }] }))).toBe(
      'ResourceNotFoundFault',
    );
    expect(await codeOf(rig.call(operation, { Filters: [{ Name: 'colour', Values: ['red'] }] }))).toBe(
      'InvalidParameterValueException',
    );
  });

  it('I4 pages with a marker', async () => {
    for (let i = 0; i < 21; i += 1)
      await rig.call('CreateEndpoint', {
        EndpointIdentifier: `page-${i}`,
        EndpointType: 'target',
        EngineName: 'postgres',
        ServerName: 'db.internal',
      });
    const first = await rig.call('DescribeEndpoints', { MaxRecords: 20 });
    expect(first.Endpoints).toHaveLength(20);
    const second = await rig.call('DescribeEndpoints', { MaxRecords: 20, Marker: first.Marker });
    const names = [...first.Endpoints, ...second.Endpoints].map((endpoint: Answer) => endpoint.EndpointIdentifier);
    expect(new Set(names).size).toBe(names.length);
    expect(await codeOf(rig.call('DescribeEndpoints', { MaxRecords: 5 }))).toBe('InvalidParameterValueException');
  });

  it.each(['9lives', 'two--hyphens', 'ends-', 'under_score'])('I5 refuses the identifier %s', async (name) => {
    expect(
      await codeOf(
        rig.call('CreateEndpoint', { EndpointIdentifier: name, EndpointType: 'source', EngineName: 'postgres' }),
      ),
    ).toBe('InvalidParameterValueException');
  });

  it('I11 refuses CdcStartTime, and a position without a named slot', async () => {
    const task = await newTask(rig, { tables: ['i.t'], type: 'cdc' });
    expect(await codeOf(task.start('start-replication', { CdcStartTime: 1_700_000_000 }))).toBe(
      'InvalidParameterCombinationException',
    );
    expect(await codeOf(task.start('start-replication', { CdcStartPosition: '0/1' }))).toBe(
      'InvalidParameterCombinationException',
    );
  });

  it('makes and removes instances over time, and tags what there is', async () => {
    const { ReplicationInstance } = await rig.call('CreateReplicationInstance', {
      ReplicationInstanceIdentifier: 'second',
      ReplicationInstanceClass: 'dms.t3.small',
      Tags: [{ Key: 'project', Value: 'octank' }],
    });
    expect(ReplicationInstance.ReplicationInstanceStatus).toBe('creating');
    const arn = ReplicationInstance.ReplicationInstanceArn;
    const byArn = { Filters: [{ Name: 'replication-instance-arn', Values: [arn] }] };
    await until(
      () => rig.call('DescribeReplicationInstances', byArn),
      (answer: Answer) => answer.ReplicationInstances[0].ReplicationInstanceStatus === 'available',
    );
    await rig.call('AddTagsToResource', { ResourceArn: arn, Tags: [{ Key: 'stage', Value: 'x' }] });
    await rig.call('RemoveTagsFromResource', { ResourceArn: arn, TagKeys: ['project'] });
    expect((await rig.call('ListTagsForResource', { ResourceArn: arn })).TagList).toEqual([
      { Key: 'stage', Value: 'x', ResourceArn: arn },
    ]);
    await rig.call('DeleteReplicationInstance', { ReplicationInstanceArn: arn });
    await until(
      () => codeOf(rig.call('DescribeReplicationInstances', byArn)),
      (code) => code === 'ResourceNotFoundFault',
    );
    expect(await instanceArn(rig)).not.toBe(arn);
  });
});

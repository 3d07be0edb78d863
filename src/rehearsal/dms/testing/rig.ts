/** For tests of this room: two real databases, a DMS over them in memory, and short ways to say what a test needs. */
import { setTimeout as wait } from 'node:timers/promises';
import { type TestPostgres, testPostgres } from '../../../testing/postgres.ts';
import type { JsonInput, RunningService, ServiceContext, Store } from '../../service.ts';
import { createDms, type DmsContext } from '../index.ts';

export interface Datum {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Rig {
  readonly source: TestPostgres;
  readonly target: TestPostgres;
  readonly metrics: Datum[];
  readonly logs: string[];
  call(operation: string, input?: JsonInput): Promise<Answer>;
  /** Ends the service without letting it finish anything, and starts it again on the same state. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** Answers are read by path in tests; the wire has no types either. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the operation answers
export type Answer = any;

/** A store that can be frozen, as if the process had died at that moment. */
export const memoryStore = (): Store & { freeze(): void; thaw(): void } => {
  const kept = new Map<string, string>();
  let isFrozen = false;
  return {
    load: async <T>(name: string) => {
      const text = kept.get(name);
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    save: async (name, value) => {
      if (isFrozen) throw new Error('the process is dead');
      kept.set(name, JSON.stringify(value));
    },
    freeze: () => {
      isFrozen = true;
    },
    thaw: () => {
      isFrozen = false;
    },
  };
};

export const newRig = async (options: { kind?: 'strict' | 'benchmark'; rate?: number } = {}): Promise<Rig> => {
  const [source, target] = await Promise.all([testPostgres(), testPostgres()]);
  const secrets: Record<string, string> = { src: source.secret(), tgt: target.secret() };
  const store = memoryStore();
  const metrics: Datum[] = [];
  const logs: string[] = [];
  const rate = options.rate ?? 1;
  const startedAt = Date.now();
  const base: ServiceContext = {
    accountId: '111122223333',
    region: 'eu-west-1',
    clock: {
      rate,
      originMs: startedAt,
      now: () => startedAt + (Date.now() - startedAt) * rate,
      sleep: (ms, signal) => wait(ms / rate, undefined, signal ? { signal } : {}),
    },
    store,
    neighbours: {
      secret: (name) => secrets[name],
      putSecret: async () => undefined,
      putMetric: (datum) => metrics.push(datum),
    },
    log: (line) => logs.push(line),
  };
  const context: DmsContext = { ...base, replicationInstances: ['octank-dms'], kind: options.kind ?? 'benchmark' };
  let dms: RunningService = await createDms(context);
  return {
    source,
    target,
    metrics,
    logs,
    call: async (operation, input = {}) => {
      const { service } = dms;
      if (service.protocol === 'rest-xml' || service.protocol === 'query') throw new Error('not a JSON service');
      const run = service.operations[operation];
      if (!run) throw new Error(`no operation ${operation}`);
      return run(input, { region: 'eu-west-1', accessKeyId: 'test', requestId: 'test' });
    },
    crash: async () => {
      store.freeze();
      // What it still commits on the target after this moment, it can no longer remember.
      await dms.stop().catch(() => undefined);
      store.thaw();
      dms = await createDms(context);
    },
    stop: async () => {
      await dms.stop();
      await Promise.all([source.stop(), target.stop()]);
    },
  };
};

const deadlineMs = Number(process.env.OCTANK_TEST_SECONDS ?? 20) * 1000;

/** Polls until the condition holds; says what it last saw when it does not. */
export const until = async <T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> => {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${JSON.stringify(seen)}`);
    await wait(25);
  }
};

let counter = 0;

export interface TaskOptions {
  readonly tables: readonly string[];
  readonly type?: 'full-load' | 'cdc' | 'full-load-and-cdc';
  readonly settings?: JsonInput;
  readonly rules?: readonly object[];
  readonly slotName?: string;
  readonly plugin?: string;
  readonly afterConnect?: string;
  readonly untested?: boolean;
  readonly reversed?: boolean;
}

export const includeRules = (tables: readonly string[]): readonly object[] =>
  tables.map((name, index) => {
    const [schema, table] = name.split('.');
    return {
      'rule-type': 'selection',
      'rule-id': String(index + 1),
      'rule-name': `include-${index + 1}`,
      'object-locator': { 'schema-name': schema, 'table-name': table },
      'rule-action': 'include',
    };
  });

export const inlineLobs = { FullLobMode: true, LimitedSizeLobMode: false, InlineLobMaxSize: 64 };

const newEndpoint = async (rig: Rig, type: 'source' | 'target', options: TaskOptions): Promise<string> => {
  counter += 1;
  const fromSource = (type === 'source') !== (options.reversed ?? false);
  const { Endpoint } = await rig.call('CreateEndpoint', {
    EndpointIdentifier: `e-${counter}-${type}`,
    EndpointType: type,
    EngineName: 'postgres',
    PostgreSQLSettings: {
      SecretsManagerSecretId: fromSource ? 'src' : 'tgt',
      SecretsManagerAccessRoleArn: 'arn:aws:iam::111122223333:role/dms',
      ...(type === 'source' ? { PluginName: options.plugin ?? 'test-decoding' } : {}),
      ...(type === 'source' && options.slotName ? { SlotName: options.slotName } : {}),
      ...(type === 'target' && options.afterConnect ? { AfterConnectScript: options.afterConnect } : {}),
    },
  });
  return Endpoint.EndpointArn;
};

export const instanceArn = async (rig: Rig): Promise<string> =>
  (await rig.call('DescribeReplicationInstances')).ReplicationInstances[0].ReplicationInstanceArn;

export const testEndpoint = async (rig: Rig, endpoint: string): Promise<void> => {
  await rig.call('TestConnection', { ReplicationInstanceArn: await instanceArn(rig), EndpointArn: endpoint });
  await until(
    () => rig.call('DescribeConnections', { Filters: [{ Name: 'endpoint-arn', Values: [endpoint] }] }),
    (answer) => answer.Connections[0].Status !== 'testing',
  );
};

export interface RigTask {
  readonly arn: string;
  describe(): Promise<Answer>;
  start(type?: string, more?: JsonInput): Promise<void>;
  /** Polls for a status; a failure that was not waited for is thrown with its message. */
  reach(status: string): Promise<Answer>;
  stop(): Promise<void>;
  tables(): Promise<Record<string, Answer>>;
}

export const newTask = async (rig: Rig, options: TaskOptions): Promise<RigTask> => {
  const [source, target] = [await newEndpoint(rig, 'source', options), await newEndpoint(rig, 'target', options)];
  if (!options.untested) await Promise.all([testEndpoint(rig, source), testEndpoint(rig, target)]);
  counter += 1;
  const { ReplicationTask } = await rig.call('CreateReplicationTask', {
    ReplicationTaskIdentifier: `t-${counter}`,
    SourceEndpointArn: source,
    TargetEndpointArn: target,
    ReplicationInstanceArn: await instanceArn(rig),
    MigrationType: options.type ?? 'full-load-and-cdc',
    TableMappings: JSON.stringify({ rules: [...includeRules(options.tables), ...(options.rules ?? [])] }),
    ReplicationTaskSettings: JSON.stringify({ TargetMetadata: inlineLobs, ...options.settings }),
  });
  const arn: string = ReplicationTask.ReplicationTaskArn;
  const describe = async (): Promise<Answer> =>
    (await rig.call('DescribeReplicationTasks', { Filters: [{ Name: 'replication-task-arn', Values: [arn] }] }))
      .ReplicationTasks[0];
  const reach = async (status: string): Promise<Answer> => {
    const seen = await until(describe, (task) => task.Status === status || task.Status === 'failed');
    if (seen.Status !== status) throw new Error(`${seen.Status}: ${seen.LastFailureMessage}`);
    return seen;
  };
  await reach('ready');
  return {
    arn,
    describe,
    reach,
    start: async (type = 'start-replication', more = {}) => {
      await rig.call('StartReplicationTask', { ReplicationTaskArn: arn, StartReplicationTaskType: type, ...more });
    },
    stop: async () => {
      await rig.call('StopReplicationTask', { ReplicationTaskArn: arn });
      await reach('stopped');
    },
    tables: async () => {
      const { TableStatistics } = await rig.call('DescribeTableStatistics', { ReplicationTaskArn: arn });
      return Object.fromEntries(
        (TableStatistics as Answer[]).map((table) => [`${table.SchemaName}.${table.TableName}`, table]),
      );
    },
  };
};

/** Rows as text, so that comparing says which side has what. */
export const rowsOf = async (database: TestPostgres, sql: string): Promise<readonly string[]> =>
  (await database.query<{ row: string }>(`select x::text as row from (${sql}) x`)).map(({ row }) => row);

export const both = async (rig: Rig, ddl: string): Promise<void> => {
  await rig.source.query(ddl);
  await rig.target.query(ddl);
};

/** Waits until the query answers the same on both sides. */
export const equalised = async (rig: Rig, sql: string): Promise<readonly string[]> => {
  const seen = await until(
    async () => ({ source: await rowsOf(rig.source, sql), target: await rowsOf(rig.target, sql) }),
    ({ source, target }) => JSON.stringify(source) === JSON.stringify(target),
  );
  return seen.source;
};

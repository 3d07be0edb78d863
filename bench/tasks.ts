/** DMS tasks as octank makes them, and how long they take. */
import type { Replication, TaskStatus } from '../src/ports/replication.ts';
import { type Servers, type Side, until } from './servers.ts';

/** As in production: the target's triggers and keys do not fire on rows that already obeyed them. */
const asReplica = "SET session_replication_role = 'replica'";

let counter = 0;

const endpoint = async (servers: Servers, role: Side, database: string): Promise<string> => {
  const { replication, instanceArn } = servers;
  counter += 1;
  const { arn } = await replication.createEndpoint({
    identifier: `bench-${counter}-${role}`,
    role,
    engine: role === 'source' ? 'postgres' : 'aurora-postgresql',
    secretId: `bench/${role}-dms`,
    database,
    plugin: role === 'source' ? 'test-decoding' : null,
    slotName: null,
    afterConnect: role === 'target' ? asReplica : null,
    tags: {},
  });
  await replication.testConnection({ instanceArn, endpointArn: arn });
  await until('a connection test', async () => {
    const state = await replication.connection({ instanceArn, endpointArn: arn });
    if (state.status === 'failed') throw new Error(state.message);
    return state.status === 'successful';
  });
  return arn;
};

export interface BenchTask {
  readonly arn: string;
  start(type: 'start-replication' | 'resume-processing'): Promise<void>;
  /** Throws what the task failed with. */
  reach(status: TaskStatus): Promise<void>;
}

const statusOf = async (replication: Replication, name: string): Promise<TaskStatus> => {
  const task = await replication.findTask(name);
  if (task?.status === 'failed') throw new Error(`the task failed: ${task.failureMessage}`);
  return task?.status ?? 'creating';
};

export const createTask = async (
  servers: Servers,
  options: { readonly database: string; readonly batchApply: boolean; readonly stopAfterFullLoad: boolean },
): Promise<BenchTask> => {
  const { replication } = servers;
  const source = await endpoint(servers, 'source', options.database);
  const target = await endpoint(servers, 'target', options.database);
  counter += 1;
  const identifier = `bench-task-${counter}`;
  const orders = { schema: 'bench', table: 'orders' };
  const { arn } = await replication.createTask({
    identifier,
    sourceEndpointArn: source,
    targetEndpointArn: target,
    instanceArn: servers.instanceArn,
    migrationType: 'full-load-and-cdc',
    tables: [{ source: orders, target: orders }],
    controlTables: [],
    stopAfterFullLoad: options.stopAfterFullLoad,
    batchApply: options.batchApply,
    lob: { mode: 'inline', maxKb: 64 },
    startPosition: null,
    tags: {},
  });
  const reach = (status: TaskStatus): Promise<void> =>
    until(`status ${status}`, async () => (await statusOf(replication, identifier)) === status);
  await reach('ready');
  return { arn, reach, start: (type) => replication.startTask({ arn, type }) };
};

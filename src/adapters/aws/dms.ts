/** AWS DMS behind the replication port: endpoints, connection tests, tasks, table statistics. */
import type {
  Connection,
  Endpoint,
  ReplicationInstance,
  ReplicationTask,
  TableStatistics,
} from '@aws-sdk/client-database-migration-service';
import { Fault } from '../../model/fault.ts';
import type { Identity } from '../../ports/identity.ts';
import type {
  ConnectionState,
  EndpointSpec,
  Replication,
  TableStatistic,
  TaskState,
  TaskStatus,
} from '../../ports/replication.ts';
import type { Secrets } from '../../ports/secrets.ts';
import type { AwsClients, Loaded } from './clients.ts';
import { endpointInput, endpointMatches, secretFacts } from './dms-endpoint.ts';
import { tableMappings, taskSettings } from './dms-task.ts';
import { type AwsCall, calling, callingUnless, required } from './faults.ts';
import { allPages } from './pages.ts';

const read = (operation: string): AwsCall => ({ service: 'DMS', operation, mutates: false });
const effect = (operation: string): AwsCall => ({ service: 'DMS', operation, mutates: true });

/** A filter that matches nothing is a fault at DMS, and an answer to us. */
const absent = { names: ['ResourceNotFoundFault'], answer: { items: [], next: undefined } };
const gone = { names: ['ResourceNotFoundFault'], answer: undefined };
const wrongState = { names: ['InvalidResourceStateFault'], answer: 'wrong-state' as const };

const statuses: readonly TaskStatus[] = [
  'creating',
  'ready',
  'starting',
  'running',
  'stopping',
  'stopped',
  'failed',
  'modifying',
  'moving',
  'failed-move',
  'testing',
  'deleting',
];

const statusOf = (task: ReplicationTask): TaskStatus =>
  required(
    statuses.find((status) => status === task.Status),
    read('DescribeReplicationTasks'),
    `a known status (it says "${task.Status}")`,
  );

/** `Stop Reason NORMAL` -> `NORMAL`. */
const stopReasonOf = (task: ReplicationTask): string | null =>
  /^(?:Stop Reason )?([A-Z_]+)/.exec(task.StopReason ?? '')?.[1] ?? null;

const taskState = (task: ReplicationTask, tags: Readonly<Record<string, string>>): TaskState => ({
  arn: required(task.ReplicationTaskArn, read('DescribeReplicationTasks'), 'ReplicationTaskArn'),
  identifier: task.ReplicationTaskIdentifier ?? '',
  status: statusOf(task),
  stopReason: stopReasonOf(task),
  failureMessage: task.LastFailureMessage || null,
  fullLoadPercent: task.ReplicationTaskStats?.FullLoadProgressPercent ?? 0,
  tablesLoaded: task.ReplicationTaskStats?.TablesLoaded ?? 0,
  tablesErrored: task.ReplicationTaskStats?.TablesErrored ?? 0,
  startedAt: task.ReplicationTaskStartDate?.getTime() ?? null,
  tags,
});

const statistic = (row: TableStatistics): TableStatistic => ({
  table: { schema: row.SchemaName ?? '', table: row.TableName ?? '' },
  state: row.TableState ?? '',
  fullLoadRows: row.FullLoadRows ?? 0,
  fullLoadErrorRows: row.FullLoadErrorRows ?? 0,
  inserts: row.Inserts ?? 0,
  updates: row.Updates ?? 0,
  deletes: row.Deletes ?? 0,
});

const connectionState = (connection: Connection | undefined): ConnectionState => {
  switch (connection?.Status) {
    case 'successful':
    case 'testing':
      return { status: connection.Status };
    case 'failed':
      return { status: 'failed', message: connection.LastFailureMessage ?? 'no reason given' };
    default:
      return { status: 'untested' };
  }
};

/** Of the role DMS assumes to read secrets, where the caller names none. */
const defaultSecretRole = 'octank-dms-secrets';

export interface DmsOptions {
  readonly clients: AwsClients;
  /** Connection secrets are read once for their database's name, which DMS wants beside them. */
  readonly secrets: Secrets;
  readonly identity: Identity;
  readonly secretAccessRoleArn?: string;
}

type Dms = Loaded<'dms'>;
type Filter = { readonly Name: string; readonly Values: string[] };

const byName = (Name: string, value: string): Filter => ({ Name, Values: [value] });

const findInstances = ({ sdk, client }: Dms, filter: Filter): Promise<readonly ReplicationInstance[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeReplicationInstances'), absent, async () => {
      const answer = await client.send(new sdk.DescribeReplicationInstancesCommand({ Filters: [filter], Marker }));
      return { items: answer.ReplicationInstances ?? [], next: answer.Marker };
    }),
  );

const findEndpoints = ({ sdk, client }: Dms, filter: Filter): Promise<readonly Endpoint[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeEndpoints'), absent, async () => {
      const answer = await client.send(new sdk.DescribeEndpointsCommand({ Filters: [filter], Marker }));
      return { items: answer.Endpoints ?? [], next: answer.Marker };
    }),
  );

const findTasks = ({ sdk, client }: Dms, filter: Filter): Promise<readonly ReplicationTask[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeReplicationTasks'), absent, async () => {
      const answer = await client.send(
        new sdk.DescribeReplicationTasksCommand({ Filters: [filter], Marker, WithoutSettings: true }),
      );
      return { items: answer.ReplicationTasks ?? [], next: answer.Marker };
    }),
  );

const findConnections = (
  { sdk, client }: Dms,
  options: { readonly instanceArn: string; readonly endpointArn: string },
): Promise<readonly Connection[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeConnections'), absent, async () => {
      const Filters = [
        byName('endpoint-arn', options.endpointArn),
        byName('replication-instance-arn', options.instanceArn),
      ];
      const answer = await client.send(new sdk.DescribeConnectionsCommand({ Filters, Marker }));
      return { items: answer.Connections ?? [], next: answer.Marker };
    }),
  );

const readTags = async ({ sdk, client }: Dms, arn: string): Promise<Readonly<Record<string, string>>> => {
  const answer = await calling(read('ListTagsForResource'), () =>
    client.send(new sdk.ListTagsForResourceCommand({ ResourceArn: arn })),
  );
  return Object.fromEntries((answer.TagList ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
};

const tagList = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export const createReplication = (options: DmsOptions): Replication => {
  const open = (): Promise<Dms> => options.clients.get('dms');
  // A task's tags are given once, at its creation; asking again at every poll would use up DMS's request rate.
  const tags = new Map<string, Readonly<Record<string, string>>>();
  let role: string | undefined = options.secretAccessRoleArn;

  const secretRole = async (): Promise<string> => {
    if (role !== undefined) return role;
    const { account, arn } = await options.identity.whoami();
    role = `arn:${arn.split(':')[1] || 'aws'}:iam::${account}:role/${defaultSecretRole}`;
    return role;
  };

  const wantedEndpoint = async (spec: EndpointSpec) => {
    const text = await options.secrets.read({ kind: 'secretsManager', id: spec.secretId });
    return endpointInput(spec, secretFacts(text, spec.secretId), await secretRole());
  };

  const taskByArn = async (arn: string): Promise<ReplicationTask | undefined> =>
    (await findTasks(await open(), byName('replication-task-arn', arn)))[0];

  /** DMS refuses by state what may just have become true; the task itself is asked. */
  const settleState = async (arn: string, wanted: readonly TaskStatus[], action: string): Promise<void> => {
    const task = await taskByArn(arn);
    if (task && wanted.includes(statusOf(task))) return;
    throw new Fault({
      code: 'dms.wrong-state',
      summary: 'A replication task is in a state in which DMS refuses the call.',
      detail: `${action}: ${task?.ReplicationTaskIdentifier ?? arn} is ${task?.Status ?? 'not there'}.`,
      hint: 'Run the same command again: it looks first.',
    });
  };

  return {
    instance: async (identifier) => {
      const [found] = await findInstances(await open(), byName('replication-instance-id', identifier));
      return (
        found && {
          arn: required(found.ReplicationInstanceArn, read('DescribeReplicationInstances'), 'ReplicationInstanceArn'),
          status: found.ReplicationInstanceStatus ?? '',
        }
      );
    },

    findEndpoint: async (spec) => {
      const [found] = await findEndpoints(await open(), byName('endpoint-id', spec.identifier));
      if (!found) return undefined;
      return {
        arn: required(found.EndpointArn, read('DescribeEndpoints'), 'EndpointArn'),
        matches: endpointMatches(found, await wantedEndpoint(spec)),
      };
    },

    createEndpoint: async (spec) => {
      const { sdk, client } = await open();
      const input = await wantedEndpoint(spec);
      const answer = await calling(effect('CreateEndpoint'), () => client.send(new sdk.CreateEndpointCommand(input)));
      return { arn: required(answer.Endpoint?.EndpointArn, effect('CreateEndpoint'), 'EndpointArn') };
    },

    deleteEndpoint: async (EndpointArn) => {
      const { sdk, client } = await open();
      await callingUnless(effect('DeleteEndpoint'), gone, () =>
        client.send(new sdk.DeleteEndpointCommand({ EndpointArn })),
      );
    },

    connection: async (pair) => connectionState((await findConnections(await open(), pair))[0]),

    testConnection: async ({ instanceArn, endpointArn }) => {
      const { sdk, client } = await open();
      // Refused while a test of the same pair is under way: that one answers as well.
      await callingUnless(effect('TestConnection'), wrongState, () =>
        client.send(new sdk.TestConnectionCommand({ ReplicationInstanceArn: instanceArn, EndpointArn: endpointArn })),
      );
    },

    findTask: async (identifier) => {
      const dms = await open();
      const [found] = await findTasks(dms, byName('replication-task-id', identifier));
      if (!found) return undefined;
      const arn = required(found.ReplicationTaskArn, read('DescribeReplicationTasks'), 'ReplicationTaskArn');
      const known = tags.get(arn) ?? (await readTags(dms, arn));
      tags.set(arn, known);
      return taskState(found, known);
    },

    createTask: async (spec) => {
      const { sdk, client } = await open();
      const answer = await calling(effect('CreateReplicationTask'), () =>
        client.send(
          new sdk.CreateReplicationTaskCommand({
            ReplicationTaskIdentifier: spec.identifier,
            SourceEndpointArn: spec.sourceEndpointArn,
            TargetEndpointArn: spec.targetEndpointArn,
            ReplicationInstanceArn: spec.instanceArn,
            MigrationType: spec.migrationType,
            TableMappings: tableMappings(spec),
            ReplicationTaskSettings: taskSettings(spec),
            ...(spec.startPosition === null ? {} : { CdcStartPosition: spec.startPosition }),
            Tags: tagList(spec.tags),
          }),
        ),
      );
      return {
        arn: required(
          answer.ReplicationTask?.ReplicationTaskArn,
          effect('CreateReplicationTask'),
          'ReplicationTaskArn',
        ),
      };
    },

    startTask: async ({ arn, type, position }) => {
      const { sdk, client } = await open();
      const answer = await callingUnless(effect('StartReplicationTask'), wrongState, () =>
        client.send(
          new sdk.StartReplicationTaskCommand({
            ReplicationTaskArn: arn,
            StartReplicationTaskType: type,
            ...(position === undefined ? {} : { CdcStartPosition: position }),
          }),
        ),
      );
      if (answer === 'wrong-state') await settleState(arn, ['starting', 'running'], type);
    },

    requestStop: async (arn) => {
      const { sdk, client } = await open();
      const answer = await callingUnless(effect('StopReplicationTask'), wrongState, () =>
        client.send(new sdk.StopReplicationTaskCommand({ ReplicationTaskArn: arn })),
      );
      if (answer === 'wrong-state') await settleState(arn, ['stopping', 'stopped', 'failed'], 'stop');
    },

    deleteTask: async (arn) => {
      const { sdk, client } = await open();
      tags.delete(arn);
      await callingUnless(effect('DeleteReplicationTask'), gone, () =>
        client.send(new sdk.DeleteReplicationTaskCommand({ ReplicationTaskArn: arn })),
      );
    },

    tableStatistics: async (arn) => {
      const { sdk, client } = await open();
      const rows = await allPages((Marker) =>
        callingUnless(read('DescribeTableStatistics'), absent, async () => {
          const answer = await client.send(
            new sdk.DescribeTableStatisticsCommand({ ReplicationTaskArn: arn, MaxRecords: 500, Marker }),
          );
          return { items: answer.TableStatistics ?? [], next: answer.Marker };
        }),
      );
      return rows.map(statistic);
    },
  };
};

/** What DMS shows, read to the last page and in octank's words. */
import type {
  Connection,
  Endpoint,
  ReplicationInstance,
  ReplicationTask,
  TableStatistics,
} from '@aws-sdk/client-database-migration-service';
import type { ConnectionState, TableStatistic, TaskState, TaskStatus } from '../../ports/replication.ts';
import type { Loaded } from './clients.ts';
import { type AwsCall, calling, callingUnless, required } from './faults.ts';
import { allPages } from './pages.ts';

export const read = (operation: string): AwsCall => ({ service: 'DMS', operation, mutates: false });

/** A filter that matches nothing is a fault at DMS, and an answer to us. */
const absent = { names: ['ResourceNotFoundFault'], answer: { items: [], next: undefined } };

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

export const statusOf = (task: ReplicationTask): TaskStatus =>
  required(
    statuses.find((status) => status === task.Status),
    read('DescribeReplicationTasks'),
    `a known status (it says "${task.Status}")`,
  );

/** `Stop Reason NORMAL` -> `NORMAL`. */
const stopReasonOf = (task: ReplicationTask): string | null =>
  /^(?:Stop Reason )?([A-Z_]+)/.exec(task.StopReason ?? '')?.[1] ?? null;

export const taskState = (task: ReplicationTask, tags: Readonly<Record<string, string>>): TaskState => ({
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

export const connectionState = (connection: Connection | undefined): ConnectionState => {
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

export type Dms = Loaded<'dms'>;
type Filter = { readonly Name: string; readonly Values: string[] };

export const byName = (Name: string, value: string): Filter => ({ Name, Values: [value] });

export const findInstances = ({ sdk, client }: Dms, filter: Filter): Promise<readonly ReplicationInstance[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeReplicationInstances'), absent, async () => {
      const answer = await client.send(new sdk.DescribeReplicationInstancesCommand({ Filters: [filter], Marker }));
      return { items: answer.ReplicationInstances ?? [], next: answer.Marker };
    }),
  );

export const findEndpoints = ({ sdk, client }: Dms, filter: Filter): Promise<readonly Endpoint[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeEndpoints'), absent, async () => {
      const answer = await client.send(new sdk.DescribeEndpointsCommand({ Filters: [filter], Marker }));
      return { items: answer.Endpoints ?? [], next: answer.Marker };
    }),
  );

export const findTasks = ({ sdk, client }: Dms, filter: Filter): Promise<readonly ReplicationTask[]> =>
  allPages((Marker) =>
    callingUnless(read('DescribeReplicationTasks'), absent, async () => {
      const answer = await client.send(
        new sdk.DescribeReplicationTasksCommand({ Filters: [filter], Marker, WithoutSettings: true }),
      );
      return { items: answer.ReplicationTasks ?? [], next: answer.Marker };
    }),
  );

export const findConnections = (
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

export const readTags = async ({ sdk, client }: Dms, arn: string): Promise<Readonly<Record<string, string>>> => {
  const answer = await calling(read('ListTagsForResource'), () =>
    client.send(new sdk.ListTagsForResourceCommand({ ResourceArn: arn })),
  );
  return Object.fromEntries((answer.TagList ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));
};

export const readStatistics = async ({ sdk, client }: Dms, arn: string): Promise<readonly TableStatistic[]> => {
  const rows = await allPages((Marker) =>
    callingUnless(read('DescribeTableStatistics'), absent, async () => {
      const answer = await client.send(
        new sdk.DescribeTableStatisticsCommand({ ReplicationTaskArn: arn, MaxRecords: 500, Marker }),
      );
      return { items: answer.TableStatistics ?? [], next: answer.Marker };
    }),
  );
  return rows.map(statistic);
};

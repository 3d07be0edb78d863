/** AWS DMS behind the replication port: endpoints, connection tests, tasks, table statistics. */
import type { ReplicationTask } from '@aws-sdk/client-database-migration-service';
import { Fault } from '../../model/fault.ts';
import type { Identity } from '../../ports/identity.ts';
import type { EndpointSpec, Replication, TaskStatus } from '../../ports/replication.ts';
import type { Secrets } from '../../ports/secrets.ts';
import type { AwsClients } from './clients.ts';
import { endpointInput, endpointMatches, secretFacts } from './dms-endpoint.ts';
import {
  byName,
  connectionState,
  type Dms,
  findConnections,
  findEndpoints,
  findInstances,
  findTasks,
  read,
  readStatistics,
  readTags,
  statusOf,
  taskState,
} from './dms-read.ts';
import { tableMappings, taskSettings } from './dms-task.ts';
import { type AwsCall, calling, callingUnless, required } from './faults.ts';

const effect = (operation: string): AwsCall => ({ service: 'DMS', operation, mutates: true });
const gone = { names: ['ResourceNotFoundFault'], answer: undefined };
const wrongState = { names: ['InvalidResourceStateFault'], answer: 'wrong-state' as const };

/** Of the role DMS assumes to read secrets, where the caller names none. */
const defaultSecretRole = 'octank-dms-secrets';

export interface DmsOptions {
  readonly clients: AwsClients;
  /** Connection secrets are read for their database's name, which DMS wants beside them. */
  readonly secrets: Secrets;
  readonly identity: Identity;
  readonly secretAccessRoleArn?: string;
}

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

    tableStatistics: async (arn) => readStatistics(await open(), arn),
  };
};

/** Replication instances and their subnet groups: they carry nothing here, but tasks need one that is available. */
import { type JsonInput, ServiceError } from '../service.ts';
import type { InstanceRecord, SubnetGroupRecord } from './records.ts';
import { arnOf, newResourceId, type Room } from './registry.ts';
import {
  alreadyExists,
  filtersOf,
  identifier,
  invalidState,
  list,
  matching,
  notFound,
  optionalNumber,
  optionalText,
  page,
  seconds,
  text,
} from './request.ts';
import { tagsIn } from './tags.ts';

const groupView = (group: SubnetGroupRecord, region: string) => ({
  ReplicationSubnetGroupIdentifier: group.identifier,
  ReplicationSubnetGroupDescription: group.description,
  VpcId: 'vpc-0a1b2c3d4e5f60718',
  SubnetGroupStatus: 'Complete',
  Subnets: group.subnetIds.map((id, index) => ({
    SubnetIdentifier: id,
    SubnetAvailabilityZone: { Name: `${region}${'abc'[index % 3]}` },
    SubnetStatus: 'Active',
  })),
});

const instanceView = (room: Room, instance: InstanceRecord) => ({
  ReplicationInstanceIdentifier: instance.identifier,
  ReplicationInstanceArn: instance.arn,
  ReplicationInstanceClass: instance.instanceClass,
  ReplicationInstanceStatus: instance.status,
  AllocatedStorage: instance.storageGb,
  InstanceCreateTime: seconds(instance.createdAt),
  MultiAZ: instance.multiAz,
  EngineVersion: '3.5.4',
  AutoMinorVersionUpgrade: true,
  PubliclyAccessible: false,
  VpcSecurityGroups: [],
  PendingModifiedValues: {},
  ...(instance.subnetGroup === null
    ? {}
    : {
        ReplicationSubnetGroup: groupView(
          room.subnetGroups.get(instance.subnetGroup) ?? {
            identifier: instance.subnetGroup,
            description: '',
            subnetIds: [],
          },
          room.context.region,
        ),
      }),
});

export const newInstance = (
  room: Room,
  fields: Pick<InstanceRecord, 'identifier' | 'status'> & Partial<InstanceRecord>,
): InstanceRecord => ({
  arn: arnOf(room.context, 'rep', newResourceId()),
  instanceClass: 'dms.t3.medium',
  storageGb: 50,
  subnetGroup: null,
  multiAz: false,
  createdAt: room.context.clock.now(),
  ...fields,
});

export const requireInstance = (room: Room, arn: string): InstanceRecord => {
  const found = room.instances.get(arn);
  if (!found) throw notFound(`ReplicationInstance ${arn} not found.`);
  return found;
};

const createInstance = (room: Room) => async (input: JsonInput) => {
  const name = identifier(input, 'ReplicationInstanceIdentifier');
  if ([...room.instances.values()].some((item) => item.identifier === name))
    throw alreadyExists(`Replication Instance already exists with name ${name}`);
  const group = optionalText(input, 'ReplicationSubnetGroupIdentifier')?.toLowerCase() ?? null;
  if (group !== null && !room.subnetGroups.has(group)) throw notFound(`ReplicationSubnetGroup ${group} not found.`);
  const instance = newInstance(room, {
    identifier: name,
    status: 'creating',
    instanceClass: text(input, 'ReplicationInstanceClass'),
    storageGb: optionalNumber(input, 'AllocatedStorage') ?? 50,
    subnetGroup: group,
    multiAz: input.MultiAZ === true,
  });
  room.instances.set(instance.arn, instance);
  room.tags.set(instance.arn, tagsIn(input));
  await room.save();
  room.later(() => {
    instance.status = 'available';
    return room.save();
  });
  return { ReplicationInstance: instanceView(room, instance) };
};

const deleteInstance = (room: Room) => async (input: JsonInput) => {
  const instance = requireInstance(room, text(input, 'ReplicationInstanceArn'));
  if ([...room.tasks.values()].some((task) => task.instanceArn === instance.arn))
    throw invalidState(`Replication instance ${instance.identifier} has ReplicationTasks and cannot be deleted.`);
  instance.status = 'deleting';
  await room.save();
  room.later(() => {
    room.instances.delete(instance.arn);
    for (const [id, item] of room.connections) if (item.instanceArn === instance.arn) room.connections.delete(id);
    room.tags.delete(instance.arn);
    return room.save();
  });
  return { ReplicationInstance: instanceView(room, instance) };
};

const describeInstances = (room: Room) => async (input: JsonInput) => {
  const filters = filtersOf(input, [
    'replication-instance-arn',
    'replication-instance-id',
    'replication-instance-class',
    'engine-version',
  ]);
  const found = matching([...room.instances.values()], filters, (item, name) =>
    name === 'replication-instance-arn'
      ? item.arn
      : name === 'replication-instance-id'
        ? item.identifier
        : name === 'engine-version'
          ? '3.5.4'
          : item.instanceClass,
  );
  if (found.length === 0 && filters.length > 0) throw notFound('No replication instance found matching the filters.');
  const { items, marker } = page(input, found);
  return { ReplicationInstances: items.map((item) => instanceView(room, item)), ...marker };
};

const subnetGroupOperations = (room: Room) => ({
  CreateReplicationSubnetGroup: async (input: JsonInput) => {
    const name = identifier(input, 'ReplicationSubnetGroupIdentifier');
    if (room.subnetGroups.has(name)) throw alreadyExists(`The subnet group ${name} already exists.`);
    const subnetIds = list(input, 'SubnetIds').map(String);
    if (subnetIds.length < 2)
      throw new ServiceError(
        'ReplicationSubnetGroupDoesNotCoverEnoughAZs',
        'The replication subnet group does not cover at least two Availability Zones.',
      );
    const group = { identifier: name, description: text(input, 'ReplicationSubnetGroupDescription'), subnetIds };
    room.subnetGroups.set(name, group);
    await room.save();
    return { ReplicationSubnetGroup: groupView(group, room.context.region) };
  },
  DescribeReplicationSubnetGroups: async (input: JsonInput) => {
    const filters = filtersOf(input, ['replication-subnet-group-id']);
    const found = matching([...room.subnetGroups.values()], filters, (item) => item.identifier);
    if (found.length === 0 && filters.length > 0)
      throw notFound('No replication subnet group found matching the filters.');
    const { items, marker } = page(input, found);
    return { ReplicationSubnetGroups: items.map((item) => groupView(item, room.context.region)), ...marker };
  },
  DeleteReplicationSubnetGroup: async (input: JsonInput) => {
    const name = text(input, 'ReplicationSubnetGroupIdentifier').toLowerCase();
    if (!room.subnetGroups.has(name)) throw notFound(`ReplicationSubnetGroup ${name} not found.`);
    if ([...room.instances.values()].some((item) => item.subnetGroup === name))
      throw invalidState(`The subnet group ${name} is in use.`);
    room.subnetGroups.delete(name);
    await room.save();
    return {};
  },
});

export const instanceOperations = (room: Room) => ({
  CreateReplicationInstance: createInstance(room),
  DeleteReplicationInstance: deleteInstance(room),
  DescribeReplicationInstances: describeInstances(room),
  ...subnetGroupOperations(room),
});

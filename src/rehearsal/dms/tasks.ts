/** Replication tasks: created, started by the right word, stopped, changed, deleted. behaviour.md I6-I15. */
import type { JsonInput } from '../service.ts';
import { requireEndpoint, slotNameOf } from './endpoints.ts';
import { requireInstance } from './instances.ts';
import { decodeMappings, requirePerformable } from './mappings.ts';
import { type MigrationType, type TaskRecord, tableId } from './records.ts';
import { arnOf, connectionId, newResourceId, type Room } from './registry.ts';
import {
  alreadyExists,
  filtersOf,
  identifier,
  invalidCombination,
  invalidState,
  invalidValue,
  list,
  matching,
  notFound,
  oneOf,
  optionalText,
  page,
  text,
} from './request.ts';
import { decodeSettings } from './settings.ts';
import { progressOf, type Supervisor } from './supervisor.ts';
import { tagsIn } from './tags.ts';
import { tableView, taskView } from './task-view.ts';

const migrationTypes: readonly MigrationType[] = ['full-load', 'cdc', 'full-load-and-cdc'];

const show = (room: Room, task: TaskRecord, withoutSettings = false) =>
  taskView(task, progressOf(room, task), { now: room.context.clock.now(), withoutSettings });

const requireTask = (room: Room, arn: string): TaskRecord => {
  const found = room.tasks.get(arn);
  if (!found) throw notFound(`Task ${arn} not found.`);
  return found;
};

/** An LSN, or a checkpoint that this service has given out. */
const startPosition = (input: JsonInput): string | null => {
  if (input.CdcStartTime !== undefined)
    throw invalidCombination('CdcStartTime is not supported for a PostgreSQL source endpoint.');
  const given = optionalText(input, 'CdcStartPosition');
  if (given === null) return null;
  const lsn = /^(?:checkpoint:V1#\d+#)?([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?::|$)/.exec(given)?.[1];
  if (lsn === undefined) throw invalidValue(`Invalid CdcStartPosition: ${given}`);
  return lsn;
};

const refuseStopPosition = (input: JsonInput): void => {
  if (optionalText(input, 'CdcStopPosition') !== null)
    throw invalidValue('CdcStopPosition is not performed by the rehearsal.');
};

const createTask = (room: Room) => async (input: JsonInput) => {
  const name = identifier(input, 'ReplicationTaskIdentifier');
  if ([...room.tasks.values()].some((item) => item.identifier === name))
    throw alreadyExists(`Replication Task already exists with name ${name}`);
  const source = requireEndpoint(room, text(input, 'SourceEndpointArn'));
  const target = requireEndpoint(room, text(input, 'TargetEndpointArn'));
  const instance = requireInstance(room, text(input, 'ReplicationInstanceArn'));
  if (source.type !== 'source' || target.type !== 'target')
    throw invalidCombination('SourceEndpointArn must be a source endpoint and TargetEndpointArn a target endpoint.');
  if (instance.status !== 'available')
    throw invalidState(`Replication instance ${instance.identifier} is not available.`);
  const mappings = text(input, 'TableMappings');
  decodeMappings(mappings);
  requirePerformable(mappings);
  refuseStopPosition(input);
  const resourceId = optionalText(input, 'ResourceIdentifier') ?? newResourceId();
  const task: TaskRecord = {
    arn: arnOf(room.context, 'task', resourceId),
    resourceId,
    identifier: name,
    sourceArn: source.arn,
    targetArn: target.arn,
    instanceArn: instance.arn,
    migrationType: oneOf(input, 'MigrationType', migrationTypes),
    mappings,
    settings: JSON.stringify(decodeSettings(optionalText(input, 'ReplicationTaskSettings'))),
    status: 'creating',
    stopReason: null,
    failure: null,
    createdAt: room.context.clock.now(),
    startedAt: null,
    freshStartedAt: null,
    stoppedAt: null,
    cdcStartPosition: startPosition(input),
    cdcStopPosition: null,
    taskData: optionalText(input, 'TaskData'),
  };
  if (room.tasks.has(task.arn)) throw alreadyExists(`Replication Task already exists with ARN ${task.arn}`);
  room.tasks.set(task.arn, task);
  room.tags.set(task.arn, tagsIn(input));
  await room.save();
  becomeReady(room, task);
  return { ReplicationTask: show(room, task) };
};

const becomeReady = (room: Room, task: TaskRecord): void =>
  room.later(() => {
    if (task.status === 'creating') task.status = 'ready';
    return room.save();
  });

const fieldOf = (task: TaskRecord, name: string): string =>
  ({
    'replication-task-arn': task.arn,
    'replication-task-id': task.identifier,
    'migration-type': task.migrationType,
    'replication-instance-arn': task.instanceArn,
  })[name] ?? '';

const describeTasks = (room: Room) => async (input: JsonInput) => {
  const filters = filtersOf(input, [
    'replication-task-arn',
    'replication-task-id',
    'migration-type',
    'endpoint-arn',
    'replication-instance-arn',
  ]);
  const endpoints = filters.filter((filter) => filter.name === 'endpoint-arn');
  const found = matching(
    [...room.tasks.values()],
    filters.filter((filter) => filter.name !== 'endpoint-arn'),
    fieldOf,
  ).filter((task) =>
    endpoints.every(({ values }) => values.includes(task.sourceArn) || values.includes(task.targetArn)),
  );
  if (found.length === 0 && filters.length > 0) throw notFound('No Tasks found matching the arguments.');
  const { items, marker } = page(input, found);
  return { ReplicationTasks: items.map((task) => show(room, task, input.WithoutSettings === true)), ...marker };
};

const requireTested = (room: Room, task: TaskRecord): void => {
  for (const endpoint of [task.sourceArn, task.targetArn])
    if (room.connections.get(connectionId(task.instanceArn, endpoint))?.status !== 'successful')
      throw invalidState('Test connection should be successful for starting the replication task');
};

type StartType = 'start-replication' | 'resume-processing' | 'reload-target';

const requireStartType = (task: TaskRecord, type: StartType, hasPosition: boolean): void => {
  const word = type.toUpperCase().replace('-', '_');
  const isFirst = task.startedAt === null;
  if (isFirst && type !== 'start-replication')
    throw invalidCombination(`Start Type : ${word}, valid only for tasks that have run before`);
  if (!isFirst && type === 'start-replication' && !(task.migrationType === 'cdc' && hasPosition))
    throw invalidCombination(`Start Type : ${word}, valid only for tasks running for the first time`);
  if (type === 'reload-target' && task.migrationType === 'cdc')
    throw invalidCombination(`Start Type : ${word}, not valid for tasks of type cdc`);
};

const startTask = (room: Room, supervisor: Supervisor) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  const type = oneOf<StartType>(input, 'StartReplicationTaskType', [
    'start-replication',
    'resume-processing',
    'reload-target',
  ]);
  if (!['ready', 'stopped', 'failed'].includes(task.status))
    throw invalidState('Replication Task cannot be started, invalid state');
  refuseStopPosition(input);
  const position = startPosition(input);
  requireStartType(task, type, position !== null);
  if ((position ?? task.cdcStartPosition) !== null && slotNameOf(requireEndpoint(room, task.sourceArn)) === null)
    throw invalidCombination('A CdcStartPosition needs SlotName in the settings of the PostgreSQL source endpoint.');
  requireTested(room, task);
  if (position !== null) task.cdcStartPosition = position;
  task.startedAt = room.context.clock.now();
  supervisor.start(task, type !== 'resume-processing');
  await room.save();
  return { ReplicationTask: show(room, task) };
};

const stopTask = (room: Room, supervisor: Supervisor) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  if (task.status !== 'running' && task.status !== 'starting')
    throw invalidState(`Replication Task ${task.arn} is in ${task.status} state and cannot be stopped`);
  supervisor.stop(task);
  await room.save();
  return { ReplicationTask: show(room, task) };
};

const modifyTask = (room: Room) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  if (!['ready', 'stopped', 'failed'].includes(task.status))
    throw invalidState(`Replication Task ${task.arn} is in ${task.status} state and cannot be modified`);
  refuseStopPosition(input);
  const mappings = optionalText(input, 'TableMappings');
  if (mappings !== null) {
    decodeMappings(mappings);
    requirePerformable(mappings);
  }
  const given = optionalText(input, 'ReplicationTaskSettings');
  const settings = given === null ? null : JSON.stringify(decodeSettings(given));
  const type = optionalText(input, 'MigrationType') === null ? null : oneOf(input, 'MigrationType', migrationTypes);
  const position = startPosition(input);
  task.mappings = mappings ?? task.mappings;
  task.settings = settings ?? task.settings;
  task.migrationType = type ?? task.migrationType;
  task.cdcStartPosition = position ?? task.cdcStartPosition;
  const before = task.status;
  task.status = 'modifying';
  await room.save();
  room.later(() => {
    task.status = before;
    return room.save();
  });
  return { ReplicationTask: show(room, task) };
};

const finishDelete = (room: Room, supervisor: Supervisor, task: TaskRecord): void =>
  room.later(async () => {
    // The source may be gone for good: the task is removed all the same, and the log names the slot that stays.
    await supervisor
      .discard(task)
      .catch((error: unknown) => room.context.log(`dms ${task.identifier}: slot stays: ${error}`));
    room.tasks.delete(task.arn);
    room.progress.delete(task.arn);
    room.tags.delete(task.arn);
    await room.save();
  });

const deleteTask = (room: Room, supervisor: Supervisor) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  if (!['ready', 'stopped', 'failed'].includes(task.status))
    throw invalidState(`Replication Task ${task.arn} is in ${task.status} state and cannot be deleted`);
  task.status = 'deleting';
  await room.save();
  finishDelete(room, supervisor, task);
  return { ReplicationTask: show(room, task) };
};

const describeStatistics = (room: Room) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  const filters = filtersOf(input, ['schema-name', 'table-name', 'table-state']);
  const tables = Object.values(progressOf(room, task).tables).sort((a, b) =>
    tableId(a.schema, a.table) < tableId(b.schema, b.table) ? -1 : 1,
  );
  const found = matching(tables, filters, (table, name) =>
    name === 'schema-name' ? table.schema : name === 'table-name' ? table.table : table.state,
  );
  const { items, marker } = page(input, found, { max: 500 });
  return { ReplicationTaskArn: task.arn, TableStatistics: items.map(tableView), ...marker };
};

/** Reloads named tables of a running task: the run starts again, and these tables are loaded anew within it. */
const reloadTables = (room: Room, supervisor: Supervisor) => async (input: JsonInput) => {
  const task = requireTask(room, text(input, 'ReplicationTaskArn'));
  if (task.status !== 'running') throw invalidState(`Replication Task ${task.arn} must be running to reload tables`);
  if (task.migrationType === 'cdc') throw invalidState('Tables of a cdc task cannot be reloaded');
  const progress = progressOf(room, task);
  const wanted = list(input, 'TablesToReload').map((given) => {
    const { SchemaName, TableName } = given as { SchemaName?: string; TableName?: string };
    const table = progress.tables[tableId(SchemaName ?? '', TableName ?? '')];
    if (!table) throw notFound(`Table ${SchemaName}.${TableName} is not part of the task.`);
    return table;
  });
  await supervisor.reload(task, wanted);
  return { ReplicationTaskArn: task.arn };
};

export const resumeCreations = (room: Room, supervisor: Supervisor): void => {
  for (const task of room.tasks.values()) {
    if (task.status === 'creating') becomeReady(room, task);
    else if (task.status === 'deleting') finishDelete(room, supervisor, task);
    else if (task.status === 'modifying') task.status = task.startedAt === null ? 'ready' : 'stopped';
  }
};

export const taskOperations = (room: Room, supervisor: Supervisor) => ({
  CreateReplicationTask: createTask(room),
  DescribeReplicationTasks: describeTasks(room),
  StartReplicationTask: startTask(room, supervisor),
  StopReplicationTask: stopTask(room, supervisor),
  ModifyReplicationTask: modifyTask(room),
  DeleteReplicationTask: deleteTask(room, supervisor),
  DescribeTableStatistics: describeStatistics(room),
  ReloadTables: reloadTables(room, supervisor),
});

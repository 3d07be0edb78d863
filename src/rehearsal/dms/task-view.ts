/** Tasks and table statistics as AWS shows them. */
import type { TableProgress, TaskProgress, TaskRecord } from './records.ts';
import { seconds } from './request.ts';

const counts = (progress: TaskProgress) => {
  const tables = Object.values(progress.tables);
  const of = (...states: readonly TableProgress['state'][]): number =>
    tables.filter((t) => states.includes(t.state)).length;
  return {
    loaded: of('Table completed'),
    loading: of('Full load', 'Table is being reloaded'),
    queued: of('Before load'),
    errored: of('Table error', 'Table does not exist'),
    total: tables.length,
  };
};

const statsView = (task: TaskRecord, progress: TaskProgress, now: number) => {
  const { loaded, loading, queued, errored, total } = counts(progress);
  const finished = loaded + errored;
  const end = task.status === 'running' || task.status === 'stopping' ? now : (task.stoppedAt ?? now);
  return {
    FullLoadProgressPercent:
      task.migrationType === 'cdc' || progress.fullLoadFinishedAt !== null
        ? 100
        : total === 0
          ? 0
          : Math.min(99, Math.floor((100 * finished) / total)),
    ElapsedTimeMillis: task.startedAt === null ? 0 : Math.max(0, Math.round(end - task.startedAt)),
    TablesLoaded: loaded,
    TablesLoading: loading,
    TablesQueued: queued,
    TablesErrored: errored,
    FreshStartDate: seconds(task.freshStartedAt),
    StartDate: seconds(task.startedAt),
    StopDate: seconds(task.stoppedAt),
    FullLoadStartDate: seconds(progress.fullLoadStartedAt),
    FullLoadFinishDate: seconds(progress.fullLoadFinishedAt),
  };
};

/** Opaque to clients; the position is its last part, so that it can be given back as CdcStartPosition. */
export const checkpointText = (lsn: string): string => `checkpoint:V1#1#${lsn}:-1:${lsn}:-1:-1:0#0#0#*#0#0`;

export const taskView = (
  task: TaskRecord,
  progress: TaskProgress,
  options: { readonly now: number; readonly withoutSettings: boolean },
) => ({
  ReplicationTaskIdentifier: task.identifier,
  ReplicationTaskArn: task.arn,
  SourceEndpointArn: task.sourceArn,
  TargetEndpointArn: task.targetArn,
  ReplicationInstanceArn: task.instanceArn,
  MigrationType: task.migrationType,
  ...(options.withoutSettings ? {} : { TableMappings: task.mappings, ReplicationTaskSettings: task.settings }),
  Status: task.status,
  ...(task.failure === null ? {} : { LastFailureMessage: task.failure }),
  ...(task.stopReason === null ? {} : { StopReason: `Stop Reason ${task.stopReason}` }),
  ReplicationTaskCreationDate: seconds(task.createdAt),
  ReplicationTaskStartDate: seconds(task.startedAt),
  ...(task.cdcStartPosition === null ? {} : { CdcStartPosition: task.cdcStartPosition }),
  ...(task.cdcStopPosition === null ? {} : { CdcStopPosition: task.cdcStopPosition }),
  ...(progress.checkpoint === null ? {} : { RecoveryCheckpoint: checkpointText(progress.checkpoint) }),
  ...(task.startedAt === null ? {} : { ReplicationTaskStats: statsView(task, progress, options.now) }),
  ...(task.taskData === null ? {} : { TaskData: task.taskData }),
});

export const tableView = (table: TableProgress) => ({
  SchemaName: table.schema,
  TableName: table.table,
  TableState: table.state,
  Inserts: table.inserts,
  Updates: table.updates,
  Deletes: table.deletes,
  Ddls: table.ddls,
  AppliedInserts: table.inserts,
  AppliedUpdates: table.updates,
  AppliedDeletes: table.deletes,
  AppliedDdls: table.ddls,
  FullLoadRows: table.fullLoadRows,
  FullLoadCondtnlChkFailedRows: 0,
  FullLoadErrorRows: table.fullLoadErrorRows,
  FullLoadStartTime: seconds(table.fullLoadStartedAt),
  FullLoadEndTime: seconds(table.fullLoadEndedAt),
  FullLoadReloaded: table.reloaded,
  LastUpdateTime: seconds(table.updatedAt),
  ValidationPendingRecords: 0,
  ValidationFailedRecords: 0,
  ValidationSuspendedRecords: 0,
  ValidationState: 'Not enabled',
});

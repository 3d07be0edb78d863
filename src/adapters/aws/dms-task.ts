/** What a replication task is told: table mappings and settings, as AWS reads them. Pure. */
import { Fault } from '../../model/fault.ts';
import { type TableName, type TablePair, tableKey } from '../../model/table.ts';
import type { TaskSpec } from '../../ports/replication.ts';

interface Rule {
  readonly 'rule-type': 'selection' | 'transformation';
  readonly 'rule-id': string;
  readonly 'rule-name': string;
  readonly 'rule-action': 'explicit' | 'rename';
  readonly 'rule-target'?: 'schema' | 'table';
  readonly 'object-locator': { readonly 'schema-name': string; readonly 'table-name'?: string };
  readonly value?: string;
}

type Unnumbered = Omit<Rule, 'rule-id' | 'rule-name'>;

/** `explicit`, because in `include` the underscore of `order_line` is a wildcard and would carry `orderxline` along. */
const selection = (table: TableName): Unnumbered => ({
  'rule-type': 'selection',
  'rule-action': 'explicit',
  'object-locator': { 'schema-name': table.schema, 'table-name': table.table },
});

const tableRename = ({ source, target }: TablePair): Unnumbered => ({
  'rule-type': 'transformation',
  'rule-target': 'table',
  'rule-action': 'rename',
  'object-locator': { 'schema-name': source.schema, 'table-name': source.table },
  value: target.table,
});

/** AWS renames a schema as a whole: tables of one schema cannot part. */
const schemaRenames = (pairs: readonly TablePair[]): readonly Unnumbered[] => {
  const schemas = [...new Set(pairs.map((pair) => pair.source.schema))];
  return schemas.flatMap((schema) => {
    const targets = new Set(pairs.filter((p) => p.source.schema === schema).map((p) => p.target.schema));
    if (targets.size > 1)
      throw new Fault({
        code: 'dms.rename-unsupported',
        summary: 'Tables of one schema are renamed into several schemas, which DMS cannot do in one task.',
        detail: `${schema} to ${[...targets].join(', ')}`,
        hint: 'Rename them into one schema, or move them in waves of their own.',
      });
    const [target] = targets;
    return target === undefined || target === schema
      ? []
      : [
          {
            'rule-type': 'transformation' as const,
            'rule-target': 'schema' as const,
            'rule-action': 'rename' as const,
            'object-locator': { 'schema-name': schema },
            value: target,
          },
        ];
  });
};

const sameName = (table: TableName): TablePair => ({ source: table, target: table });

export const tableMappings = (spec: Pick<TaskSpec, 'tables' | 'controlTables'>): string => {
  const pairs = [...spec.tables, ...spec.controlTables.map(sameName)];
  const twice = pairs.find(
    (pair, index) => pairs.findIndex((other) => tableKey(other.source) === tableKey(pair.source)) !== index,
  );
  if (twice)
    throw new Fault({
      code: 'dms.table-twice',
      summary: 'A table is named twice in one replication task.',
      detail: tableKey(twice.source),
    });
  const rules: readonly Unnumbered[] = [
    ...pairs.map((pair) => selection(pair.source)),
    ...schemaRenames(pairs),
    ...pairs.filter(({ source, target }) => source.table !== target.table).map(tableRename),
  ];
  return JSON.stringify({
    rules: rules.map((rule, index) => ({ 'rule-id': String(index + 1), 'rule-name': `octank-${index + 1}`, ...rule })),
  });
};

const lobSettings = ({ mode, maxKb }: TaskSpec['lob']) => {
  const full = { SupportLobs: true, FullLobMode: true, LimitedSizeLobMode: false, LobChunkSize: 64 };
  switch (mode) {
    case 'limited':
      return { SupportLobs: true, FullLobMode: false, LimitedSizeLobMode: true, LobMaxSize: maxKb };
    case 'inline':
      return { ...full, InlineLobMaxSize: maxKb };
    case 'full':
      return { ...full, InlineLobMaxSize: 0 };
  }
};

/**
 * AWS's defaults log a row that could not be written and go on. Here a table that meets one is suspended, which its statistics
 * show. Conflicts converge instead: after a restart DMS replays what it had applied, and a replayed change is no loss.
 */
const errorBehavior = {
  DataErrorPolicy: 'SUSPEND_TABLE',
  DataTruncationErrorPolicy: 'SUSPEND_TABLE',
  DataErrorEscalationPolicy: 'SUSPEND_TABLE',
  DataErrorEscalationCount: 0,
  TableErrorPolicy: 'SUSPEND_TABLE',
  TableErrorEscalationPolicy: 'STOP_TASK',
  TableErrorEscalationCount: 0,
  RecoverableErrorCount: -1,
  RecoverableErrorInterval: 5,
  RecoverableErrorThrottling: true,
  RecoverableErrorThrottlingMax: 60,
  ApplyErrorDeletePolicy: 'IGNORE_RECORD',
  ApplyErrorInsertPolicy: 'UPDATE_RECORD',
  ApplyErrorUpdatePolicy: 'INSERT_RECORD',
  ApplyErrorEscalationPolicy: 'SUSPEND_TABLE',
  ApplyErrorEscalationCount: 0,
  FullLoadIgnoreConflicts: true,
  FailOnNoTablesCaptured: true,
} as const;

export const taskSettings = (spec: Pick<TaskSpec, 'lob' | 'batchApply' | 'stopAfterFullLoad'>): string =>
  JSON.stringify({
    TargetMetadata: {
      TargetSchema: '',
      ...lobSettings(spec.lob),
      BatchApplyEnabled: spec.batchApply,
    },
    FullLoadSettings: {
      // The target's tables are octank's: DMS would make them without defaults, identities and constraints.
      TargetTablePrepMode: 'DO_NOTHING',
      CreatePkAfterFullLoad: false,
      StopTaskCachedChangesApplied: false,
      StopTaskCachedChangesNotApplied: spec.stopAfterFullLoad,
      MaxFullLoadSubTasks: 8,
      TransactionConsistencyTimeout: 600,
      CommitRate: 50_000,
    },
    ChangeProcessingTuning: {
      // The heartbeat travels with the batches: their longest wait is lag that cutover would see.
      BatchApplyTimeoutMin: 1,
      BatchApplyTimeoutMax: 5,
      BatchApplyPreserveTransaction: true,
    },
    // DDL is octank's: a DROP or TRUNCATE on the source must not reach the target by itself.
    ChangeProcessingDdlHandlingPolicy: {
      HandleSourceTableDropped: false,
      HandleSourceTableTruncated: false,
      HandleSourceTableAltered: false,
    },
    ErrorBehavior: errorBehavior,
    // DMS's own tables go where octank's are, and leave with them; by default they would stay in the target's public schema.
    ControlTablesSettings: { ControlSchema: 'octank' },
    Logging: { EnableLogging: true },
  });

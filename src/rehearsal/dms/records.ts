/** What the service remembers between restarts: instances, endpoints, connection tests, tasks and the tables of each. */

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

export interface SubnetGroupRecord {
  readonly identifier: string;
  readonly description: string;
  readonly subnetIds: readonly string[];
}

export interface InstanceRecord {
  readonly arn: string;
  readonly identifier: string;
  readonly instanceClass: string;
  readonly storageGb: number;
  readonly subnetGroup: string | null;
  readonly multiAz: boolean;
  readonly createdAt: number;
  status: 'creating' | 'available' | 'deleting';
}

export interface EndpointRecord {
  readonly arn: string;
  readonly identifier: string;
  readonly type: 'source' | 'target';
  engine: string;
  server: { host: string; port: number; user: string; password: string; database: string } | null;
  /** The PostgreSQLSettings as given. */
  settings: Readonly<Record<string, unknown>>;
  sslMode: string;
  extraAttributes: string;
  status: 'active' | 'deleting';
}

export interface ConnectionRecord {
  readonly instanceArn: string;
  readonly endpointArn: string;
  status: 'testing' | 'successful' | 'failed' | 'deleting';
  failure: string | null;
}

export type MigrationType = 'full-load' | 'cdc' | 'full-load-and-cdc';

export type TaskStatus =
  | 'creating'
  | 'ready'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'failed'
  | 'modifying'
  | 'deleting';

export interface TaskRecord {
  readonly arn: string;
  readonly resourceId: string;
  identifier: string;
  readonly sourceArn: string;
  readonly targetArn: string;
  readonly instanceArn: string;
  migrationType: MigrationType;
  /** JSON text as given. */
  mappings: string;
  /** JSON text with the defaults filled in. */
  settings: string;
  status: TaskStatus;
  stopReason: string | null;
  failure: string | null;
  readonly createdAt: number;
  /** Scaled epoch milliseconds. */
  startedAt: number | null;
  freshStartedAt: number | null;
  stoppedAt: number | null;
  cdcStartPosition: string | null;
  cdcStopPosition: string | null;
  taskData: string | null;
}

export type TableState =
  | 'Before load'
  | 'Full load'
  | 'Table completed'
  | 'Table cancelled'
  | 'Table error'
  | 'Table does not exist'
  | 'Table is being reloaded';

/** One table of a task; counted as AWS counts it. Times are scaled epoch milliseconds. */
export interface TableProgress {
  readonly schema: string;
  readonly table: string;
  state: TableState;
  inserts: number;
  updates: number;
  deletes: number;
  ddls: number;
  fullLoadRows: number;
  fullLoadErrorRows: number;
  fullLoadStartedAt: number | null;
  fullLoadEndedAt: number | null;
  reloaded: boolean;
  updatedAt: number | null;
  /** Transactions below this id were finished when the copy began: their changes are in it (32-bit, as the log names them). */
  loadXmin: number | null;
}

/** Progress of one task: saved after the effect it speaks of, so that a restart replays rather than skips. */
export interface TaskProgress {
  slot: { readonly name: string; readonly own: boolean } | null;
  /** End of the last source transaction whose apply was committed, as an LSN. */
  checkpoint: string | null;
  fullLoadStartedAt: number | null;
  fullLoadFinishedAt: number | null;
  tables: Record<string, TableProgress>;
}

export const emptyProgress = (): TaskProgress => ({
  slot: null,
  checkpoint: null,
  fullLoadStartedAt: null,
  fullLoadFinishedAt: null,
  tables: {},
});

export const newTable = (schema: string, table: string): TableProgress => ({
  schema,
  table,
  state: 'Before load',
  inserts: 0,
  updates: 0,
  deletes: 0,
  ddls: 0,
  fullLoadRows: 0,
  fullLoadErrorRows: 0,
  fullLoadStartedAt: null,
  fullLoadEndedAt: null,
  reloaded: false,
  updatedAt: null,
  loadXmin: null,
});

export const tableId = (schema: string, table: string): string => JSON.stringify([schema, table]);

/** The engine that moves data: endpoints, connection tests, tasks, table statistics. AWS DMS in production and in the rehearsal. */
import type { Position } from '../model/position.ts';
import type { TableName, TablePair } from '../model/table.ts';

export interface EndpointSpec {
  /** DMS identifier: letters, digits, hyphens. */
  readonly identifier: string;
  readonly role: 'source' | 'target';
  readonly engine: string;
  /** Secrets Manager id that DMS itself reads. */
  readonly secretId: string;
  readonly database: string | null;
  readonly plugin: 'test-decoding' | 'pglogical' | null;
  /** Existing slot to read from; null lets DMS make its own. */
  readonly slotName: string | null;
  /** SQL run on every new connection, such as session_replication_role. */
  readonly afterConnect: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface TaskSpec {
  readonly identifier: string;
  readonly sourceEndpointArn: string;
  readonly targetEndpointArn: string;
  readonly instanceArn: string;
  readonly migrationType: 'full-load-and-cdc' | 'cdc';
  readonly tables: readonly TablePair[];
  /** Control tables carried along (heartbeat, markers, canary), same name on both sides. */
  readonly controlTables: readonly TableName[];
  /** Stop after the full load without applying cached changes, so that indexes are built in between. */
  readonly stopAfterFullLoad: boolean;
  readonly batchApply: boolean;
  readonly lob: { readonly mode: 'inline' | 'full' | 'limited'; readonly maxKb: number };
  readonly startPosition: Position | null;
  readonly tags: Readonly<Record<string, string>>;
}

export type TaskStatus =
  | 'creating'
  | 'ready'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'failed'
  | 'modifying'
  | 'moving'
  | 'failed-move'
  | 'testing'
  | 'deleting';

export interface TaskState {
  readonly arn: string;
  readonly identifier: string;
  readonly status: TaskStatus;
  /** Literal of AWS without its prefix: `NORMAL`, `STOPPED_AFTER_FULL_LOAD`, ...; null while none was given. */
  readonly stopReason: string | null;
  readonly failureMessage: string | null;
  readonly fullLoadPercent: number;
  readonly tablesLoaded: number;
  readonly tablesErrored: number;
  readonly startedAt: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface TableStatistic {
  readonly table: TableName;
  readonly state: string;
  readonly fullLoadRows: number;
  readonly fullLoadErrorRows: number;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
}

export type ConnectionState =
  | { readonly status: 'untested' }
  | { readonly status: 'testing' }
  | { readonly status: 'successful' }
  | { readonly status: 'failed'; readonly message: string };

export interface Replication {
  /** ARN and status of a replication instance by its identifier; undefined when there is none. */
  instance(identifier: string): Promise<{ readonly arn: string; readonly status: string } | undefined>;

  /** An endpoint by identifier; `matches` is false where it exists with other settings than `spec`. */
  findEndpoint(spec: EndpointSpec): Promise<{ readonly arn: string; readonly matches: boolean } | undefined>;
  createEndpoint(spec: EndpointSpec): Promise<{ readonly arn: string }>;
  deleteEndpoint(arn: string): Promise<void>;

  /** State of the last connection test of this endpoint from this instance. */
  connection(options: { readonly instanceArn: string; readonly endpointArn: string }): Promise<ConnectionState>;
  /** Requests a test; the result is polled with `connection`. */
  testConnection(options: { readonly instanceArn: string; readonly endpointArn: string }): Promise<void>;

  findTask(identifier: string): Promise<TaskState | undefined>;
  createTask(spec: TaskSpec): Promise<{ readonly arn: string }>;
  /** `start-replication` for the first run, `resume-processing` afterwards. Returns once AWS accepted the request. */
  startTask(options: {
    readonly arn: string;
    readonly type: 'start-replication' | 'resume-processing';
    readonly position?: Position;
  }): Promise<void>;
  requestStop(arn: string): Promise<void>;
  deleteTask(arn: string): Promise<void>;
  tableStatistics(arn: string): Promise<readonly TableStatistic[]>;
}

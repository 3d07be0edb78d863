/** One database server and database, as migrations need it: facts, schema, fence, sessions, signals, streams, sequences, rows. */
import type { EngineKind } from '../model/plan.ts';
import type { TableName } from '../model/table.ts';
import type { ChangeStreams } from './change-streams.ts';
import type { FencePort } from './fence.ts';
import type { RowsPort } from './rows.ts';
import type { SchemaPort } from './schema.ts';
import type { Sequences, Sessions, Signals } from './signals.ts';

/** Facts about a server that preflight judges. */
export interface ServerFacts {
  /** Two connections with the same identity reach the same database. */
  readonly identity: string;
  readonly version: string;
  readonly database: string;
  /** Our own role, and what it may do. */
  readonly role: {
    readonly name: string;
    readonly superuser: boolean;
    readonly replication: boolean;
    readonly mayCreateInDatabase: boolean;
    readonly maySeeAllSessions: boolean;
    readonly mayEndSessions: boolean;
    /** May set session_replication_role, which an apply session needs. */
    readonly mayApplyAsReplica: boolean;
  };
  readonly walLevel: string;
  readonly maxReplicationSlots: number;
  readonly usedReplicationSlots: number;
  readonly maxWalSenders: number;
  /** -1: unlimited, a slot may fill the disk. */
  readonly maxSlotWalKeepBytes: number;
  readonly maxPreparedTransactions: number;
  readonly readOnly: boolean;
  readonly timeZone: string;
  readonly encoding: string;
  readonly collation: string;
}

export interface TableFacts {
  readonly name: TableName;
  readonly hasKey: boolean;
  readonly keyColumns: readonly string[];
  readonly estimatedRows: number;
  readonly sizeBytes: number;
  readonly owner: string;
  /** May we own-level alter it (triggers)? */
  readonly mayAlter: boolean;
  readonly isPartition: boolean;
  readonly isPartitioned: boolean;
  readonly replicaIdentity: 'default' | 'full' | 'index' | 'nothing';
}

export interface Database {
  readonly name: string;
  readonly engine: EngineKind;
  facts(): Promise<ServerFacts>;
  /** All ordinary and partitioned tables outside system and octank schemas. */
  tables(): Promise<readonly TableFacts[]>;
  /** Largest value length per column that counts as a LOB, in bytes, for the given tables (sampled exactly: max(octet_length)). */
  lobSizes(
    tables: readonly TableName[],
  ): Promise<readonly { readonly table: TableName; readonly column: string; readonly maxBytes: number }[]>;
  /** Most digits after the point in each column of NUMERIC without precision; 0 where no value has any. */
  numericScales(
    tables: readonly TableName[],
  ): Promise<readonly { readonly table: TableName; readonly column: string; readonly maxScale: number }[]>;
  readonly schema: SchemaPort;
  readonly fence: FencePort;
  readonly sessions: Sessions;
  readonly signals: Signals;
  readonly streams: ChangeStreams;
  readonly sequences: Sequences;
  readonly rows: RowsPort;
  close(): Promise<void>;
}

/** Opens databases of one engine kind; one line per engine in the registry. */
export interface Engine {
  readonly kinds: readonly EngineKind[];
  open(options: {
    readonly name: string;
    readonly engine: EngineKind;
    /** JSON text of the secret: host, port, username, password, dbname, sslmode?. */
    readonly secret: string;
    /** Checked inside every SQL effect; `current` is undefined for read-only commands, which then may not write. */
    readonly fencing: FencingToken;
  }): Promise<Database>;
}

/** Octank's lease as the database checks it: a write with an older number than the database has seen is refused (`fencing.stale`). */
export interface FencingToken {
  readonly lineage: string;
  current(): number | undefined;
}

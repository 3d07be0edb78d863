/** Octank's own rows in the databases (heartbeat, markers, canary), who is connected, and sequences. */
import type { TableName } from '../model/table.ts';
import type { Blocker } from './fence.ts';

/** Direction of a stream: forward is source to target. Each direction has its own tables, so none is in two running tasks. */
export type Direction = 'forward' | 'reverse';

export interface Signals {
  /** Creates schema `octank` and its tables, registers the lineage's fencing number; idempotent. */
  ensureControl(): Promise<void>;
  hasControl(): Promise<boolean>;
  /** Removes schema octank if it carries this lineage only. */
  dropControl(): Promise<void>;
  /** Tables that a replication task of that direction carries along: heartbeat, marker; and the canary's. */
  controlTables(direction: Direction): readonly TableName[];
  canaryTable(direction: Direction): TableName;
  /** Writes this database's heartbeat row of the direction with this database's clock. */
  beat(direction: Direction): Promise<void>;
  /** Age in seconds of the newest heartbeat seen in this database, by comparing with `wallNowMs` of octank after clock offset; null before the first. */
  heartbeatAge(direction: Direction): Promise<number | null>;
  writeMarker(options: { readonly direction: Direction; readonly token: string }): Promise<void>;
  hasMarker(options: { readonly direction: Direction; readonly token: string }): Promise<boolean>;
  writeCanary(options: { readonly direction: Direction; readonly token: string }): Promise<void>;
  hasCanary(options: { readonly direction: Direction; readonly token: string }): Promise<boolean>;
}

export interface WriterSeen {
  readonly role: string;
  readonly application: string;
  readonly clients: readonly string[];
  readonly sessions: number;
  /** Of the wave's tables, by privilege and, where statistics allow, by statements seen. */
  readonly mayWrite: boolean;
}

export interface Sessions {
  /** Roles and applications with sessions now, and roles that may write these tables (LOGIN roles by effective privilege). Octank's own left out. */
  writers(tables: readonly TableName[]): Promise<readonly WriterSeen[]>;
  /** Transactions open longer than that, prepared ones included. */
  longTransactions(seconds: number): Promise<readonly Blocker[]>;
  /** Sessions of a role right now. */
  countOf(role: string): Promise<number>;
  /** Rows inserted, updated, deleted so far in these tables by anyone (cumulative statistics, flushed first). */
  writeCount(tables: readonly TableName[]): Promise<number>;
  /** Runs a statement as an application role would and rolls back; returns null when it worked, else why not. */
  tryAs(options: { readonly role: string; readonly statement: string }): Promise<string | null>;
}

export interface SequenceState {
  /** The sequence, by name. */
  readonly name: TableName;
  readonly lastValue: bigint;
  readonly isCalled: boolean;
  readonly increment: bigint;
  /** The column that owns or uses it, and that column's extreme in the direction of the increment; null for free-standing ones. */
  readonly column: { readonly table: TableName; readonly column: string; readonly extreme: bigint | null } | null;
}

export interface Sequences {
  /** Sequences used by these tables (owned, identity, or in a default). */
  read(tables: readonly TableName[]): Promise<readonly SequenceState[]>;
  /** setval, as one effect for all. */
  set(values: readonly { readonly name: TableName; readonly value: bigint }[]): Promise<void>;
}

/** Refuses application writes inside the database, per table, as a lease by the database's own clock. DESIGN section 6, cutover step 2. */
import type { TableName } from '../model/table.ts';

export type FenceState =
  | { readonly state: 'absent' }
  /** Triggers stand, nothing is refused. */
  | { readonly state: 'open'; readonly epoch: number }
  /** Refusing until `remainingSeconds` are over, unless extended or made permanent. */
  | { readonly state: 'leased'; readonly epoch: number; readonly remainingSeconds: number; readonly flip: string }
  | { readonly state: 'permanent'; readonly epoch: number; readonly flip: string };

export interface FenceStatus {
  readonly fence: FenceState;
  /** Tables of the wave whose triggers are absent or not ENABLE ALWAYS. */
  readonly unguarded: readonly TableName[];
}

/** Something that could still write through a closed fence, or that holds a lock the fence needs. */
export interface Blocker {
  readonly kind: 'session' | 'prepared';
  /** pid, or the gid of a prepared transaction. */
  readonly id: string;
  readonly role: string;
  readonly application: string;
  readonly ageSeconds: number;
}

export interface ProbeResult {
  readonly table: TableName;
  readonly role: string;
  readonly operation: 'insert' | 'update' | 'delete' | 'truncate';
  /** How it was refused: by the fence, for want of a privilege, or not at all. `skipped`: octank may not become that role. */
  readonly outcome: 'fenced' | 'no-privilege' | 'accepted' | 'skipped';
}

export interface FencePort {
  /** Puts the triggers in place, disarmed, with a lock timeout; idempotent. `exempt`: roles that keep writing (octank's, replication's). */
  install(options: {
    readonly wave: string;
    readonly tables: readonly TableName[];
    readonly exempt: readonly string[];
  }): Promise<void>;
  uninstall(wave: string): Promise<void>;
  status(options: { readonly wave: string; readonly tables: readonly TableName[] }): Promise<FenceStatus>;
  /** Flips the row. A new epoch each time it goes from open to closed. `leaseSeconds: null` is permanent from the start (targets). */
  close(options: {
    readonly wave: string;
    readonly leaseSeconds: number | null;
  }): Promise<{ readonly epoch: number; readonly flip: string }>;
  /** Makes a lease permanent, only if this epoch still has at least `marginSeconds` left by the database's clock; else `fence.lease-too-short`, effect none. */
  makePermanent(options: {
    readonly wave: string;
    readonly epoch: number;
    readonly marginSeconds: number;
  }): Promise<void>;
  open(wave: string): Promise<void>;
  /** Transactions older than the flip that are not octank's, prepared ones included. Empty: the fence is closed for good. */
  blockers(options: { readonly wave: string; readonly flip: string }): Promise<readonly Blocker[]>;
  /** Ends sessions of roles that may write the wave's tables and are not exempt; returns how many. */
  endWriters(options: { readonly wave: string; readonly tables: readonly TableName[] }): Promise<number>;
  /** Tries to write as each role, each table, each operation, in rolled-back transactions that touch no row. */
  probe(options: {
    readonly wave: string;
    readonly tables: readonly TableName[];
    readonly roles: readonly string[];
    /** `application` (the default): nobody is exempt, so that the fence itself is tried. `exempt`: as replication writes, to prove that it may. */
    readonly as?: 'application' | 'exempt';
  }): Promise<readonly ProbeResult[]>;
}

/** What a phase and a step are: plan (pure), observe, perform, undo, side by side. The runner knows nothing more of them. */
import type { RecordBody } from '../journal/record.ts';
import type { RunState } from '../journal/run-state.ts';
import type { Change, ChangeSet } from '../model/change.ts';
import type { Fault } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Plan, RepointSpec, SecretRef } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Database } from '../ports/database.ts';
import type { Health } from '../ports/health.ts';
import type { Progress } from '../ports/host.ts';
import type { CheckpointStore } from '../ports/journal-store.ts';
import type { Notify } from '../ports/notify.ts';
import type { Replication } from '../ports/replication.ts';
import type { Repoint } from '../ports/repoint.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { Traffic } from '../ports/traffic.ts';
import type { LiveWaves } from './live.ts';
import type { Observed } from './observed.ts';

/** The world, as phases may touch it. */
export interface Ports {
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly replication: Replication;
  readonly traffic: Traffic;
  readonly health: Health;
  readonly notify: Notify;
  readonly checkpoints: CheckpointStore;
  /** Opens once, then answers the same connection. */
  database(name: string, as?: 'octank' | 'replication'): Promise<Database>;
  /**
   * Connects as an application does, through the secret that it reads, and runs a statement there in a rolled-back transaction.
   * Null when it reached this database and worked; else why not.
   */
  probe(options: {
    readonly database: string;
    readonly secret: SecretRef;
    readonly role: string;
    readonly statement: string;
  }): Promise<string | null>;
  repoint(spec: RepointSpec): Repoint;
}

export type Observation =
  | { readonly state: 'absent'; readonly detail?: string }
  | { readonly state: 'in-progress'; readonly detail: string }
  | { readonly state: 'done'; readonly evidence: JsonObject }
  | { readonly state: 'drifted'; readonly detail: string; readonly hint: string };

/** How long the world may take to show an effect, and on which clock that is counted. */
export interface Limit {
  readonly intervalSeconds: number;
  readonly deadlineSeconds: number;
  readonly timer: 'wall' | 'clock';
  readonly reason: string;
}

type MeasurementType =
  | 'verdict'
  | 'weights'
  | 'share'
  | 'lag'
  | 'load'
  | 'parity'
  | 'writer'
  | 'point-of-no-return'
  | 'diagnostic'
  | 'note';

/** What steps may write into the journal besides their outcome: the journal's own records of these types. */
export type Measurement = Extract<RecordBody, { readonly type: MeasurementType }>;

export interface StepContext {
  readonly plan: Plan;
  readonly changeSet: ChangeSet;
  readonly change: Change;
  readonly ports: Ports;
  readonly live: LiveWaves;
  readonly state: RunState;
  /** Aborts on Ctrl-C or a lost lease; waits must pass it on. */
  readonly signal: AbortSignal;
  /** The same for every repetition of one attempt: for idempotency tokens of outside systems. */
  readonly token: string;
  /** While unwinding: the step that stays done, null when the whole section goes. */
  readonly unwindTo: Change | null;
  /** Evidence of another step's last `done`, read from the journal. */
  evidence(stepId: string): JsonObject | undefined;
  /** What this step captured before acting. */
  captured(): JsonObject;
  capture(data: JsonObject): Promise<void>;
  record(measurement: Measurement): Promise<void>;
  progress(progress: Omit<Progress, 'stepId'>): void;
}

export interface StepKind {
  readonly kind: string;
  readonly limit: Limit;
  /** Nobody can write until this is done: a first Ctrl-C is honoured after it. A lost lease stops it all the same. */
  readonly atOnce?: true;
  /** What a person should see before saying yes that could not be known at planning; a fault refuses the step before anybody is asked. */
  asks?(context: StepContext): Promise<readonly string[]>;
  /** From the world alone; what is remembered only says where to look. */
  observe(context: StepContext): Promise<Observation>;
  /** Absent for waits: the world gets there by itself, or the deadline passes. */
  perform?(context: StepContext): Promise<void>;
  /** Idempotent: undoing what is not there succeeds. */
  undo?(context: StepContext): Promise<void>;
}

export interface Phase {
  readonly name: PhaseName;
  /** Pure. `observed` is null offline: what depends on the world is then left out and said so in the summary. */
  plan(input: { readonly plan: Plan; readonly observed: Observed | null }): readonly Change[];
  readonly steps: readonly StepKind[];
  /** What happens to a half-done section when a run resumes: walked back first, or continued by observing each step again. */
  readonly onResume: 'restart' | 'continue';
  /** Whether this fault inside a section walks the section back. */
  unwindsOn(fault: Fault): boolean;
}

/** Keeps the runs of tasks: starts, stops and resumes them, records how they end, and tells CloudWatch meanwhile. */
import { addressOf, pluginOf, requireEndpoint, slotNameOf } from './endpoints.ts';
import type { Flow } from './plane/cdc.ts';
import { dropSlot } from './plane/slot.ts';
import { closeQuietly, connect, messageOf } from './plane/sql.ts';
import { type RunOutcome, runTask } from './plane/task-run.ts';
import { emptyProgress, type TableProgress, type TaskProgress, type TaskRecord } from './records.ts';
import type { Room } from './registry.ts';

interface Running {
  readonly abort: AbortController;
  readonly flow: Flow;
  readonly ended: Promise<void>;
  lastRows: number;
}

export interface Supervisor {
  start(task: TaskRecord, isFresh: boolean): void;
  /** Requests the stop; the status follows when the run has ended. */
  stop(task: TaskRecord): void;
  /** Loads these tables again within the running task. */
  reload(task: TaskRecord, tables: readonly TableProgress[]): Promise<void>;
  /** Removes what the task left on its source. */
  discard(task: TaskRecord): Promise<void>;
  /** Tasks that ran when the process died go on from their checkpoint. */
  resumeAll(): void;
  /** Ends all runs and leaves their tasks marked as running, for the next start. */
  halt(): Promise<void>;
}

export const progressOf = (room: Room, task: TaskRecord): TaskProgress => {
  const known = room.progress.get(task.arn) ?? emptyProgress();
  room.progress.set(task.arn, known);
  return known;
};

const loadedRows = (progress: TaskProgress): number =>
  Object.values(progress.tables).reduce((sum, table) => sum + table.fullLoadRows, 0);

class TaskSupervisor implements Supervisor {
  readonly #room: Room;
  readonly #running = new Map<string, Running>();
  readonly #reloading = new Set<string>();
  #isHalting = false;

  constructor(room: Room) {
    this.#room = room;
  }

  #log(task: TaskRecord, line: string): void {
    this.#room.context.log(`dms ${task.identifier}: ${line}`);
  }

  start(task: TaskRecord, isFresh: boolean): void {
    const { clock } = this.#room.context;
    task.status = 'starting';
    task.failure = null;
    this.#room.later(async () => {
      // A stop may have come while the task was starting.
      if (task.status !== 'starting') return;
      if (isFresh) task.freshStartedAt = clock.now();
      this.#launch(task, isFresh);
    });
  }

  #launch(task: TaskRecord, isFresh: boolean): void {
    if (this.#isHalting) return;
    const abort = new AbortController();
    const flow: Flow = { incoming: 0, applied: 0, pending: 0, sourceLagSeconds: 0, targetLagSeconds: 0 };
    const ended = this.#run(task, isFresh, abort.signal, flow).then((outcome) => this.#settle(task, outcome));
    this.#running.set(task.arn, { abort, flow, ended, lastRows: 0 });
    void this.#publish(task, abort.signal);
  }

  async #run(task: TaskRecord, isFresh: boolean, signal: AbortSignal, flow: Flow): Promise<RunOutcome> {
    const room = this.#room;
    try {
      const source = requireEndpoint(room, task.sourceArn);
      const target = requireEndpoint(room, task.targetArn);
      return await runTask({
        task,
        progress: progressOf(room, task),
        source: addressOf(room, source),
        target: addressOf(room, target),
        plugin: pluginOf(source),
        slotName: slotNameOf(source),
        isFresh,
        flow,
        signal,
        now: () => room.context.clock.now(),
        log: (line) => this.#log(task, line),
        save: () => room.saveProgress(task.arn),
        onRunning: () => {
          if (task.status === 'starting') task.status = 'running';
          void room.save();
        },
      });
    } catch (error) {
      return {
        type: 'failed',
        reason: 'FATAL_ERROR',
        message: `Last Error ${messageOf(error)} Stop Reason FATAL_ERROR`,
      };
    }
  }

  async #settle(task: TaskRecord, outcome: RunOutcome): Promise<void> {
    this.#running.get(task.arn)?.abort.abort();
    await this.#room.saveProgress(task.arn);
    if (this.#isHalting || this.#reloading.has(task.arn)) return;
    // Stopping is slow with AWS too: the last batch is written, then the status follows.
    await new Promise<void>((resolve) => {
      this.#room.later(resolve);
    });
    this.#running.delete(task.arn);
    task.stopReason = outcome.reason;
    task.failure = outcome.type === 'failed' ? outcome.message : null;
    task.status = outcome.type === 'failed' ? 'failed' : 'stopped';
    task.stoppedAt = this.#room.context.clock.now();
    this.#log(task, `${task.status} ${outcome.reason}`);
    await this.#room.save();
  }

  stop(task: TaskRecord): void {
    const running = this.#running.get(task.arn);
    task.status = 'stopping';
    if (running) {
      running.abort.abort();
      return;
    }
    this.#room.later(() => {
      task.status = 'stopped';
      task.stopReason = 'NORMAL';
      task.stoppedAt = this.#room.context.clock.now();
      return this.#room.save();
    });
  }

  async reload(task: TaskRecord, tables: readonly TableProgress[]): Promise<void> {
    const running = this.#running.get(task.arn);
    if (!running) return;
    // Not a stop that anyone asked for: the run ends, the status stays, and a new run begins where it ended.
    this.#reloading.add(task.arn);
    running.abort.abort();
    await running.ended;
    this.#reloading.delete(task.arn);
    for (const table of tables) {
      table.state = 'Before load';
      table.reloaded = true;
    }
    await this.#room.saveProgress(task.arn);
    this.#launch(task, false);
  }

  async discard(task: TaskRecord): Promise<void> {
    const { slot } = progressOf(this.#room, task);
    if (!slot?.own) return;
    const client = await connect(addressOf(this.#room, requireEndpoint(this.#room, task.sourceArn)));
    try {
      await dropSlot(client, slot.name);
    } finally {
      await closeQuietly(client);
    }
  }

  resumeAll(): void {
    for (const task of this.#room.tasks.values()) {
      if (task.status === 'running' || task.status === 'starting')
        this.start(task, progressOf(this.#room, task).slot === null);
      else if (task.status === 'stopping') this.stop(task);
    }
  }

  async halt(): Promise<void> {
    this.#isHalting = true;
    for (const { abort } of this.#running.values()) abort.abort();
    await Promise.allSettled([...this.#running.values()].map(({ ended }) => ended));
  }

  /** Once a minute of the scaled clock, but no more often than the wall clock bears. */
  async #publish(task: TaskRecord, signal: AbortSignal): Promise<void> {
    const { clock, neighbours } = this.#room.context;
    const minuteMs = Math.max(60_000, 250 * clock.rate);
    while (!signal.aborted) {
      const from = clock.now();
      // Ends early when the run does.
      await clock.sleep(minuteMs, signal).catch(() => undefined);
      const running = this.#running.get(task.arn);
      if (!running || signal.aborted) return;
      const dimensions = {
        ReplicationInstanceIdentifier: this.#room.instances.get(task.instanceArn)?.identifier ?? '',
        ReplicationTaskIdentifier: task.resourceId,
      };
      const at = clock.now();
      const elapsedSeconds = Math.max(0.001, (at - from) / 1000);
      for (const [name, value, unit] of this.#values(task, running, elapsedSeconds))
        neighbours.putMetric({ namespace: 'AWS/DMS', name, dimensions, value, unit, at });
    }
  }

  #values(task: TaskRecord, running: Running, elapsedSeconds: number): readonly (readonly [string, number, string])[] {
    const { flow } = running;
    const rows = loadedRows(progressOf(this.#room, task));
    const loadRate = Math.max(0, rows - running.lastRows) / elapsedSeconds;
    running.lastRows = rows;
    const [incoming, applied] = [flow.incoming, flow.applied];
    flow.incoming = 0;
    flow.applied = 0;
    return [
      ['FullLoadThroughputRowsTarget', loadRate, 'Count/Second'],
      ['CDCIncomingChanges', flow.pending, 'Count'],
      ['CDCChangesMemorySource', flow.pending, 'Count'],
      ['CDCChangesMemoryTarget', flow.pending, 'Count'],
      ['CDCChangesDiskSource', 0, 'Count'],
      ['CDCChangesDiskTarget', 0, 'Count'],
      ['CDCThroughputRowsSource', incoming / elapsedSeconds, 'Count/Second'],
      ['CDCThroughputRowsTarget', applied / elapsedSeconds, 'Count/Second'],
      ['CDCLatencySource', flow.sourceLagSeconds, 'Seconds'],
      ['CDCLatencyTarget', flow.targetLagSeconds, 'Seconds'],
    ];
  }
}

export const createSupervisor = (room: Room): Supervisor => new TaskSupervisor(room);

/** DMS in memory: no state is reached at once, the load overlaps cached changes, a resume replays; it carries one database's log into the other. */
import { Fault } from '../../model/fault.ts';
import { type TableName, tableKey } from '../../model/table.ts';
import type { EndpointSpec, Replication, TaskSpec, TaskState, TaskStatus } from '../replication.ts';
import type { FakeDatabase } from './database.ts';

export interface FakeReplication extends Replication {
  /** Brings every task to where it is by now. The world calls this before anything is read. */
  advance(): void;
  /** Changes reach the other side this much later; Infinity: nothing arrives any more. */
  lag(ms: number): void;
  /** The next carried row change of that table is lost, as DMS loses what it cannot apply. */
  loseNext(table: string): void;
}

export interface FakeReplicationOptions {
  readonly now: () => number;
  /** The database behind the secret that an endpoint names. */
  readonly databaseOf: (secretId: string) => FakeDatabase;
  readonly violated: (what: string) => void;
}

interface Endpoint {
  readonly arn: string;
  readonly spec: EndpointSpec;
  readonly testedAt: Map<string, number>;
}

interface Task {
  readonly arn: string;
  readonly spec: TaskSpec;
  readonly from: EndpointSpec;
  readonly to: EndpointSpec;
  status: TaskStatus;
  /** When the status under way gives way to the next. */
  until: number;
  stopReason: string | null;
  startedAt: number | null;
  loadedAt: number | null;
  loadUntil: number;
  applied: number;
  /** Where in the log to go on looking; only a hint. */
  looked: number;
  readonly carries: ReadonlyMap<string, TableName>;
  loadedRows: Map<string, number>;
}

const transitionMs = 1000;
const loadMs = 2000;
/** A resume begins this many changes before the last one that was applied. */
const replayed = 3;

const invalid = (detail: string): Fault =>
  new Fault({ code: 'dms.invalid-state', summary: 'DMS refuses in this state.', detail });

export const fakeReplication = (options: FakeReplicationOptions): FakeReplication => {
  const { now, databaseOf } = options;
  const endpoints = new Map<string, Endpoint>();
  const tasks = new Map<string, Task>();
  const losing = new Set<string>();
  let lagMs = 300;
  const instanceArn = 'arn:aws:dms:rep:1';

  const byArn = (arn: string): Task => {
    const found = [...tasks.values()].find((task) => task.arn === arn);
    if (!found) throw new Fault({ code: 'dms.task-missing', summary: 'A replication task is not there.', detail: arn });
    return found;
  };
  const endpointByArn = (arn: string): Endpoint => {
    const found = [...endpoints.values()].find((endpoint) => endpoint.arn === arn);
    if (!found) throw new Fault({ code: 'dms.endpoint-missing', summary: 'No such endpoint.', detail: arn });
    return found;
  };

  const carriedTables = (spec: TaskSpec): ReadonlyMap<string, TableName> =>
    new Map([
      ...spec.tables.map((pair) => [tableKey(pair.source), pair.target] as const),
      ...spec.controlTables.map((table) => [tableKey(table), table] as const),
    ]);

  const carry = (task: Task, upTo: number): void => {
    const to = databaseOf(task.to.secretId);
    const { log } = databaseOf(task.from.secretId);
    for (; task.looked < log.length; task.looked += 1) {
      const entry = log[task.looked];
      if (!entry || entry.position <= task.applied) continue;
      if (entry.at > upTo) break;
      task.applied = entry.position;
      const place = task.carries.get(entry.table);
      if (!place) continue;
      if (entry.change.kind === 'row' && losing.delete(entry.table)) continue;
      to.commit({ at: now(), table: tableKey(place), change: entry.change });
    }
  };

  const load = (task: Task): void => {
    const [from, to] = [databaseOf(task.from.secretId), databaseOf(task.to.secretId)];
    for (const { source, target } of task.spec.tables) {
      const rows = from.rows.all(tableKey(source));
      for (const row of rows)
        to.commit({ at: now(), table: tableKey(target), change: { kind: 'row', key: row[0] ?? '', row } });
      task.loadedRows.set(tableKey(source), rows.length);
    }
  };

  const advanceTask = (task: Task): void => {
    const at = now();
    if (task.status === 'creating' && at >= task.until) task.status = 'ready';
    if (task.status === 'starting' && at >= task.until) {
      task.status = 'running';
      task.loadUntil = task.until + loadMs;
    }
    const isLoading = task.spec.migrationType === 'full-load-and-cdc' && task.loadedAt === null;
    if (task.status === 'running' && isLoading) {
      if (at < task.loadUntil) return;
      load(task);
      task.loadedAt = at;
      if (task.spec.stopAfterFullLoad) {
        task.status = 'stopped';
        task.stopReason = 'STOPPED_AFTER_FULL_LOAD';
        return;
      }
    }
    if (task.status === 'running') carry(task, at - lagMs);
    if (task.status === 'stopping') {
      carry(task, Math.min(at, task.until) - lagMs);
      if (at < task.until) return;
      task.status = 'stopped';
      task.stopReason = 'NORMAL';
    }
  };

  const isActive = (task: Task): boolean => ['starting', 'running', 'stopping'].includes(task.status);

  /** The same rows in two running tasks would travel in a circle. */
  const watchOverlap = (task: Task): void => {
    const places = (of: Task): string[] =>
      of.spec.tables.flatMap((pair) => [tableKey(pair.source), tableKey(pair.target)]);
    for (const other of tasks.values())
      if (other !== task && isActive(other) && places(other).some((place) => places(task).includes(place)))
        options.violated(`${task.spec.identifier} started while ${other.spec.identifier} was ${other.status}`);
  };

  const firstPosition = async (task: Task): Promise<number> => {
    const from = databaseOf(task.from.secretId);
    if (task.from.slotName === null) return from.log.at(-1)?.position ?? 0;
    const slot = (await from.streams.slots()).find(({ name }) => name === task.from.slotName);
    if (!slot) throw invalid(`no slot ${task.from.slotName}`);
    return Number(slot.confirmed);
  };

  const stateOf = (task: Task): TaskState => ({
    arn: task.arn,
    identifier: task.spec.identifier,
    status: task.status,
    stopReason: task.stopReason,
    failureMessage: null,
    fullLoadPercent: task.loadedAt === null ? 0 : 100,
    tablesLoaded: task.loadedRows.size,
    tablesErrored: 0,
    startedAt: task.startedAt,
    tags: task.spec.tags,
  });

  return {
    advance: () => {
      for (const task of tasks.values()) advanceTask(task);
    },
    lag: (ms) => {
      lagMs = ms;
    },
    loseNext: (table) => {
      losing.add(table);
    },
    instance: async () => ({ arn: instanceArn, status: 'available' }),
    findEndpoint: async (spec) => {
      const found = endpoints.get(spec.identifier);
      return found && { arn: found.arn, matches: JSON.stringify(found.spec) === JSON.stringify(spec) };
    },
    createEndpoint: async (spec) => {
      if (endpoints.has(spec.identifier)) throw invalid(`${spec.identifier} exists`);
      const arn = `arn:aws:dms:endpoint:${spec.identifier}`;
      endpoints.set(spec.identifier, { arn, spec, testedAt: new Map() });
      return { arn };
    },
    deleteEndpoint: async (arn) => {
      endpoints.delete(endpointByArn(arn).spec.identifier);
    },
    connection: async ({ endpointArn }) => {
      const at = endpointByArn(endpointArn).testedAt.get(instanceArn);
      if (at === undefined) return { status: 'untested' };
      return now() < at ? { status: 'testing' } : { status: 'successful' };
    },
    testConnection: async ({ endpointArn }) => {
      endpointByArn(endpointArn).testedAt.set(instanceArn, now() + transitionMs);
    },
    findTask: async (identifier) => {
      const task = tasks.get(identifier);
      return task && stateOf(task);
    },
    createTask: async (spec) => {
      if (tasks.has(spec.identifier)) throw invalid(`${spec.identifier} exists`);
      const task: Task = {
        arn: `arn:aws:dms:task:${spec.identifier}`,
        spec,
        from: endpointByArn(spec.sourceEndpointArn).spec,
        to: endpointByArn(spec.targetEndpointArn).spec,
        status: 'creating',
        until: now() + transitionMs,
        stopReason: null,
        startedAt: null,
        loadedAt: null,
        loadUntil: 0,
        applied: 0,
        looked: 0,
        carries: carriedTables(spec),
        loadedRows: new Map(),
      };
      tasks.set(spec.identifier, task);
      return { arn: task.arn };
    },
    startTask: async ({ arn, type }) => {
      const task = byArn(arn);
      if (task.status !== 'ready' && task.status !== 'stopped')
        throw invalid(`${task.spec.identifier} is ${task.status}`);
      if ((type === 'start-replication') !== (task.startedAt === null)) throw invalid(`${type} is for another run`);
      for (const end of [task.spec.sourceEndpointArn, task.spec.targetEndpointArn])
        if ((endpointByArn(end).testedAt.get(instanceArn) ?? Number.POSITIVE_INFINITY) > now())
          throw invalid(`${end} has no successful connection test`);
      watchOverlap(task);
      task.applied = task.startedAt === null ? await firstPosition(task) : Math.max(0, task.applied - replayed);
      task.looked = 0;
      task.startedAt ??= now();
      task.status = 'starting';
      task.until = now() + transitionMs;
    },
    requestStop: async (arn) => {
      const task = byArn(arn);
      if (task.status !== 'running') throw invalid(`${task.spec.identifier} is ${task.status}`);
      task.status = 'stopping';
      task.until = now() + transitionMs;
    },
    deleteTask: async (arn) => {
      tasks.delete(byArn(arn).spec.identifier);
    },
    tableStatistics: async (arn) => {
      const task = byArn(arn);
      const names = [...task.spec.tables.map((pair) => pair.source), ...task.spec.controlTables];
      return names.map((table) => ({
        table,
        state: task.loadedAt === null ? 'Full load' : 'Table completed',
        fullLoadRows: task.loadedRows.get(tableKey(table)) ?? 0,
        fullLoadErrorRows: 0,
        inserts: 0,
        updates: 0,
        deletes: 0,
      }));
    },
  };
};

/** One database in memory: rows, a log of what changed, a fence, control rows, a sequence; replication reads the log and writes past the fence. */
import type { SchemaModel } from '../../model/schema.ts';
import { parseTableKey, type TableName, tableKey } from '../../model/table.ts';
import type { Database, ServerFacts } from '../database.ts';
import type { SchemaPort } from '../schema.ts';
import type { Sequences, Sessions, Signals } from '../signals.ts';
import { type FakeFence, fakeFence } from './fence.ts';
import { type FakeRow, type FakeRows, type FakeTable, fakeRows } from './rows.ts';
import { type FakeChange, type FakeStreams, fakeStreams } from './streams.ts';

/** One change as replication carries it: a row set or removed, or a control row. */
export type Carried =
  | { readonly kind: 'row'; readonly key: string; readonly row: FakeRow | null }
  | { readonly kind: 'control'; readonly name: string; readonly at: number };

export interface LogEntry {
  readonly position: number;
  /** Wall clock, epoch ms. */
  readonly at: number;
  readonly table: string;
  readonly change: Carried;
}

export interface FakeDatabase extends Database {
  readonly rows: FakeRows;
  readonly streams: FakeStreams;
  readonly fence: FakeFence;
  readonly log: readonly LogEntry[];
  /** Commits a change with a log entry; who may do so is the caller's question. */
  commit(entry: { readonly at: number; readonly table: string; readonly change: Carried }): void;
  /** A number that no row has had, by this database's own sequence. */
  nextId(): number;
  /** Writes of applications, as statistics count them. */
  counted(): void;
  /** How many sessions applications hold here. */
  hold(sessions: number): void;
  model(): SchemaModel;
}

export interface FakeDatabaseOptions {
  readonly name: string;
  readonly engine: Database['engine'];
  readonly now: () => number;
  /** All have the columns and key of this. */
  readonly tables: readonly string[];
  readonly spec: FakeTable;
  /** What it has now; and where objects come from that `execute` names. */
  readonly model: SchemaModel;
  readonly pattern: SchemaModel;
  readonly roles: readonly string[];
}

export const idOf = (number: number): string => String(number).padStart(8, '0');

const facts = (name: string): ServerFacts => ({
  identity: `fake/${name}`,
  version: '18.4',
  database: name,
  role: {
    name: 'octank',
    superuser: false,
    replication: true,
    mayCreateInDatabase: true,
    maySeeAllSessions: true,
    mayEndSessions: true,
    mayApplyAsReplica: true,
  },
  walLevel: 'logical',
  maxReplicationSlots: 20,
  usedReplicationSlots: 0,
  maxWalSenders: 20,
  maxSlotWalKeepBytes: 1 << 30,
  maxPreparedTransactions: 0,
  readOnly: false,
  timeZone: 'UTC',
  encoding: 'UTF8',
  collation: 'C.UTF-8',
});

/** Adopts the named object from the pattern; a foreign key comes NOT VALID and is validated by a statement of its own. */
const adopt = (model: SchemaModel, pattern: SchemaModel, object: string): SchemaModel => {
  const [kind, rest] = [object.slice(0, object.indexOf(':')), object.slice(object.indexOf(':') + 1)];
  if (kind === 'validated')
    return {
      ...model,
      constraints: model.constraints.map((c) => (c.id === `constraint:${rest}` ? { ...c, validated: true } : c)),
    };
  const take = <T extends { readonly id: string }>(have: readonly T[], from: readonly T[]): readonly T[] =>
    have.some((o) => o.id === object) ? have : [...have, ...from.filter((o) => o.id === object)];
  return {
    ...model,
    schemas: take(model.schemas, pattern.schemas),
    tables: take(model.tables, pattern.tables),
    sequences: take(model.sequences, pattern.sequences),
    constraints: take(model.constraints, pattern.constraints).map((c) =>
      c.id === object && c.type === 'foreign' ? { ...c, validated: false } : c,
    ),
  };
};

export const fakeDatabase = (options: FakeDatabaseOptions): FakeDatabase => {
  const { now, spec } = options;
  const rows = fakeRows(Object.fromEntries(options.tables.map((table) => [table, spec])));
  const streams = fakeStreams();
  const log: LogEntry[] = [];
  const control = new Map<string, number>();
  let model = options.model;
  let hasControl = false;
  let writes = 0;
  let sessions = 0;
  let lastId = 0;

  const feedChange = (table: string, change: Carried): FakeChange => {
    if (change.kind === 'control') return { type: 'marker', token: change.name.replace(/^marker:forward:/, '') };
    return {
      type: 'row',
      table: parseTableKey(table),
      operation: change.row === null ? 'delete' : 'update',
      keys: [{ [spec.key[0] ?? '']: change.key }],
    };
  };

  const commit: FakeDatabase['commit'] = ({ at, table, change }) => {
    if (change.kind === 'control') control.set(change.name, change.at);
    else if (change.row === null) rows.remove(table, [change.key]);
    else rows.put(table, change.row);
    // The feed tells of rows and of forward markers; other control rows show as progress only.
    const isTold = change.kind === 'row' || change.name.startsWith('marker:forward:');
    const position = Number(streams.commit(isTold ? [feedChange(table, change)] : []));
    log.push({ position, at, table, change });
  };

  const note = (what: 'heartbeat' | 'marker' | 'canary', direction: string, token = ''): void =>
    commit({
      at: now(),
      table: `octank.${what}_${direction}`,
      change: { kind: 'control', name: `${what}:${direction}:${token}`, at: now() },
    });

  const controlTable = (what: string, direction: string): TableName => ({
    schema: 'octank',
    table: `${what}_${direction}`,
  });

  const signals: Signals = {
    ensureControl: async () => {
      hasControl = true;
    },
    hasControl: async () => hasControl,
    dropControl: async () => {
      hasControl = false;
    },
    controlTables: (direction) => [controlTable('heartbeat', direction), controlTable('marker', direction)],
    canaryTable: (direction) => controlTable('canary', direction),
    beat: async (direction) => note('heartbeat', direction),
    heartbeatAge: async (direction) => {
      const seen = control.get(`heartbeat:${direction}:`);
      return seen === undefined ? null : (now() - seen) / 1000;
    },
    writeMarker: async ({ direction, token }) => note('marker', direction, token),
    hasMarker: async ({ direction, token }) => control.has(`marker:${direction}:${token}`),
    writeCanary: async ({ direction, token }) => note('canary', direction, token),
    hasCanary: async ({ direction, token }) => control.has(`canary:${direction}:${token}`),
  };

  const sessionPort: Sessions = {
    writers: async () =>
      options.roles.map((role) => ({ role, application: role, clients: ['10.0.0.1'], sessions, mayWrite: true })),
    longTransactions: async () => [],
    countOf: async () => sessions,
    writeCount: async () => writes,
    tryAs: async () => null,
  };

  const extreme = (table: string): bigint | null =>
    rows.all(table).reduce<bigint | null>((most, row) => {
      const id = BigInt(row[0] ?? '0');
      return most === null || id > most ? id : most;
    }, null);

  const sequences: Sequences = {
    read: async (tables) =>
      tables.slice(0, 1).map((table) => ({
        name: { schema: table.schema, table: `${table.table}_id_seq` },
        lastValue: BigInt(lastId),
        isCalled: true,
        increment: 1n,
        column: { table, column: spec.key[0] ?? '', extreme: extreme(tableKey(table)) },
      })),
    set: async (values) => {
      for (const { value } of values) lastId = Number(value);
    },
  };

  const schema: SchemaPort = {
    inspect: async () => model,
    execute: async (statements, onDone) => {
      for (const { object } of statements) {
        model = adopt(model, options.pattern, object);
        onDone?.(object);
      }
    },
  };

  return {
    name: options.name,
    engine: options.engine,
    rows,
    streams,
    fence: fakeFence(now),
    log,
    signals,
    sessions: sessionPort,
    sequences,
    schema,
    commit,
    model: () => model,
    nextId: () => {
      lastId += 1;
      return lastId;
    },
    counted: () => {
      writes += 1;
    },
    hold: (count) => {
      sessions = count;
    },
    facts: async () => facts(options.name),
    tables: async () =>
      model.tables.map((table) => ({
        name: { schema: table.schema, table: table.name },
        hasKey: true,
        keyColumns: spec.key,
        estimatedRows: rows.all(`${table.schema}.${table.name}`).length,
        sizeBytes: 8192,
        owner: 'owner',
        mayAlter: true,
        isPartition: false,
        isPartitioned: false,
        replicaIdentity: 'default',
      })),
    lobSizes: async () => [],
    numericScales: async () => [],
    close: async () => undefined,
  };
};

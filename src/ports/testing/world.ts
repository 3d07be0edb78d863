/** The world that all fakes share: two databases, replication, records, and applications that write all the time; it watches the invariants at every moment. */

import type { EngineKind, RequestMetric } from '../../model/plan.ts';
import type { SchemaModel } from '../../model/schema.ts';
import type { Repoint } from '../repoint.ts';
import type { WeightedRecord } from '../traffic.ts';
import { type VirtualClock, virtualClock } from './clock.ts';
import { type FakeDatabase, fakeDatabase, idOf } from './database.ts';
import { type FakeReplication, fakeReplication } from './replication.ts';
import type { FakeTable } from './rows.ts';
import { type FakeTraffic, fakeTraffic } from './traffic.ts';
import { type WorldHealth, worldHealth } from './world-health.ts';

export interface FakeWorldOptions {
  readonly clockRate: number;
  readonly source: { readonly name: string; readonly engine: EngineKind; readonly secretId: string };
  readonly target: { readonly name: string; readonly engine: EngineKind; readonly secretId: string };
  readonly tables: readonly string[];
  readonly sourceModel: SchemaModel;
  readonly targetModel: SchemaModel;
  readonly roles: readonly string[];
  readonly records: readonly WeightedRecord[];
  readonly rungs: readonly number[];
  readonly targetRequests: RequestMetric | null;
  readonly seedRows: number;
}

export interface FakeWorld {
  readonly clock: VirtualClock;
  readonly source: FakeDatabase;
  readonly target: FakeDatabase;
  readonly replication: FakeReplication;
  readonly traffic: FakeTraffic;
  readonly health: WorldHealth;
  /** Where applications are told their database is; one per way of telling. */
  repoint(kind: string): Repoint;
  /** Percent of the traffic that the weights send to the target. */
  share(): number;
  /** Lives through the time since the last call: applications write, replication carries. Called before every look at the world. */
  tick(): void;
  /** What went against the invariants so far. */
  violations(): readonly string[];
  /** Applications stop; replication carries what is left; then the rows of whoever takes writes must be what was acknowledged. */
  finalViolations(): Promise<readonly string[]>;
  writer(): 'source' | 'target' | 'none' | 'both';
  acknowledged(): number;
}

/** Applications try to write this often; the wall clock drives them. */
const writeEveryMs = 500;

const columns: FakeTable = { columns: ['id', 'v'], key: ['id'], keyOrder: ['bytes'] };

export const createWorld = (options: FakeWorldOptions): FakeWorld => {
  const clock = virtualClock({ rate: options.clockRate, auto: true });
  const now = (): number => clock.wall.now();
  const violated: string[] = [];
  const report = (what: string): void => {
    if (!violated.includes(what)) violated.push(what);
  };
  const open = (side: 'source' | 'target'): FakeDatabase =>
    fakeDatabase({
      name: options[side].name,
      engine: options[side].engine,
      now,
      tables: options.tables,
      spec: columns,
      model: side === 'source' ? options.sourceModel : options.targetModel,
      pattern: options.sourceModel,
      roles: options.roles,
    });
  const source = open('source');
  const target = open('target');
  const traffic = fakeTraffic({ clock, records: options.records, rungs: options.rungs, violated: report });
  const replication = fakeReplication({
    now,
    databaseOf: (secretId) => (secretId === options.source.secretId ? source : target),
    violated: report,
  });
  const share = (): number => {
    const weights = traffic.records().map((record) => record.weight ?? 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return total === 0 ? 50 : (100 * (weights[1] ?? 0)) / total;
  };

  const places = new Map<string, 'source' | 'target'>();
  const placeOf = (kind: string): 'source' | 'target' => places.get(kind) ?? 'source';
  /** What was acknowledged, row by row: null is a row that was deleted. */
  const expected = new Map<string, string | null>();
  let writes = 0;
  let livedUntil = now();
  let isWriting = true;

  const write = (database: FakeDatabase, at: number): void => {
    if (database.fence.refuses(at)) return;
    writes += 1;
    const table = options.tables[writes % options.tables.length] ?? '';
    const existing = database.rows.all(table);
    const isInsert = existing.length < options.seedRows || writes % 7 === 0;
    const id = isInsert ? idOf(database.nextId()) : (existing[(writes * 13) % existing.length]?.[0] ?? '');
    const name = `${table} ${id}`;
    if (isInsert && existing.some((row) => row[0] === id)) report(`${database.name} handed out number ${id} twice`);
    const row = !isInsert && writes % 5 === 0 ? null : [id, `v${writes}`];
    database.commit({ at, table, change: { kind: 'row', key: id, row } });
    database.counted();
    expected.set(name, row === null ? null : (row[1] ?? null));
  };

  const watch = (at: number): void => {
    // Until octank has closed it once, nobody knows of the target.
    if (target.fence.wasClosed() && !target.fence.refuses(at) && !source.fence.refuses(at))
      report('both databases take writes of applications');
  };

  /** One client follows the repoint, the other never heard of it. */
  const live = (at: number): void => {
    watch(at);
    const followed = [...places.values()].includes('target') ? target : source;
    target.hold(followed === target ? 1 : 0);
    write(followed, at);
    if (followed !== source) write(source, at);
  };

  const tick = (): void => {
    const until = now();
    while (isWriting && livedUntil + writeEveryMs <= until) {
      livedUntil += writeEveryMs;
      live(livedUntil);
    }
    if (!isWriting) livedUntil = until;
    watch(until);
    replication.advance();
  };

  for (const table of options.tables)
    for (let count = 0; count < options.seedRows; count += 1) {
      const id = idOf(source.nextId());
      source.commit({ at: now(), table, change: { kind: 'row', key: id, row: [id, 'seed'] } });
      expected.set(`${table} ${id}`, 'seed');
    }

  const writer = (): 'source' | 'target' | 'none' | 'both' => {
    const [from, to] = [!source.fence.refuses(), target.fence.wasClosed() && !target.fence.refuses()];
    if (from && to) return 'both';
    return from ? 'source' : to ? 'target' : 'none';
  };

  const lostRows = (database: FakeDatabase): readonly string[] => {
    const there = new Map<string, string | null | undefined>(
      options.tables.flatMap((table) => database.rows.all(table).map((row) => [`${table} ${row[0]}`, row[1]] as const)),
    );
    const wrong = [...expected].filter(([name, value]) => (there.get(name) ?? null) !== value);
    const extra = [...there.keys()].filter((name) => !expected.has(name));
    return [
      ...wrong.map(([name, value]) => `${database.name}: ${name} is ${there.get(name)}, acknowledged was ${value}`),
      ...extra.map((name) => `${database.name}: ${name} is there and nobody wrote it`),
    ];
  };

  return {
    clock,
    source,
    target,
    replication,
    traffic,
    health: worldHealth({
      clock,
      share,
      sessions: () => target.sessions.countOf(''),
      targetRequests: options.targetRequests,
    }),
    share,
    tick,
    writer,
    violations: () => violated,
    acknowledged: () => writes,
    repoint: (kind) => ({
      kind,
      observe: async () => ({
        at: placeOf(kind),
        detail: `${kind} at ${placeOf(kind)}`,
        before: { was: placeOf(kind) },
      }),
      perform: async () => {
        places.set(kind, 'target');
      },
      undo: async () => {
        places.set(kind, 'source');
      },
      tailSeconds: async () => 5,
    }),
    finalViolations: async () => {
      tick();
      isWriting = false;
      await clock.advance(60_000);
      tick();
      const at = writer();
      const rows = at === 'target' ? lostRows(target) : lostRows(source);
      return [...violated, ...rows, ...(at === 'both' ? ['both databases take writes at the end'] : [])];
    },
  };
};

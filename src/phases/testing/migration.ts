/** The shop plan on port fakes: a world to migrate, and processes of octank that run on it, can be killed, and come again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeChangeSet } from '../../change/change-set.ts';
import { type Journal, openJournal } from '../../journal/journal.ts';
import type { RecordBody } from '../../journal/record.ts';
import { assert } from '../../model/fault.ts';
import type { PhaseName } from '../../model/phase.ts';
import type { Plan, TrafficSpec } from '../../model/plan.ts';
import { decodePlan } from '../../plan/decode.ts';
import { testCatalog } from '../../plan/testing/catalog.ts';
import type { CheckpointStore, JournalStore } from '../../ports/journal-store.ts';
import { approving, type CollectingHost, collectingHost } from '../../ports/testing/host.ts';
import { type MemoryJournal, memoryCheckpoints, memoryJournal } from '../../ports/testing/journal-store.ts';
import { type Life, mortal } from '../../ports/testing/mortal.ts';
import { createWorld, type FakeWorld } from '../../ports/testing/world.ts';
import type { WeightedRecord } from '../../ports/traffic.ts';
import { createRunner, type RunResult } from '../../runner/runner.ts';
import { column, emptyTarget, foreignKey, model, primaryKey, table } from '../../schema/testing/models.ts';
import { projectRoot } from '../../testing/dist.ts';
import type { Ports } from '../contract.ts';
import { gatherObserved } from '../gather.ts';
import { phases } from '../index.ts';
import { createLiveWaves } from '../live.ts';

const shopFile = 'plans/shop.yaml';
const shopText = readFileSync(join(projectRoot, shopFile), 'utf8');

/** The shop's plan; each replacement must find its text. */
export const shopPlan = (...replacements: readonly (readonly [from: string, to: string])[]): Plan => {
  const text = replacements.reduce((before, [from, to]) => {
    assert(before.includes(from), `the shop's plan has: ${from}`);
    return before.replace(from, () => to);
  }, shopText);
  const { plan, diagnostics } = decodePlan(text, { file: shopFile, catalog: testCatalog });
  assert(plan !== null, `the shop's plan decodes: ${diagnostics.map((d) => `${d.code} ${d.detail}`).join('; ')}`);
  return plan;
};

/** The same plan with two rungs, for tests that run it hundreds of times. */
export const shortPlan = (): Plan =>
  shopPlan(
    ['      - { share: 5, bake: 8m }\n      - { share: 25, bake: 8m }\n', ''],
    ['      - { share: 75, bake: 8m }\n', ''],
    ['    ladder:\n', '    allowLargeStep: true\n    ladder:\n'],
  );

const shopTable = (name: string) =>
  table(`shop.${name}`, { columns: [column('id', { notNull: true }), column('v', { type: 'text' })] });

const shopModel = model({
  schemas: [
    { kind: 'schema', id: 'schema:shop', schema: 'shop', name: 'shop', owner: 'owner', comment: null, uses: [] },
  ],
  tables: [shopTable('customer'), shopTable('orders')],
  constraints: [primaryKey('shop.customer'), primaryKey('shop.orders'), foreignKey('shop.orders', 'shop.customer')],
});

const pairOf = (spec: TrafficSpec): readonly WeightedRecord[] =>
  [spec.source, spec.target].map((side, index) => ({
    zone: spec.record.zone,
    name: `${spec.record.name}.${spec.record.zone}`,
    type: spec.record.type,
    setIdentifier: side.id,
    weight: index === 0 ? 100 : 0,
    ttlSeconds: spec.record.ttlSeconds,
    values: [side.value],
    healthCheckId: null,
  }));

export interface Migration {
  readonly plan: Plan;
  readonly world: FakeWorld;
  readonly store: MemoryJournal;
  readonly checkpoints: CheckpointStore;
}

export const createMigration = (plan: Plan = shopPlan(), options: { readonly clockRate?: number } = {}): Migration => {
  const [wave] = plan.waves;
  assert(wave !== undefined, 'the plan has a wave');
  const side = (name: string) => {
    const spec = plan.databases[name];
    assert(spec?.replicationConnection.kind === 'secretsManager', 'replication reads its secrets by their id');
    return { name, engine: spec.engine, secretId: spec.replicationConnection.id };
  };
  const world = createWorld({
    clockRate: options.clockRate ?? 600,
    source: side(wave.source),
    target: side(wave.target),
    tables: ['shop.customer', 'shop.orders'],
    sourceModel: shopModel,
    targetModel: emptyTarget,
    roles: wave.writers,
    records: plan.traffic.flatMap(pairOf),
    rungs: plan.traffic[0]?.ladder.map((rung) => rung.sharePercent) ?? [],
    targetRequests: plan.traffic[0]?.measure?.target ?? null,
    seedRows: 12,
  });
  return { plan, world, store: memoryJournal(), checkpoints: memoryCheckpoints() };
};

export const portsOf = ({ plan, world, checkpoints }: Migration): Ports => ({
  clock: world.clock,
  secrets: { read: async () => '{}' },
  replication: world.replication,
  traffic: world.traffic,
  health: world.health,
  notify: { send: async () => undefined },
  checkpoints,
  database: async (name) => (name === plan.waves[0]?.source ? world.source : world.target),
  probe: async () => null,
  repoint: (spec) => world.repoint(spec.kind),
});

export interface ProcessOptions {
  readonly host?: CollectingHost;
  readonly until?: PhaseName;
  readonly wave?: string;
  readonly signal?: AbortSignal;
  /** The process dies at this record: before it is durable, or right after. */
  readonly killAt?: { readonly record: number; readonly when: 'before' | 'after' };
  /** The process dies right after this many calls that changed the world, before anybody hears of the last one. */
  readonly killAfterEffects?: number;
  readonly onCall?: Life['onCall'];
  /** Takes kinds of steps out of a new run. */
  readonly without?: readonly string[];
}

export interface ProcessEnd {
  /** `killed`: it is dead, and said nothing. */
  readonly result: RunResult | 'killed';
  readonly journal: Journal;
  readonly host: CollectingHost;
}

/** Calls that leave the world as it was; a heartbeat's row is nobody's state. */
export const isRead = (path: string): boolean =>
  /(^|\.)(read|status|facts|tables|inspect|slots|blockers|probe|sum|hashes|rows|bounds|columns|count\w*|estimateRows|hashProbe|writers|longTransactions|writeCount|has\w+|heartbeatAge|beat|find\w+|instance|connection|tableStatistics|changeStatus|sample|requests|load|observe|database|sleep|feedExists|numbers|lobSizes|tryAs|tailSeconds|currentPosition|openFeed)$/.test(
    path,
  );

const killing = (store: JournalStore, options: ProcessOptions, die: () => void): JournalStore => ({
  ...store,
  append: async (number, text) => {
    const { killAt } = options;
    if (killAt?.record !== number) return store.append(number, text);
    if (killAt.when === 'after') await store.append(number, text);
    die();
    // Appends of a dead process are answered by nobody.
    return new Promise<never>(() => undefined);
  },
});

const headerOf = async (migration: Migration, ports: Ports, without: readonly string[]): Promise<RecordBody> => {
  const { plan } = migration;
  const observed = await gatherObserved(plan, ports);
  const changes = phases.flatMap((phase) => phase.plan({ plan, observed }));
  return {
    type: 'header',
    format: 'octank-journal',
    version: 1,
    lineage: 'lineage-1',
    runId: `${plan.name}-1`,
    planFile: plan.file,
    planText: shopText,
    changeSet: makeChangeSet({
      plan,
      changes: changes.filter((change) => !without.includes(change.kind)),
      basis: {},
    }),
    startedBy: 'test@here',
    octankVersion: '0',
    clockRate: 600,
  };
};

/** One process of octank: opens the journal that is there, goes on with its run, and ends, or dies. */
export const runProcess = async (migration: Migration, options: ProcessOptions = {}): Promise<ProcessEnd> => {
  const { plan, world } = migration;
  let effects = 0;
  const life: Life = {
    isAlive: true,
    onCall: (path, when) => {
      if (when === 'before') world.tick();
      options.onCall?.(path, when);
      // Its violation is then written down, however soon it is over.
      if (world.writer() === 'both') world.tick();
      if (when === 'after' && !isRead(path)) effects += 1;
      if (effects === options.killAfterEffects) die();
    },
  };
  const host = options.host ?? collectingHost(approving);
  let sayKilled = (): void => undefined;
  const killed = new Promise<'killed'>((resolve) => {
    sayKilled = () => resolve('killed');
  });
  const die = (): void => {
    life.isAlive = false;
    sayKilled();
  };
  const ports = mortal(portsOf(migration), life);
  const store = mortal(killing(migration.store, options, die), life);
  const journal = await openJournal({ store, clock: ports.clock, fencing: () => 1 });
  const live = createLiveWaves({ ports, record: async (measurement) => void (await journal.append(measurement)) });
  const work = async (): Promise<RunResult> => {
    if (journal.state() === null) await journal.append(await headerOf(migration, ports, options.without ?? []));
    await journal.append({ type: 'lock-taken', owner: 'test', command: 'octank migrate apply' });
    const runner = createRunner({
      plan,
      journal,
      ports,
      host,
      live,
      phases,
      signal: options.signal ?? new AbortController().signal,
      until: options.until ?? null,
      wave: options.wave ?? null,
    });
    try {
      return await runner.run();
    } finally {
      await live.stop();
    }
  };
  const result = await Promise.race([work(), killed]);
  return { result, journal, host };
};

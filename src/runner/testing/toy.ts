/** A run over toy steps: the world is a set of names, each step adds its own, and a test says where it misbehaves. */
import { makeChangeSet } from '../../change/change-set.ts';
import { type Journal, openJournal } from '../../journal/journal.ts';
import type { Change } from '../../model/change.ts';
import type { JsonObject } from '../../model/json.ts';
import type { PhaseName } from '../../model/phase.ts';
import type { Limit, Phase, StepContext, StepKind } from '../../phases/contract.ts';
import { createLiveWaves } from '../../phases/live.ts';
import { createMigration, portsOf, shopPlan } from '../../phases/testing/migration.ts';
import { approving, type CollectingHost, collectingHost } from '../../ports/testing/host.ts';
import { type MemoryJournal, memoryJournal } from '../../ports/testing/journal-store.ts';
import { createRunner, type RunResult } from '../runner.ts';

export interface Toy {
  readonly id: string;
  readonly phase?: PhaseName;
  readonly wave?: string | null;
  readonly section?: string;
  readonly approval?: string;
  readonly inputs?: JsonObject;
  readonly limit?: Partial<Limit>;
  readonly observe?: StepKind['observe'];
  /** Null: a wait, there is nothing to perform. */
  readonly perform?: ((context: StepContext) => Promise<void>) | null;
  readonly undo?: StepKind['undo'];
}

export interface ToyWorld {
  readonly done: Set<string>;
  /** What was performed and undone, in order: `do a`, `undo a`. */
  readonly calls: string[];
  readonly store: MemoryJournal;
}

export const toyWorld = (): ToyWorld => ({ done: new Set(), calls: [], store: memoryJournal() });

const plan = shopPlan();
const limit: Limit = { intervalSeconds: 1, deadlineSeconds: 10, timer: 'wall', reason: 'toys are quick' };

const changeOf = (toy: Toy): Change => ({
  id: toy.id,
  phase: toy.phase ?? 'cutover',
  wave: toy.wave ?? null,
  kind: `toy.${toy.id}`,
  action: 'change',
  summary: `do ${toy.id}`,
  destructive: false,
  approval: toy.approval ?? null,
  section: toy.section ?? null,
  inputs: toy.inputs ?? {},
});

const kindOf = (toy: Toy, world: ToyWorld): StepKind => {
  const perform = toy.perform;
  return {
    kind: `toy.${toy.id}`,
    limit: { ...limit, ...toy.limit },
    observe:
      toy.observe ??
      (async () => (world.done.has(toy.id) ? { state: 'done', evidence: { seen: toy.id } } : { state: 'absent' })),
    ...(perform === null
      ? {}
      : {
          perform: async (context) => {
            world.calls.push(`do ${toy.id}`);
            if (perform) return perform(context);
            world.done.add(toy.id);
          },
        }),
    undo: async (context) => {
      world.calls.push(`undo ${toy.id}`);
      await toy.undo?.(context);
      world.done.delete(toy.id);
    },
  };
};

export interface ToyRun {
  readonly result: RunResult;
  readonly journal: Journal;
  readonly host: CollectingHost;
  /** Types of the records with their step, without the frame: `step-intended a`. */
  readonly records: readonly string[];
}

/** One process: opens the journal of this world, and runs or resumes. */
export const runToys = async (
  world: ToyWorld,
  toys: readonly Toy[],
  options: {
    readonly host?: CollectingHost;
    readonly signal?: AbortSignal;
    readonly until?: PhaseName;
    readonly wave?: string;
    /** Of the phase `cutover`; `traffic` always continues. */
    readonly onResume?: Phase['onResume'];
  } = {},
): Promise<ToyRun> => {
  const { onResume = 'restart' } = options;
  const migration = createMigration(plan);
  const ports = portsOf(migration);
  const host = options.host ?? collectingHost(approving);
  const journal = await openJournal({ store: world.store, clock: ports.clock, fencing: () => 1 });
  if (journal.state() === null)
    await journal.append({
      type: 'header',
      format: 'octank-journal',
      version: 1,
      lineage: 'toys',
      runId: 'toys-1',
      planFile: 'toys.yaml',
      planText: '',
      changeSet: makeChangeSet({
        plan: { name: 'toys', digest: 'd', waves: ['a', 'b'].map((name) => ({ name, needs: [] })) },
        changes: toys.map(changeOf),
        basis: {},
      }),
      startedBy: 'test',
      octankVersion: '0',
      clockRate: 1,
    });
  await journal.append({ type: 'lock-taken', owner: 'test', command: 'apply' });
  const steps = toys.map((toy) => kindOf(toy, world));
  const phase = (name: PhaseName, resume: Phase['onResume'], unwindsOn: Phase['unwindsOn']): Phase => ({
    name,
    onResume: resume,
    unwindsOn,
    plan: () => [],
    steps,
  });
  const runner = createRunner({
    plan,
    journal,
    ports,
    host,
    live: createLiveWaves({ ports, record: async () => undefined }),
    phases: [
      phase('preflight', 'continue', () => false),
      phase('cutover', onResume, () => true),
      phase('traffic', 'continue', (fault) => fault.code === 'gate.failed'),
    ],
    signal: options.signal ?? new AbortController().signal,
    until: options.until ?? null,
    wave: options.wave ?? null,
  });
  const result = await runner.run();
  const records = journal
    .records()
    .map((record) => ('stepId' in record ? `${record.type} ${record.stepId}` : record.type));
  return { result, journal, host, records };
};

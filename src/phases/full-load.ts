/** Full load: octank's own feed first, then DMS copies what exists; done when every table is completed, never by a status word. */
import type { Change } from '../model/change.ts';
import { Fault } from '../model/fault.ts';
import type { Wave } from '../model/plan.ts';
import { tableKey } from '../model/table.ts';
import type { TableStatistic } from '../ports/replication.ts';
import type { Observation, Phase, StepContext, StepKind } from './contract.ts';
import { createTaskStep, endpointsStep, requireTask, startTask } from './dms-steps.ts';
import { watchSource } from './keep-watch.ts';
import type { WaveObserved } from './observed.ts';
import { openWave, stepId } from './wave.ts';

/** Before the load, so that nothing can change between the copy of a row and the first change that is captured. */
const feedStep: StepKind = {
  kind: 'feed.create',
  limit: {
    intervalSeconds: 1,
    deadlineSeconds: 60,
    timer: 'wall',
    reason: 'a slot waits for transactions that are open',
  },
  observe: async (context) => {
    const { wave, source } = await openWave(context);
    const { slotsBefore } = context.captured();
    return (await source.streams.feedExists(wave.name))
      ? { state: 'done', evidence: { ...(slotsBefore === undefined ? {} : { slotsBefore }) } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave, source, sourceTables } = await openWave(context);
    // Whatever comes after this is watched as caused by octank; what is here already is somebody else's.
    if (context.captured().slotsBefore === undefined)
      await context.capture({ slotsBefore: (await source.streams.slots()).map((slot) => slot.name) });
    await source.streams.createFeed({ wave: wave.name, tables: sourceTables });
  },
};

const errored = (statistics: readonly TableStatistic[]): readonly TableStatistic[] =>
  statistics.filter(
    (s) =>
      s.state === 'Table error' ||
      s.state === 'Table does not exist' ||
      s.state === 'Table cancelled' ||
      s.fullLoadErrorRows > 0,
  );

const requireTablesLoaded = (statistics: readonly TableStatistic[], expected: readonly string[]): void => {
  const bad = errored(statistics);
  const seen = new Set(statistics.map((s) => tableKey(s.table)));
  const absent = expected.filter((name) => !seen.has(name));
  const unfinished = statistics.filter((s) => s.state !== 'Table completed');
  if (bad.length === 0 && absent.length === 0 && unfinished.length === 0) return;
  throw new Fault({
    code: 'dms.tables-not-loaded',
    summary: 'The replication task stopped, but not every table was loaded.',
    detail: [
      ...bad.map((s) => `${tableKey(s.table)}: ${s.state}, ${s.fullLoadErrorRows} rows refused`),
      ...unfinished.filter((s) => !bad.includes(s)).map((s) => `${tableKey(s.table)}: ${s.state}`),
      ...absent.map((name) => `${name}: unknown to the task`),
    ].join('; '),
    hint: 'Correct the cause; then reload the table in DMS, or start over with a fresh target.',
  });
};

/** `loaded` once the task stopped after its full load, or is already past it. */
const observeLoad = async (context: StepContext): Promise<Observation> => {
  const { pairs, source, wave } = await openWave(context);
  watchSource(context, wave);
  const task = await requireTask(context, 'forward');
  if (task.status === 'ready') return { state: 'absent' };
  const statistics = await context.ports.replication.tableStatistics(task.arn);
  const rows = statistics.reduce((sum, s) => sum + s.fullLoadRows, 0);
  const expected = [
    ...pairs.map((pair) => tableKey(pair.source)),
    ...source.signals.controlTables('forward').map(tableKey),
  ];
  const past = task.status === 'stopped' || task.status === 'running';
  const finished =
    past &&
    (task.stopReason === 'STOPPED_AFTER_FULL_LOAD' ||
      (task.status === 'running' && task.fullLoadPercent === 100 && task.stopReason !== null));
  if (finished) {
    requireTablesLoaded(statistics, expected);
    return { state: 'done', evidence: { rows, tables: statistics.length } };
  }
  if (task.status === 'stopped') {
    if (task.stopReason === null || task.stopReason === 'NORMAL')
      return { state: 'absent', detail: `stopped: ${task.stopReason}` };
    throw new Fault({
      code: 'dms.task-stopped',
      summary: 'The replication task stopped before the load was complete.',
      detail: `${task.identifier}: ${task.stopReason} ${task.failureMessage ?? ''}`,
      hint: 'Apply again: it resumes the load.',
    });
  }
  const totalRows = Number(context.change.inputs.estimatedRows ?? 0);
  await context.live.sampleLoad(wave.name, rows, totalRows);
  context.progress({
    text: `${task.status}, ${task.tablesLoaded} tables loaded`,
    done: rows,
    total: Math.max(totalRows, rows),
    unit: 'rows',
  });
  return { state: 'in-progress', detail: `${task.status}, ${rows} rows` };
};

const loadStep: StepKind = {
  kind: 'dms.full-load',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 7 * 24 * 3600,
    timer: 'wall',
    reason: 'a full load takes as long as its rows',
  },
  observe: observeLoad,
  perform: async (context) => startTask(context, 'forward'),
};

const planWave = (wave: Wave, observed: WaveObserved | undefined): readonly Change[] => {
  const base = {
    phase: 'full-load' as const,
    wave: wave.name,
    action: 'create' as const,
    destructive: false,
    approval: null,
    section: null,
  };
  const names = new Set(observed?.pairs.map((pair) => tableKey(pair.source)));
  const moving =
    observed?.sourceTables.filter((table) => names.has(tableKey(table.name)) && !table.isPartitioned) ?? [];
  const estimatedRows = moving.reduce((sum, table) => sum + Math.max(0, table.estimatedRows), 0);
  return [
    {
      ...base,
      id: stepId('full-load', wave.name, 'feed'),
      kind: 'feed.create',
      summary: `octank's own change feed of keys on ${wave.source} (one slot)`,
      inputs: {},
    },
    {
      ...base,
      id: stepId('full-load', wave.name, 'endpoints'),
      kind: 'dms.endpoints',
      summary: `DMS endpoints for ${wave.source} and ${wave.target}, connections tested`,
      inputs: { streams: ['forward'] },
    },
    {
      ...base,
      id: stepId('full-load', wave.name, 'task'),
      kind: 'dms.task',
      summary: `DMS task ${wave.source} to ${wave.target}`,
      inputs: { stream: 'forward' },
    },
    {
      ...base,
      id: stepId('full-load', wave.name, 'load'),
      kind: 'dms.full-load',
      summary: observed ? `copy ${moving.length} tables, about ${roundRows(estimatedRows)} rows` : 'copy all tables',
      inputs: { estimatedRows },
    },
  ];
};

/** Two significant digits: what an estimate is worth. */
const roundRows = (rows: number): string => {
  if (rows < 1) return '0';
  const magnitude = 10 ** Math.max(0, Math.floor(Math.log10(rows)) - 1);
  return (Math.round(rows / magnitude) * magnitude).toLocaleString('en-US');
};

export const fullLoad: Phase = {
  name: 'full-load',
  onResume: 'continue',
  unwindsOn: () => false,
  plan: ({ plan, observed }) => plan.waves.flatMap((wave) => planWave(wave, observed?.waves[wave.name])),
  steps: [feedStep, endpointsStep, createTaskStep, loadStep],
};

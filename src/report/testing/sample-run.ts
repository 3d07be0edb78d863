/** A whole run as records, folded as the journal folds it: what the tests of this room render. */
import { encodeRecord, hashOf } from '../../journal/codec.ts';
import type { FaultRecord, JournalRecord, RecordBody } from '../../journal/record.ts';
import { applyRecord, initialState, type RunState } from '../../journal/run-state.ts';
import type { Change, ChangeSet } from '../../model/change.ts';
import { assert } from '../../model/fault.ts';
import type { ParityReport, TableParity } from '../../model/parity.ts';
import type { PhaseName } from '../../model/phase.ts';
import type { Verdict } from '../../model/verdict.ts';
import type { ReportInput } from '../report-input.ts';
import { resultOf } from '../summary.ts';

export const startAt = Date.UTC(2026, 10, 24, 17, 0, 0);
export const sampleRate = 120;

export const change = (id: string, summary: string, extra: Partial<Change> = {}): Change => {
  const [phase = '', wave = ''] = id.split('/');
  return {
    id,
    phase: phase as PhaseName,
    wave: phase === 'traffic' ? null : wave,
    kind: `${phase}.${id.split('/').at(-1)}`,
    action: 'change',
    summary,
    destructive: false,
    approval: null,
    section: phase === 'cutover' || phase === 'traffic' ? `${phase}/${wave}` : null,
    inputs: {},
    ...extra,
  };
};

export const record = 'www.octank.com';
const shares = [5, 25, 50, 75, 100];

export const sampleChanges: readonly Change[] = [
  change('preflight/shop/checks', 'every named check of both databases', { action: 'read' }),
  change('convert-schema/shop/tables', 'tables, keys and sequences of 10 tables', { action: 'create' }),
  change('convert-schema/shop/fence-target', 'the target refuses every application'),
  change('full-load/shop/feed', 'change feed of keys on monolith', { action: 'create' }),
  change('full-load/shop/task', 'DMS task monolith to accounts', { action: 'create' }),
  change('full-load/shop/load', 'copy every row that is there now'),
  change('cdc/shop/indexes', 'indexes, foreign keys (not yet validated), views', { action: 'create' }),
  change('cdc/shop/resume', 'apply the changes that were cached, and go on capturing'),
  change('cdc/shop/catch-up', 'until the heartbeat arrives within 2 s', { action: 'wait' }),
  change('verify/shop/parity', 'compare every row of every table on both sides, under live writes', { action: 'read' }),
  change('cutover/shop/reverse-task', 'DMS task accounts to monolith, not started', {
    action: 'create',
    section: null,
  }),
  change('cutover/shop/canary', 'a row goes to the source and its answer comes back', {
    action: 'read',
    section: null,
  }),
  change('cutover/shop/recheck', 'everything again: checks, lag, parity', { action: 'read', approval: 'cutover' }),
  change('cutover/shop/fence', 'refuse writes on monolith, at most 30 s', { destructive: true }),
  change('cutover/shop/drain', 'a marker passes through replication', { action: 'wait' }),
  change('cutover/shop/parity', 'final parity: all counts, and every changed chunk', { action: 'read' }),
  change('cutover/shop/stop-forward', 'request the stop of the forward task'),
  change('cutover/shop/sequences', 'sequences of accounts past both sides'),
  change('cutover/shop/point-of-no-return', 'the fence of monolith becomes permanent', { destructive: true }),
  change('cutover/shop/unfence-target', 'accounts takes writes'),
  change('cutover/shop/repoint-1', 'octank/shop-db names accounts'),
  change('cutover/shop/reverse-start', 'changes flow from accounts to monolith'),
  change('cutover/shop/prove', 'application writes on the target, none on the source', { action: 'read' }),
  ...shares.flatMap((share) => [
    change(`traffic/${record}/${share}/shift`, `${record}: ${share} % to cloud`, {
      approval: share === 50 ? 'traffic' : null,
    }),
    change(`traffic/${record}/${share}/bake`, `${record}: settle, then 600 s at ${share} %`, { action: 'wait' }),
  ]),
  change('finalize/shop/tasks', 'remove what carries the tag of this run', { action: 'delete', destructive: true }),
];

const changeSet: ChangeSet = {
  formatVersion: 1,
  plan: { name: 'octank-shop', digest: '5f0c'.repeat(16) },
  changes: sampleChanges,
  basis: {},
  digest: 'c4a1'.repeat(16),
};

const header: RecordBody = {
  type: 'header',
  format: 'octank-journal',
  version: 1,
  lineage: '7c0f6a52-1b7e-4c1a-9a55-2d0f3a4be101',
  runId: 'r-0001',
  planFile: 'plans/shop.yaml',
  planText: 'apiVersion: octank/v1\nname: octank-shop\n',
  changeSet,
  startedBy: 'maria',
  octankVersion: '0.1.0',
  clockRate: sampleRate,
};

/** A body and the seconds after the start at which it was written. */
export type Timed = readonly [seconds: number, body: RecordBody];

const step = (from: number, to: number, stepId: string, evidence = {}): readonly Timed[] => [
  [from, { type: 'step-intended', stepId, attempt: 1 }],
  [to, { type: 'step-done', stepId, evidence, skipped: false }],
];

const tables: readonly (readonly [name: string, rows: number])[] = [
  ['shop.address', 14_021],
  ['shop.customer', 10_000],
  ['shop.order_line', 301_552],
  ['shop.orders', 100_417],
  ['shop.payment', 100_388],
  ['shop.product', 1_200],
];

export const tableParity = (name: string, rows: number, extra: Partial<TableParity> = {}): TableParity => ({
  name,
  sourceRows: rows,
  targetRows: rows,
  missing: 0,
  extraneous: 0,
  mismatched: 0,
  inFlight: 0,
  chunks: Math.ceil(rows / 10_000),
  seconds: rows / 400_000,
  samples: [],
  ...extra,
});

export const equalReport: ParityReport = {
  formatVersion: 1,
  verdict: 'equal',
  tables: tables.map(([name, rows]) => tableParity(name, rows)),
  notes: ['Collations are not compared: order of text may differ between versions of the C library.'],
};

export const differentReport: ParityReport = {
  ...equalReport,
  verdict: 'different',
  tables: [
    tableParity('shop.customer', 10_000, {
      targetRows: 9_999,
      missing: 1,
      mismatched: 1,
      samples: [
        { key: { id: '4711' }, kind: 'missing', columns: [] },
        {
          key: { id: '4712' },
          kind: 'mismatched',
          columns: [
            { name: 'email', source: 'ada@octank.com', target: 'ada@octank.com ' },
            { name: 'born', source: null, target: '1815-12-10' },
          ],
        },
      ],
    }),
    ...equalReport.tables.slice(2),
  ],
};

export const gates: NonNullable<ReportInput['gates']> = [
  { name: 'http-errors', failWhen: { comparison: '>', threshold: 0.01 } },
  { name: 'latency', failWhen: { comparison: '>', threshold: 1 } },
];

export const verdict = (gate: string, at: number, values: readonly number[], extra: Partial<Verdict> = {}): Verdict => {
  const limit = gates.find((g) => g.name === gate)?.failWhen.threshold ?? 1;
  const breached = values.filter((value) => value > limit).length;
  return {
    gate,
    result: breached >= 3 ? 'failure' : 'success',
    reason: breached >= 3 ? 'over-limit' : 'within-limit',
    detail: `${breached} of ${values.length} datapoints > ${limit} (fails at 3 of 5), newest ${values.at(-1)}`,
    datapoints: values.map((value, index) => ({
      at: startAt + at * 1000 * sampleRate - (values.length - index) * 60_000,
      value,
      breached: value > limit,
    })),
    judgedAt: startAt + at * 1000 * sampleRate,
    ...extra,
  };
};

const noDataYet = { result: 'inconclusive', reason: 'noData', detail: 'no closed datapoint yet' } as const;

const rung = (share: number, at: number): readonly Timed[] => {
  const shift = `traffic/${record}/${share}/shift`;
  const bake = `traffic/${record}/${share}/bake`;
  const measured = share + ((share * 7) % 5) / 3 - 0.6;
  const shareRecord = (offset: number): Timed => [
    at + offset,
    {
      type: 'share',
      record,
      expectedPercent: share,
      measuredPercent: Math.min(100, measured + offset / 20),
      requests: 2_380,
    },
  ];
  const target = Math.round((share * 200) / 100);
  const moved: RecordBody = { type: 'weights', record, sourceWeight: 200 - target, targetWeight: target, why: 'moved' };
  return [
    ...(share === 50
      ? ([[at, { type: 'approved', stepId: shift, approval: 'traffic', by: 'maria' }]] satisfies Timed[])
      : []),
    [at, { type: 'step-intended', stepId: shift, attempt: 1 }],
    [at + 0.6, moved],
    [at + 1.2, { type: 'step-done', stepId: shift, evidence: { targetWeight: target }, skipped: false }],
    [at + 1.3, { type: 'step-intended', stepId: bake, attempt: 1 }],
    shareRecord(2.4),
    [at + 2.5, { type: 'verdict', stepId: bake, verdict: verdict('http-errors', at + 2.5, [], noDataYet) }],
    [at + 7, { type: 'verdict', stepId: bake, verdict: verdict('http-errors', at + 7, [0, 0.002, 0.011, 0.001, 0]) }],
    [at + 7, { type: 'verdict', stepId: bake, verdict: verdict('latency', at + 7, [0.21, 0.24, 0.2, 0.31, 0.22]) }],
    shareRecord(7.1),
    [at + 7.2, { type: 'step-done', stepId: bake, evidence: { bakedSeconds: 600 }, skipped: false }],
  ];
};

const loadCurve: readonly Timed[] = Array.from({ length: 25 }, (_, index) => {
  const rows = Math.round(527_578 * (1 - (1 - index / 24) ** 1.6));
  return [4.4 + index * 0.35, { type: 'load', wave: 'shop', rows, totalRows: 527_578 }] as const;
});

const lagCurve: readonly Timed[] = Array.from({ length: 52 }, (_, index) => {
  const seconds = index < 9 ? 8.2 - index * 0.85 : 0.35 + ((index * 37) % 11) / 30 + (index === 30 ? 1.4 : 0);
  return [14 + index, { type: 'lag', wave: 'shop', seconds }] as const;
});

export const untilCutover: readonly Timed[] = [
  [0, header],
  [0.01, { type: 'lock-taken', owner: 'maria@ops-1', command: 'octank migrate apply plans/shop.yaml' }],
  ...step(0.1, 1.1, 'preflight/shop/checks', { checks: 31 }),
  [
    1,
    {
      type: 'diagnostic',
      diagnostic: {
        severity: 'warning',
        code: 'preflight.long-transactions',
        summary: 'A transaction has been open for long.',
        detail: 'pid 4412 of reporting, 640 s.',
        hint: 'End it before the cutover, which waits for it.',
        range: { file: 'plans/shop.yaml', line: 20, column: 5, endLine: 44, endColumn: 1 },
      },
    },
  ],
  ...step(1.2, 2.9, 'convert-schema/shop/tables', { statements: 26 }),
  ...step(3, 3.2, 'convert-schema/shop/fence-target', { epoch: 1 }),
  ...step(3.3, 3.5, 'full-load/shop/feed'),
  ...step(3.5, 4.3, 'full-load/shop/task'),
  [4.3, { type: 'step-intended', stepId: 'full-load/shop/load', attempt: 1 }],
  ...loadCurve,
  [13, { type: 'step-done', stepId: 'full-load/shop/load', evidence: { rows: 527_578, tables: 6 }, skipped: false }],
  ...step(13.1, 15.6, 'cdc/shop/indexes', { statements: 31 }),
  ...step(15.7, 17, 'cdc/shop/resume'),
  ...lagCurve.filter(([seconds]) => seconds < 28),
  [22.4, { type: 'step-done', stepId: 'cdc/shop/catch-up', evidence: { lagSeconds: 0.412 }, skipped: false }],
  ...step(22.5, 25.1, 'verify/shop/parity', { verdict: 'equal', tables: 6, rows: 527_578 }),
  [25, { type: 'parity', wave: 'shop', final: false, report: equalReport }],
  ...step(25.2, 26.4, 'cutover/shop/reverse-task'),
  ...step(26.5, 28.1, 'cutover/shop/canary', { token: 'c-18f2' }),
  [28.2, { type: 'approved', stepId: 'cutover/shop/recheck', approval: 'cutover', by: 'maria' }],
  ...step(28.3, 29, 'cutover/shop/recheck'),
];

export const cutover: readonly Timed[] = [
  [29.02, { type: 'writer', wave: 'shop', writer: 'none' }],
  ...step(29.02, 29.31, 'cutover/shop/fence', { epoch: 2, flip: 1 }),
  ...step(29.33, 29.92, 'cutover/shop/drain', { epoch: 2 }),
  [30.2, { type: 'parity', wave: 'shop', final: true, report: equalReport }],
  ...step(29.94, 30.21, 'cutover/shop/parity', { verdict: 'equal' }),
  ...step(30.22, 30.3, 'cutover/shop/stop-forward'),
  ...step(30.31, 30.39, 'cutover/shop/sequences', { sequences: 5 }),
  [30.44, { type: 'point-of-no-return', wave: 'shop' }],
  ...step(30.4, 30.48, 'cutover/shop/point-of-no-return', { epoch: 2 }),
  [30.52, { type: 'writer', wave: 'shop', writer: 'target' }],
  ...step(30.49, 30.58, 'cutover/shop/unfence-target', { epoch: 3 }),
  ...step(30.6, 30.72, 'cutover/shop/repoint-1'),
  ...step(30.73, 32.9, 'cutover/shop/reverse-start'),
  ...step(32.95, 34.6, 'cutover/shop/prove', { written: 118, sessions: 8 }),
];

const finished: readonly Timed[] = [
  ...step(90, 91.5, 'finalize/shop/tasks'),
  [91.6, { type: 'finished', outcome: 'succeeded', exitCode: 0 }],
];

const resumed: Timed = [
  47,
  { type: 'lock-taken', owner: 'jon@ops-2', command: 'octank migrate apply plans/shop.yaml' },
];

export const wholeRun: readonly Timed[] = [
  ...untilCutover,
  ...cutover,
  ...shares.flatMap((share, index) => rung(share, 36 + index * 10.4)),
  resumed,
  ...lagCurve.filter(([seconds]) => seconds > 34),
  ...finished,
];

const gateFault: FaultRecord = {
  code: 'gate.failed',
  summary: 'A gate failed; weights are moved back.',
  detail: `${record} at 25 %: http-errors: 4 of 5 datapoints > 0.01 (fails at 3 of 5), newest 0.044`,
  hint: 'Mend the cause, then climb again: octank migrate apply plans/shop.yaml',
  effect: 'none',
};

/** The second rung fails: weights go back in one batch. */
export const failedRun: readonly Timed[] = [
  ...untilCutover,
  ...cutover,
  ...rung(5, 36),
  [46, { type: 'step-intended', stepId: `traffic/${record}/25/shift`, attempt: 1 }],
  [46.6, { type: 'weights', record, sourceWeight: 150, targetWeight: 50, why: 'moved' }],
  [47, { type: 'step-done', stepId: `traffic/${record}/25/shift`, evidence: {}, skipped: false }],
  [47.1, { type: 'step-intended', stepId: `traffic/${record}/25/bake`, attempt: 1 }],
  [
    52,
    {
      type: 'verdict',
      stepId: `traffic/${record}/25/bake`,
      verdict: verdict('http-errors', 52, [0.002, 0.019, 0.031, 0.04, 0.044]),
    },
  ],
  [52.1, { type: 'step-failed', stepId: `traffic/${record}/25/bake`, fault: gateFault }],
  [52.2, { type: 'undo-intended', stepId: `traffic/${record}/25/bake`, reason: gateFault.summary }],
  [52.2, { type: 'step-undone', stepId: `traffic/${record}/25/bake` }],
  [52.3, { type: 'undo-intended', stepId: `traffic/${record}/25/shift`, reason: gateFault.summary }],
  [52.6, { type: 'weights', record, sourceWeight: 200, targetWeight: 0, why: 'moved-back' }],
  [53.2, { type: 'step-undone', stepId: `traffic/${record}/25/shift` }],
  [53.3, { type: 'finished', outcome: 'rolled-back', exitCode: 5 }],
];

/** The final parity differs inside the fence: the section is walked back and the source writes again. */
export const abortedCutover: readonly Timed[] = [
  ...untilCutover,
  ...cutover.slice(0, 5),
  [30.2, { type: 'parity', wave: 'shop', final: true, report: differentReport }],
  [30, { type: 'step-intended', stepId: 'cutover/shop/parity', attempt: 1 }],
  [
    30.3,
    {
      type: 'step-failed',
      stepId: 'cutover/shop/parity',
      fault: {
        code: 'parity.different',
        summary: 'Rows differ between source and target.',
        detail: 'shop.customer: 1 missing, 0 extraneous, 1 mismatched, 0 in flight',
        hint: 'See the rows by name: octank migrate verify plans/shop.yaml',
        effect: 'none',
      },
    },
  ],
  ...['parity', 'drain', 'fence'].flatMap((name, index): readonly Timed[] => [
    [30.4 + index * 0.1, { type: 'undo-intended', stepId: `cutover/shop/${name}`, reason: 'Rows differ.' }],
    [30.45 + index * 0.1, { type: 'step-undone', stepId: `cutover/shop/${name}` }],
  ]),
  [30.7, { type: 'writer', wave: 'shop', writer: 'source' }],
  [30.8, { type: 'finished', outcome: 'failed', exitCode: 4 }],
];

export const heldRun: readonly Timed[] = [
  ...untilCutover,
  [
    30,
    {
      type: 'held',
      stepId: 'cutover/shop/recheck',
      reason: 'A long transaction is open on the source.',
      hint: 'End it, then: octank migrate apply plans/shop.yaml',
    },
  ],
  [30.1, { type: 'finished', outcome: 'held', exitCode: 9 }],
];

/** Records in the order of their times, numbered and chained as the journal does. */
export const fold = (
  timed: readonly Timed[],
): { readonly state: RunState; readonly records: readonly JournalRecord[] } => {
  let state: RunState | null = null;
  let head = '';
  const records = [...timed]
    .sort(([a], [b]) => a - b)
    .map(([seconds, body], index): JournalRecord => {
      const at = startAt + Math.round(seconds * 1000);
      const written: JournalRecord = {
        number: index + 1,
        at,
        clockAt: startAt + (at - startAt) * sampleRate,
        fencing: 1,
        previous: head,
        ...body,
      };
      head = hashOf(encodeRecord(written));
      if (written.type === 'header') state = initialState(written, head);
      else {
        assert(state !== null, 'a sample begins with its header');
        state = applyRecord(state, written, head);
      }
      return written;
    });
  assert(state !== null, 'a sample has records');
  return { state, records };
};

export const measured: NonNullable<ReportInput['measured']> = {
  writes: { acknowledged: 41_236, refused: 312, indeterminate: 3, lost: 0, duplicated: 0 },
  databaseGapSeconds: 1.512,
  clients: { medianDowntimeSeconds: 1.71, p99DowntimeSeconds: 2.94 },
  requests: 18_402,
  failedRequests: 0,
  violations: [],
};

/** A report's input as the commands build it. */
export const inputOf = (timed: readonly Timed[], extra: Partial<ReportInput> = {}): ReportInput => {
  const { state, records } = fold(timed);
  const rollback: ReportInput['rollback'] = extra.rollback ?? {
    possible: true,
    kind: 'weights',
    rowsAtRisk: 0,
    tailSeconds: 61,
    reason: 'Weights move back in one batch and lose nothing: both stacks write the target.',
  };
  const given = extra.measured ?? null;
  const fault = state.steps.findLast((s) => s.fault !== null)?.fault ?? null;
  const outcome = state.outcome === 'running' ? 'interrupted' : state.outcome;
  return {
    state,
    records,
    gates,
    planName: 'octank-shop',
    result: {
      ...resultOf({
        state,
        outcome,
        exitCode: state.exitCode ?? 130,
        fault: null,
        rollback,
        measured: given,
        clockRate: state.clockRate,
      }),
      fault: fault && { code: fault.code, summary: fault.summary, detail: fault.detail, hint: fault.hint },
    },
    measured: given,
    rollback,
    generatedAt: startAt + 100_000,
    octankVersion: '0.1.0',
    ...extra,
  };
};

/** What a run is, folded from its records: the only state that anything reports. */
import type { Change, ChangeSet } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { JsonObject } from '../model/json.ts';
import type { ParityReport } from '../model/parity.ts';
import type { PhaseName } from '../model/phase.ts';
import type { Verdict } from '../model/verdict.ts';
import type { FaultRecord, JournalRecord, RunOutcome, Writer } from './record.ts';

export type StepStatus = 'pending' | 'intended' | 'done' | 'failed' | 'unknown' | 'undoing' | 'undone';

export interface StepState {
  readonly change: Change;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly skipped: boolean;
  /** Wall clock epoch ms of the last intent and of the last outcome; null where there was none. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly evidence: JsonObject;
  readonly captured: JsonObject;
  readonly fault: FaultRecord | null;
}

export interface RunState {
  readonly lineage: string;
  readonly runId: string;
  readonly planFile: string;
  readonly planText: string;
  readonly changeSet: ChangeSet;
  readonly startedBy: string;
  readonly startedAt: number;
  readonly clockRate: number;
  readonly steps: readonly StepState[];
  /** `running` until a finished record; a resume makes it running again. */
  readonly outcome: RunOutcome | 'running';
  readonly exitCode: number | null;
  readonly writers: Readonly<Record<string, Writer>>;
  /** Wave -> wall ms. */
  readonly pointOfNoReturn: Readonly<Record<string, number>>;
  readonly parity: Readonly<Record<string, ParityReport>>;
  readonly approvals: readonly {
    readonly at: number;
    readonly stepId: string;
    readonly approval: string;
    readonly by: string;
  }[];
  readonly verdicts: readonly { readonly at: number; readonly stepId: string; readonly verdict: Verdict }[];
  readonly weights: readonly {
    readonly at: number;
    readonly record: string;
    readonly sourceWeight: number;
    readonly targetWeight: number;
    readonly why: 'observed' | 'moved' | 'moved-back';
  }[];
  readonly shares: readonly {
    readonly at: number;
    readonly record: string;
    readonly expectedPercent: number;
    readonly measuredPercent: number | null;
    readonly requests: number;
  }[];
  readonly lag: readonly { readonly at: number; readonly wave: string; readonly seconds: number }[];
  readonly load: readonly {
    readonly at: number;
    readonly wave: string;
    readonly rows: number;
    readonly totalRows: number;
  }[];
  readonly diagnostics: readonly Diagnostic[];
  readonly notes: readonly { readonly at: number; readonly text: string }[];
  readonly holds: readonly {
    readonly at: number;
    readonly stepId: string;
    readonly reason: string;
    readonly hint: string;
  }[];
  /** Every time octank took the lock: the first run and each resume. */
  readonly takings: readonly { readonly at: number; readonly owner: string; readonly command: string }[];
  readonly records: number;
  readonly lastAt: number;
  /** sha256 of the last record: printed by the report, so that a journal can be held against it. */
  readonly head: string;
}

const emptyStep = (change: Change): StepState => ({
  change,
  status: 'pending',
  attempts: 0,
  skipped: false,
  startedAt: null,
  finishedAt: null,
  evidence: {},
  captured: {},
  fault: null,
});

type Header = Extract<JournalRecord, { type: 'header' }>;

export const initialState = (header: Header, head: string): RunState => ({
  lineage: header.lineage,
  runId: header.runId,
  planFile: header.planFile,
  planText: header.planText,
  changeSet: header.changeSet,
  startedBy: header.startedBy,
  startedAt: header.at,
  clockRate: header.clockRate,
  steps: header.changeSet.changes.map(emptyStep),
  outcome: 'running',
  exitCode: null,
  writers: {},
  pointOfNoReturn: {},
  parity: {},
  approvals: [],
  verdicts: [],
  weights: [],
  shares: [],
  lag: [],
  load: [],
  diagnostics: [],
  notes: [],
  holds: [],
  takings: [],
  records: header.number,
  lastAt: header.at,
  head,
});

const stepPatch = (record: JournalRecord, step: StepState): Partial<StepState> | null => {
  switch (record.type) {
    case 'step-intended':
      return { status: 'intended', attempts: record.attempt, startedAt: record.at, finishedAt: null, fault: null };
    case 'step-done':
      return {
        status: 'done',
        evidence: record.evidence,
        skipped: record.skipped,
        startedAt: step.status === 'intended' || step.status === 'unknown' ? step.startedAt : record.at,
        finishedAt: record.at,
        fault: null,
      };
    case 'step-failed':
      return { status: 'failed', fault: record.fault, finishedAt: record.at };
    case 'step-unknown':
      return { status: 'unknown', fault: record.fault, finishedAt: record.at };
    case 'undo-intended':
      return { status: 'undoing' };
    case 'undo-failed':
      return { status: 'undoing', fault: record.fault };
    case 'step-undone':
      return { status: 'undone', finishedAt: record.at, evidence: {} };
    case 'captured':
      return { captured: record.data };
    default:
      return null;
  }
};

const withStep = (state: RunState, record: JournalRecord): RunState => {
  if (!('stepId' in record)) return state;
  const steps = state.steps.map((step) => {
    if (step.change.id !== record.stepId) return step;
    const patch = stepPatch(record, step);
    return patch ? { ...step, ...patch } : step;
  });
  return { ...state, steps };
};

/** Curves are kept whole up to this many points; the runner samples sparsely, so this is a guard, not a policy. */
const maxPoints = 20_000;
const push = <T>(list: readonly T[], item: T): readonly T[] => (list.length >= maxPoints ? list : [...list, item]);

const withFacts = (state: RunState, record: JournalRecord): RunState => {
  const { at } = record;
  switch (record.type) {
    case 'lock-taken':
      return {
        ...state,
        outcome: 'running',
        exitCode: null,
        takings: push(state.takings, { at, owner: record.owner, command: record.command }),
      };
    case 'approved':
      return {
        ...state,
        approvals: push(state.approvals, { at, stepId: record.stepId, approval: record.approval, by: record.by }),
      };
    case 'verdict':
      return { ...state, verdicts: push(state.verdicts, { at, stepId: record.stepId, verdict: record.verdict }) };
    case 'weights':
      return {
        ...state,
        weights: push(state.weights, {
          at,
          record: record.record,
          sourceWeight: record.sourceWeight,
          targetWeight: record.targetWeight,
          why: record.why,
        }),
      };
    case 'share':
      return {
        ...state,
        shares: push(state.shares, {
          at,
          record: record.record,
          expectedPercent: record.expectedPercent,
          measuredPercent: record.measuredPercent,
          requests: record.requests,
        }),
      };
    case 'lag':
      return { ...state, lag: push(state.lag, { at, wave: record.wave, seconds: record.seconds }) };
    case 'load':
      return {
        ...state,
        load: push(state.load, { at, wave: record.wave, rows: record.rows, totalRows: record.totalRows }),
      };
    case 'parity':
      return { ...state, parity: { ...state.parity, [record.wave]: record.report } };
    case 'writer':
      return { ...state, writers: { ...state.writers, [record.wave]: record.writer } };
    case 'point-of-no-return':
      return { ...state, pointOfNoReturn: { ...state.pointOfNoReturn, [record.wave]: at } };
    case 'diagnostic':
      return { ...state, diagnostics: push(state.diagnostics, record.diagnostic) };
    case 'note':
      return { ...state, notes: push(state.notes, { at, text: record.text }) };
    case 'held':
      return {
        ...state,
        holds: push(state.holds, { at, stepId: record.stepId, reason: record.reason, hint: record.hint }),
      };
    case 'finished':
      return { ...state, outcome: record.outcome, exitCode: record.exitCode };
    default:
      return state;
  }
};

/** One more record. Pure: the same records give the same state, whoever folds them. */
export const applyRecord = (state: RunState, record: JournalRecord, head: string): RunState => ({
  ...withFacts(withStep(state, record), record),
  records: record.number,
  lastAt: record.at,
  head,
});

export const stepState = (state: RunState, stepId: string): StepState | undefined =>
  state.steps.find((step) => step.change.id === stepId);

/** The step that the run stands at: the first that is not done; undefined when all are. */
export const currentStep = (state: RunState): StepState | undefined =>
  state.steps.find((step) => step.status !== 'done');

export const currentPhase = (state: RunState): PhaseName | null => currentStep(state)?.change.phase ?? null;

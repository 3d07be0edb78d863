/** Alarms kept, evaluated on the rehearsal's clock, and their history. behaviour.md C7 to C10. */
import type { RehearsalClock, Store } from '../../service.ts';
import { type Comparison, comparisons, decideState, evaluationRange, type MissingData } from './alarm-decision.ts';
import { type AlarmRule, type AlarmState, childrenOfRule, decideRule, parseAlarmRule } from './alarm-rule.ts';
import { evaluateQueries } from './evaluate.ts';
import type { DataQuery } from './input.ts';
import type { MetricStore } from './metric-store.ts';

export interface AlarmCommon {
  readonly name: string;
  readonly description: string | undefined;
  readonly actionsEnabled: boolean;
  readonly actions: Readonly<Record<AlarmState, readonly string[]>>;
}

export interface MetricAlarmSpec extends AlarmCommon {
  readonly kind: 'metric';
  /** The one that is returned decides; the others feed it. */
  readonly queries: readonly DataQuery[];
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number | undefined;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly missingData: MissingData;
  /** As it came, to be answered again. */
  readonly asSent: Readonly<Record<string, unknown>>;
}

export interface CompositeAlarmSpec extends AlarmCommon {
  readonly kind: 'composite';
  readonly rule: string;
}

export type AlarmSpec = MetricAlarmSpec | CompositeAlarmSpec;

export interface Alarm {
  spec: AlarmSpec;
  state: AlarmState;
  reason: string;
  stateAt: number;
  configuredAt: number;
  /** What the data alone say: a forced state does not reach health checks. */
  dataState: AlarmState;
  evaluatedAt: number;
}

export interface HistoryItem {
  readonly alarm: string;
  readonly kind: AlarmSpec['kind'];
  readonly type: 'StateUpdate' | 'ConfigurationUpdate' | 'Action';
  readonly at: number;
  readonly summary: string;
  readonly data: string;
}

interface State {
  readonly alarms: Record<string, Alarm>;
  history: HistoryItem[];
}

export interface Alarms {
  all(): readonly Alarm[];
  get(name: string): Alarm | undefined;
  put(spec: AlarmSpec): Promise<void>;
  remove(names: readonly string[]): Promise<void>;
  force(name: string, state: AlarmState, reason: string): Promise<void>;
  /** Composite alarms whose rule names it. */
  parentsOf(name: string): readonly string[];
  childrenOf(name: string): readonly string[];
  history(): readonly HistoryItem[];
  /** Looks at every alarm whose time has come. */
  evaluate(): Promise<void>;
  save(): Promise<void>;
}

const everyMs = 60_000;
/** Points come up to this late. */
const settleMs = 30_000;
const keptHistory = 1000;

const describePoints = (points: readonly (number | undefined)[]): string =>
  `[${points
    .flatMap((point) => point ?? [])
    .reverse()
    .join(', ')}]`;

export const createAlarms = async (options: {
  readonly clock: RehearsalClock;
  readonly store: Store;
  readonly metrics: MetricStore;
  /** Runs an action, such as a topic's ARN; false when there is no such thing. */
  readonly act: (action: string, subject: string, message: string) => Promise<boolean>;
  log(line: string): void;
}): Promise<Alarms> => {
  const { clock, store, metrics, act } = options;
  const state = (await store.load<State>('cloudwatch-alarms')) ?? { alarms: {}, history: [] };
  const rules = new Map<string, AlarmRule>();
  const save = (): Promise<void> => store.save('cloudwatch-alarms', state);
  const get = (name: string): Alarm | undefined => (Object.hasOwn(state.alarms, name) ? state.alarms[name] : undefined);

  const note = (item: Omit<HistoryItem, 'at'>): void => {
    state.history = [...state.history, { ...item, at: clock.now() }].slice(-keptHistory);
  };

  const ruleOf = (spec: CompositeAlarmSpec): AlarmRule => {
    const known = rules.get(spec.rule) ?? parseAlarmRule(spec.rule);
    rules.set(spec.rule, known);
    return known;
  };

  const moveTo = async (alarm: Alarm, next: AlarmState, reason: string): Promise<boolean> => {
    if (alarm.state === next) {
      alarm.reason = reason;
      return false;
    }
    const { name, kind, actions, actionsEnabled } = alarm.spec;
    const from = alarm.state;
    alarm.state = next;
    alarm.reason = reason;
    alarm.stateAt = clock.now();
    note({
      alarm: name,
      kind,
      type: 'StateUpdate',
      summary: `Alarm updated from ${from} to ${next}`,
      data: JSON.stringify({
        version: '1.0',
        oldState: { stateValue: from },
        newState: { stateValue: next, stateReason: reason },
      }),
    });
    if (!actionsEnabled) return true;
    for (const action of actions[next]) {
      const done = await act(
        action,
        `${next}: "${name}"`,
        JSON.stringify({ AlarmName: name, NewStateValue: next, OldStateValue: from, NewStateReason: reason }),
      );
      note({
        alarm: name,
        kind,
        type: 'Action',
        summary: `${done ? 'Successfully executed' : 'Failed to execute'} action ${action}`,
        data: '{}',
      });
    }
    return true;
  };

  const pointsOf = (spec: MetricAlarmSpec): (number | undefined)[] => {
    const periodMs = Math.max(60, spec.periodSeconds) * 1000;
    const endMs = Math.floor((clock.now() - settleMs) / periodMs) * periodMs;
    const count = evaluationRange(spec.evaluationPeriods);
    const startMs = endMs - count * periodMs;
    const [result] = evaluateQueries(spec.queries, metrics, { startMs, endMs, nowMs: endMs - 1 });
    return Array.from({ length: count }, (_, index) => result?.series.get(startMs + index * periodMs));
  };

  const evaluateMetric = async (alarm: Alarm, spec: MetricAlarmSpec): Promise<boolean> => {
    const points = pointsOf(spec);
    const next = decideState({
      points,
      evaluationPeriods: spec.evaluationPeriods,
      datapointsToAlarm: spec.datapointsToAlarm ?? spec.evaluationPeriods,
      isBreaching: (value) => comparisons[spec.comparison](value, spec.threshold),
      missingData: spec.missingData,
      current: alarm.state,
    });
    alarm.dataState = next;
    alarm.evaluatedAt = clock.now();
    const known = points.filter((point) => point !== undefined).length;
    const reason =
      known === 0
        ? `Insufficient Data: ${points.length} datapoints were unknown.`
        : `Threshold Crossed: ${known} datapoints ${describePoints(points)} were compared with ${spec.comparison} (${spec.threshold}).`;
    return moveTo(alarm, next, reason);
  };

  const evaluateComposites = async (): Promise<boolean> => {
    let changed = false;
    // One pass per level of nesting; cycles are refused when an alarm is put.
    for (let pass = 0; pass < 10; pass += 1) {
      let moved = false;
      for (const alarm of Object.values(state.alarms)) {
        if (alarm.spec.kind !== 'composite') continue;
        const isAlarm = decideRule(ruleOf(alarm.spec), (child) => get(child)?.state ?? 'INSUFFICIENT_DATA');
        alarm.dataState = isAlarm ? 'ALARM' : 'OK';
        moved = (await moveTo(alarm, alarm.dataState, `${alarm.spec.rule} is ${isAlarm}`)) || moved;
      }
      changed ||= moved;
      if (!moved) break;
    }
    return changed;
  };

  return {
    all: () => Object.values(state.alarms),
    get,
    put: async (spec) => {
      const existing = get(spec.name);
      const now = clock.now();
      state.alarms[spec.name] = existing
        ? { ...existing, spec, configuredAt: now }
        : {
            spec,
            state: 'INSUFFICIENT_DATA',
            dataState: 'INSUFFICIENT_DATA',
            reason: 'Unchecked: Initial alarm creation',
            stateAt: now,
            configuredAt: now,
            evaluatedAt: 0,
          };
      note({
        alarm: spec.name,
        kind: spec.kind,
        type: 'ConfigurationUpdate',
        summary: `Alarm "${spec.name}" ${existing ? 'updated' : 'created'}`,
        data: '{}',
      });
      await save();
    },
    remove: async (names) => {
      for (const name of names) delete state.alarms[name];
      await save();
    },
    force: async (name, next, reason) => {
      const alarm = get(name);
      if (!alarm) return;
      await moveTo(alarm, next, reason);
      // Until it is looked at again, a period from now.
      alarm.evaluatedAt = clock.now();
      await save();
    },
    parentsOf: (name) =>
      Object.values(state.alarms).flatMap(({ spec }) =>
        spec.kind === 'composite' && childrenOfRule(ruleOf(spec)).includes(name) ? [spec.name] : [],
      ),
    childrenOf: (name) => {
      const spec = get(name)?.spec;
      return spec?.kind === 'composite' ? childrenOfRule(ruleOf(spec)) : [];
    },
    history: () => state.history,
    evaluate: async () => {
      let changed = false;
      for (const alarm of Object.values(state.alarms)) {
        if (alarm.spec.kind !== 'metric' || clock.now() - alarm.evaluatedAt < everyMs) continue;
        try {
          changed = (await evaluateMetric(alarm, alarm.spec)) || changed;
        } catch (error) {
          // One alarm that cannot be evaluated keeps its state and does not stop the others.
          alarm.evaluatedAt = clock.now();
          options.log(`alarm ${alarm.spec.name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      changed = (await evaluateComposites()) || changed;
      if (changed) await save();
    },
    save,
  };
};

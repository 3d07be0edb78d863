/** Alarms on the wire: what is sent becomes a spec, a kept alarm becomes an answer. behaviour.md C8, C9. */
import { type JsonInput, ServiceError } from '../../service.ts';
import { objects, optionalFlag, optionalNumber, optionalText, text, texts } from '../input.ts';
import { isComparison, missingDataModes } from './alarm-decision.ts';
import { type AlarmState, parseAlarmRule } from './alarm-rule.ts';
import type { Alarm, AlarmCommon, CompositeAlarmSpec, HistoryItem, MetricAlarmSpec } from './alarms.ts';
import { ExpressionError } from './expression.ts';
import {
  type DataQuery,
  decodeQueries,
  dimensionsOf,
  invalidCombination,
  invalidValue,
  missingParameter,
  requirePeriod,
  validation,
} from './input.ts';
import { isStatistic } from './series.ts';

const common = (input: JsonInput): AlarmCommon => {
  const name = text(input, 'AlarmName');
  if (name.length < 1 || name.length > 255)
    throw validation('The parameter AlarmName must have a length between 1 and 255.');
  return {
    name,
    description: optionalText(input, 'AlarmDescription'),
    actionsEnabled: optionalFlag(input, 'ActionsEnabled') ?? true,
    actions: {
      OK: texts(input, 'OKActions'),
      ALARM: texts(input, 'AlarmActions'),
      INSUFFICIENT_DATA: texts(input, 'InsufficientDataActions'),
    },
  };
};

const required = (input: JsonInput, name: string): number => {
  const value = optionalNumber(input, name);
  if (value === undefined) throw missingParameter(`The parameter ${name} is required.`);
  return value;
};

/** The one metric of a plain alarm, as a query of its own. */
const plainQuery = (input: JsonInput): DataQuery => {
  const statistic = optionalText(input, 'Statistic') ?? optionalText(input, 'ExtendedStatistic');
  if (!statistic) throw missingParameter('The parameter Statistic or ExtendedStatistic is required.');
  if (!isStatistic(statistic)) throw invalidValue(`The value ${statistic} for parameter Statistic is not supported.`);
  const unit = optionalText(input, 'Unit');
  return {
    id: 'm1',
    label: undefined,
    returnData: true,
    source: {
      kind: 'metric',
      stat: {
        namespace: text(input, 'Namespace'),
        name: text(input, 'MetricName'),
        dimensions: dimensionsOf(input),
        statistic,
        periodSeconds: requirePeriod(required(input, 'Period')),
        ...(unit === undefined ? {} : { unit }),
      },
    },
  };
};

const queriesOf = (input: JsonInput): readonly DataQuery[] => {
  const sent = objects(input, 'Metrics');
  if (sent.length === 0) return [plainQuery(input)];
  if (input.MetricName !== undefined)
    throw invalidCombination('The parameters MetricName and Metrics are mutually exclusive.');
  const queries = decodeQueries(sent);
  if (queries.filter((query) => query.returnData).length !== 1)
    throw validation('Exactly one element of the metrics list should return data.');
  return queries;
};

export const decodeMetricAlarm = (input: JsonInput): MetricAlarmSpec => {
  const queries = queriesOf(input);
  const comparison = text(input, 'ComparisonOperator');
  if (!isComparison(comparison)) throw invalidValue(`The comparison ${comparison} is not supported.`);
  const missing = optionalText(input, 'TreatMissingData') ?? 'missing';
  const missingData = missingDataModes.find((mode) => mode === missing);
  if (!missingData) throw validation(`The value ${missing} is unsupported for parameter TreatMissingData.`);
  const evaluationPeriods = required(input, 'EvaluationPeriods');
  const datapointsToAlarm = optionalNumber(input, 'DatapointsToAlarm');
  if (!(Number.isInteger(evaluationPeriods) && evaluationPeriods >= 1))
    throw invalidValue('The parameter EvaluationPeriods must be at least 1.');
  if (datapointsToAlarm !== undefined && !(datapointsToAlarm >= 1 && datapointsToAlarm <= evaluationPeriods))
    throw validation('The parameter DatapointsToAlarm must be between 1 and EvaluationPeriods.');
  const periods = queries.flatMap((query) => (query.source.kind === 'metric' ? [query.source.stat.periodSeconds] : []));
  return {
    ...common(input),
    kind: 'metric',
    queries,
    periodSeconds: periods[0] ?? 60,
    evaluationPeriods,
    datapointsToAlarm,
    threshold: required(input, 'Threshold'),
    comparison,
    missingData,
    asSent: input,
  };
};

export const decodeCompositeAlarm = (input: JsonInput): CompositeAlarmSpec => {
  const rule = text(input, 'AlarmRule');
  try {
    parseAlarmRule(rule);
  } catch (cause) {
    if (cause instanceof ExpressionError) throw validation(`Invalid AlarmRule: ${cause.message}`);
    throw cause;
  }
  return { ...common(input), kind: 'composite', rule };
};

export const stateValue = (name: string): AlarmState => {
  if (name === 'OK' || name === 'ALARM' || name === 'INSUFFICIENT_DATA') return name;
  throw new ServiceError('InvalidFormat', `The value ${name} is no alarm state.`);
};

const echoed = [
  'MetricName',
  'Namespace',
  'Statistic',
  'ExtendedStatistic',
  'Dimensions',
  'Period',
  'Unit',
  'Metrics',
] as const;

export const alarmAnswer = (alarm: Alarm, arn: string): object => {
  const { spec } = alarm;
  const shared = {
    AlarmName: spec.name,
    AlarmArn: arn,
    ...(spec.description === undefined ? {} : { AlarmDescription: spec.description }),
    ActionsEnabled: spec.actionsEnabled,
    OKActions: spec.actions.OK,
    AlarmActions: spec.actions.ALARM,
    InsufficientDataActions: spec.actions.INSUFFICIENT_DATA,
    AlarmConfigurationUpdatedTimestamp: alarm.configuredAt / 1000,
    StateValue: alarm.state,
    StateReason: alarm.reason,
    StateUpdatedTimestamp: alarm.stateAt / 1000,
    StateTransitionedTimestamp: alarm.stateAt / 1000,
  };
  if (spec.kind === 'composite') return { ...shared, AlarmRule: spec.rule };
  return {
    ...shared,
    ...Object.fromEntries(
      echoed.flatMap((name) => (spec.asSent[name] === undefined ? [] : [[name, spec.asSent[name]]])),
    ),
    EvaluationPeriods: spec.evaluationPeriods,
    ...(spec.datapointsToAlarm === undefined ? {} : { DatapointsToAlarm: spec.datapointsToAlarm }),
    Threshold: spec.threshold,
    ComparisonOperator: spec.comparison,
    TreatMissingData: spec.missingData,
  };
};

export const historyAnswer = (item: HistoryItem): object => ({
  AlarmName: item.alarm,
  AlarmType: item.kind === 'metric' ? 'MetricAlarm' : 'CompositeAlarm',
  Timestamp: item.at / 1000,
  HistoryItemType: item.type,
  HistorySummary: item.summary,
  HistoryData: item.data,
});

/** What CloudWatch is sent, decoded as strictly as AWS does: metrics, data, queries. behaviour.md C1, C3. */
import { type JsonInput, ServiceError } from '../../service.ts';
import { numbers, objects, optionalFlag, optionalNumber, optionalObject, optionalText, text } from '../input.ts';
import type { Datum, MetricName } from './metric-store.ts';
import { isStatistic, type Sample, sampleOfValues } from './series.ts';

export const invalidValue = (message: string): ServiceError =>
  new ServiceError('InvalidParameterValueException', message, { members: { queryCode: 'InvalidParameterValue' } });
export const invalidCombination = (message: string): ServiceError =>
  new ServiceError('InvalidParameterCombinationException', message, {
    members: { queryCode: 'InvalidParameterCombination' },
  });
export const missingParameter = (message: string): ServiceError =>
  new ServiceError('MissingRequiredParameterException', message, { members: { queryCode: 'MissingParameter' } });
export const validation = (message: string): ServiceError =>
  new ServiceError('ValidationException', message, { members: { queryCode: 'ValidationError' } });

export const dimensionsOf = (input: JsonInput): Record<string, string> => {
  const list = objects(input, 'Dimensions');
  if (list.length > 30) throw invalidValue('The parameter Dimensions must have at most 30 members.');
  return Object.fromEntries(list.map((one) => [text(one, 'Name'), text(one, 'Value')]));
};

/** Epoch seconds on the wire, milliseconds here. */
export const optionalTime = (input: JsonInput, name: string): number | undefined => {
  const value = optionalNumber(input, name);
  return value === undefined ? undefined : value * 1000;
};

export const time = (input: JsonInput, name: string): number => {
  const value = optionalTime(input, name);
  if (value === undefined) throw missingParameter(`The parameter ${name} is required.`);
  return value;
};

const dayMs = 86_400_000;

const sampleOf = (datum: JsonInput, where: string): Sample => {
  const value = optionalNumber(datum, 'Value');
  const values = numbers(datum, 'Values');
  const counts = numbers(datum, 'Counts');
  const statistics = optionalObject(datum, 'StatisticValues');
  const given = [value !== undefined, values.length > 0, statistics !== undefined].filter(Boolean).length;
  if (given === 0)
    throw missingParameter(
      `At least one of the parameters must be specified: ${where}.Value, ${where}.Values, ${where}.StatisticValues.`,
    );
  if (given > 1)
    throw invalidCombination(
      `The parameters ${where}.Value, ${where}.Values and ${where}.StatisticValues are mutually exclusive.`,
    );
  if (values.length > 150) throw invalidValue(`The collection ${where}.Values must not have a size greater than 150.`);
  if (counts.length > 0 && counts.length !== values.length)
    throw invalidValue(`The parameters ${where}.Values and ${where}.Counts must be of the same size.`);
  if (statistics) {
    const part = (name: string): number => {
      const number = optionalNumber(statistics, name);
      if (number === undefined || !Number.isFinite(number))
        throw missingParameter(`The parameter ${where}.StatisticValues.${name} is required.`);
      return number;
    };
    const [count, min, max] = [part('SampleCount'), part('Minimum'), part('Maximum')];
    const hidden = count !== 1 && min !== max;
    return { count, sum: part('Sum'), min, max, values: hidden ? null : [[min, count]] };
  }
  const all = value === undefined ? values : [value];
  if ([...all, ...counts].some((number) => !Number.isFinite(number)))
    throw invalidValue(`The parameter ${where}.Value must be a number.`);
  return sampleOfValues(all, counts);
};

/** All of a PutMetricData, or an error before any of it is stored. */
export const decodeData = (input: JsonInput, nowMs: number): readonly Datum[] => {
  const namespace = text(input, 'Namespace');
  if (namespace.startsWith(':') || namespace.length < 1 || namespace.length > 255)
    throw invalidValue('The parameter Namespace is invalid.');
  const data = objects(input, 'MetricData');
  if (data.length > 1000) throw invalidValue('The collection MetricData must not have a size greater than 1000.');
  return data.map((datum, index) => {
    const where = `MetricData.member.${index + 1}`;
    // A time stamp in another form is not a number, and JSON has no way to write NaN but as text.
    if (typeof datum.Value === 'string') throw invalidValue(`The parameter ${where}.Value must be a number.`);
    const at = optionalTime(datum, 'Timestamp') ?? nowMs;
    if (at < nowMs - 14 * dayMs || at > nowMs + 2 * 3_600_000)
      throw invalidValue(
        `The parameter ${where}.Timestamp must specify a time within the past two weeks and no more than two hours in the future.`,
      );
    return {
      namespace,
      name: text(datum, 'MetricName'),
      dimensions: dimensionsOf(datum),
      unit: optionalText(datum, 'Unit') ?? 'None',
      at,
      sample: sampleOf(datum, where),
    };
  });
};

export interface MetricStat extends MetricName {
  readonly statistic: string;
  readonly periodSeconds: number;
  readonly unit?: string;
}

export interface DataQuery {
  readonly id: string;
  readonly label: string | undefined;
  readonly returnData: boolean;
  readonly source:
    | { readonly kind: 'metric'; readonly stat: MetricStat }
    | { readonly kind: 'expression'; readonly text: string; readonly periodSeconds: number | undefined };
}

export const requirePeriod = (seconds: number): number => {
  if (!([1, 5, 10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0)))
    throw validation(`The value '${seconds}' for parameter Period is not 1, 5, 10, 20, 30, or a multiple of 60.`);
  return seconds;
};

const metricStat = (input: JsonInput): MetricStat => {
  const metric = optionalObject(input, 'Metric');
  if (!metric) throw validation('The parameter MetricStat.Metric is required.');
  const statistic = text(input, 'Stat');
  if (!isStatistic(statistic)) throw invalidValue(`The value ${statistic} for parameter Stat is not supported.`);
  const unit = optionalText(input, 'Unit');
  return {
    namespace: text(metric, 'Namespace'),
    name: text(metric, 'MetricName'),
    dimensions: dimensionsOf(metric),
    statistic,
    periodSeconds: requirePeriod(optionalNumber(input, 'Period') ?? 0),
    ...(unit === undefined ? {} : { unit }),
  };
};

export const decodeQueries = (list: readonly JsonInput[]): readonly DataQuery[] => {
  if (list.length < 1 || list.length > 500)
    throw validation('The collection MetricDataQueries must have a size between 1 and 500.');
  const queries = list.map((query): DataQuery => {
    const id = text(query, 'Id');
    if (!/^[a-z]\w{0,254}$/.test(id))
      throw validation(`The value ${id} for parameter Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`);
    const stat = optionalObject(query, 'MetricStat');
    const expression = optionalText(query, 'Expression');
    if ((stat === undefined) === (expression === undefined))
      throw validation(`Query ${id} must have either an Expression or a MetricStat.`);
    const common = { id, label: optionalText(query, 'Label'), returnData: optionalFlag(query, 'ReturnData') ?? true };
    return stat
      ? { ...common, source: { kind: 'metric', stat: metricStat(stat) } }
      : {
          ...common,
          source: { kind: 'expression', text: expression ?? '', periodSeconds: optionalNumber(query, 'Period') },
        };
  });
  if (new Set(queries.map((query) => query.id)).size !== queries.length)
    throw validation('The values for parameter Id in MetricDataQueries are not unique.');
  return queries;
};

/** CloudWatch on the wire: metrics in, metrics and math out, alarms. behaviour.md, section CloudWatch. */
import {
  type JsonInput,
  type JsonService,
  type RunningService,
  type ServiceContext,
  ServiceError,
} from '../../service.ts';
import { objects, optionalNumber, optionalText, text, texts } from '../input.ts';
import { alarmAnswer, decodeCompositeAlarm, decodeMetricAlarm, historyAnswer, stateValue } from './alarm-input.ts';
import { childrenOfRule, parseAlarmRule } from './alarm-rule.ts';
import { type Alarm, type Alarms, createAlarms } from './alarms.ts';
import { evaluateQueries, type Result } from './evaluate.ts';
import { decodeData, decodeQueries, optionalTime, time, validation } from './input.ts';
import { createMetricStore, type MetricStore } from './metric-store.ts';
import { sampleOfValues } from './series.ts';

export interface CloudWatch extends RunningService {
  readonly metrics: MetricStore;
  readonly alarms: Alarms;
  putMetric(datum: {
    readonly namespace: string;
    readonly name: string;
    readonly dimensions: Readonly<Record<string, string>>;
    readonly value: number;
    readonly unit?: string;
    readonly at: number;
  }): void;
}

const maxDatapoints = 100_800;

const invalidToken = (): ServiceError =>
  new ServiceError('InvalidNextToken', 'The next token specified is invalid.', {
    members: { queryCode: 'InvalidNextToken' },
  });

const encodeToken = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const offsetOf = (token: string | undefined): number => {
  if (token === undefined) return 0;
  const value: unknown = (() => {
    try {
      return JSON.parse(Buffer.from(token, 'base64url').toString());
    } catch {
      return undefined;
    }
  })();
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw invalidToken();
  return value;
};

const pageOf = <T>(
  all: readonly T[],
  input: JsonInput,
  most: number,
): { readonly page: readonly T[]; readonly next: object } => {
  const from = offsetOf(optionalText(input, 'NextToken'));
  const until = from + Math.min(most, optionalNumber(input, 'MaxRecords') ?? most);
  return { page: all.slice(from, until), next: until < all.length ? { NextToken: encodeToken(until) } : {} };
};

/** Datapoints from `offset` on, over all results in order; the results before it were in earlier pages. */
const pageResults = (
  results: readonly Result[],
  options: { readonly offset: number; readonly limit: number; readonly descending: boolean },
): object => {
  const { offset, limit, descending } = options;
  const page: object[] = [];
  let start = 0;
  for (const { id, label, series } of results) {
    const points = [...series].sort(([a], [b]) => (descending ? b - a : a - b));
    const end = start + points.length;
    const from = Math.max(0, offset - start);
    const to = Math.min(points.length, offset + limit - start);
    const isHere = points.length === 0 ? start >= offset && start < offset + limit : from < to;
    if (isHere) {
      const part = points.slice(from, to);
      page.push({
        Id: id,
        Label: label,
        Timestamps: part.map(([at]) => at / 1000),
        Values: part.map(([, value]) => value),
        StatusCode: to < points.length ? 'PartialData' : 'Complete',
      });
    }
    start = end;
  }
  return {
    MetricDataResults: page,
    Messages: [],
    ...(offset + limit < start ? { NextToken: encodeToken(offset + limit) } : {}),
  };
};

const getMetricData = (metrics: MetricStore, input: JsonInput, nowMs: number): object => {
  const queries = decodeQueries(objects(input, 'MetricDataQueries'));
  const startMs = time(input, 'StartTime');
  const endMs = time(input, 'EndTime');
  if (startMs >= endMs) throw validation('The parameter StartTime must be less than the parameter EndTime.');
  const scanBy = optionalText(input, 'ScanBy') ?? 'TimestampDescending';
  const limit = optionalNumber(input, 'MaxDatapoints') ?? maxDatapoints;
  if (limit < 1 || limit > maxDatapoints)
    throw validation(`The parameter MaxDatapoints must be between 1 and ${maxDatapoints}.`);
  return pageResults(evaluateQueries(queries, metrics, { startMs, endMs, nowMs }), {
    offset: offsetOf(optionalText(input, 'NextToken')),
    limit,
    descending: scanBy !== 'TimestampAscending',
  });
};

const listMetrics = (metrics: MetricStore, input: JsonInput): object => {
  const namespace = optionalText(input, 'Namespace');
  const name = optionalText(input, 'MetricName');
  const filters = objects(input, 'Dimensions').map((one) => [text(one, 'Name'), optionalText(one, 'Value')] as const);
  const found = metrics
    .metrics()
    .filter(
      (metric) =>
        (namespace === undefined || metric.namespace === namespace) &&
        (name === undefined || metric.name === name) &&
        filters.every(
          ([key, value]) =>
            Object.hasOwn(metric.dimensions, key) && (value === undefined || metric.dimensions[key] === value),
        ),
    );
  const { page, next } = pageOf(found, input, 500);
  return {
    Metrics: page.map((metric) => ({
      Namespace: metric.namespace,
      MetricName: metric.name,
      Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
    ...next,
  };
};

const describeAlarms = (alarms: Alarms, input: JsonInput, arnOf: (name: string) => string): object => {
  const names = texts(input, 'AlarmNames');
  const prefix = optionalText(input, 'AlarmNamePrefix');
  const state = optionalText(input, 'StateValue');
  const action = optionalText(input, 'ActionPrefix');
  const types = texts(input, 'AlarmTypes');
  const childrenOf = optionalText(input, 'ChildrenOfAlarmName');
  const parentsOf = optionalText(input, 'ParentsOfAlarmName');
  if (names.length > 0 && prefix !== undefined)
    throw validation('AlarmNames and AlarmNamePrefix are mutually exclusive.');
  const wanted =
    childrenOf !== undefined
      ? alarms.childrenOf(childrenOf)
      : parentsOf !== undefined
        ? alarms.parentsOf(parentsOf)
        : names;
  const isRelated = childrenOf !== undefined || parentsOf !== undefined;
  const kinds =
    types.length > 0 || isRelated
      ? types.map((type) => (type === 'CompositeAlarm' ? 'composite' : 'metric'))
      : ['metric'];
  const found = alarms
    .all()
    .filter(
      ({ spec, state: current }) =>
        (isRelated
          ? wanted.includes(spec.name) && (kinds.length === 0 || kinds.includes(spec.kind))
          : (wanted.length === 0 || wanted.includes(spec.name)) && kinds.includes(spec.kind)) &&
        (prefix === undefined || spec.name.startsWith(prefix)) &&
        (state === undefined || current === state) &&
        (action === undefined ||
          Object.values(spec.actions).some((list) => list.some((one) => one.startsWith(action)))),
    );
  const { page, next } = pageOf(
    [...found].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1)),
    input,
    100,
  );
  const answers = (kind: Alarm['spec']['kind']): object[] =>
    page.filter(({ spec }) => spec.kind === kind).map((alarm) => alarmAnswer(alarm, arnOf(alarm.spec.name)));
  return { MetricAlarms: answers('metric'), CompositeAlarms: answers('composite'), ...next };
};

const describeHistory = (alarms: Alarms, input: JsonInput): object => {
  const name = optionalText(input, 'AlarmName');
  const types = texts(input, 'AlarmTypes');
  const itemType = optionalText(input, 'HistoryItemType');
  const from = optionalTime(input, 'StartDate') ?? 0;
  const until = optionalTime(input, 'EndDate') ?? Number.POSITIVE_INFINITY;
  const found = alarms
    .history()
    .filter(
      (item) =>
        (name === undefined || item.alarm === name) &&
        (types.length === 0
          ? name !== undefined || item.kind === 'metric'
          : types.includes(item.kind === 'metric' ? 'MetricAlarm' : 'CompositeAlarm')) &&
        (itemType === undefined || item.type === itemType) &&
        item.at >= from &&
        item.at <= until,
    );
  const newestFirst = optionalText(input, 'ScanBy') !== 'TimestampAscending';
  const { page, next } = pageOf(newestFirst ? [...found].reverse() : found, input, 100);
  return { AlarmHistoryItems: page.map(historyAnswer), ...next };
};

/** A composite alarm must not depend on itself, however far around. */
const requireAcyclic = (alarms: Alarms, name: string, rule: string): void => {
  const seen = new Set<string>();
  const visit = (children: readonly string[]): void => {
    for (const child of children) {
      if (child === name) throw validation(`The alarm rule of ${name} would make a cycle.`);
      if (!alarms.get(child))
        throw validation(`Could not save the composite alarm as alarms [${child}] in the alarm rule do not exist`);
      if (seen.has(child)) continue;
      seen.add(child);
      visit(alarms.childrenOf(child));
    }
  };
  visit(childrenOfRule(parseAlarmRule(rule)));
};

const deleteAlarms = async (alarms: Alarms, input: JsonInput): Promise<object> => {
  const names = texts(input, 'AlarmNames');
  const missing = names.filter((name) => !alarms.get(name));
  if (missing.length > 0 && names.length === missing.length)
    throw new ServiceError('ResourceNotFound', `Alarms ${missing.join(', ')} do not exist`, { status: 404 });
  for (const name of names) {
    const parents = alarms.parentsOf(name).filter((parent) => !names.includes(parent));
    if (parents.length > 0) throw validation(`Alarm ${name} is used by the composite alarms ${parents.join(', ')}`);
  }
  await alarms.remove(names);
  return {};
};

/** Real time between looks; what is due is decided on the rehearsal's clock. */
const tickMs = (rate: number): number => Math.min(2000, Math.max(200, 10_000 / rate));

export const createCloudWatch = async (
  context: ServiceContext & {
    readonly publish: (topicArn: string, subject: string, message: string) => Promise<boolean>;
  },
): Promise<CloudWatch> => {
  const { clock, store, log } = context;
  const metrics = await createMetricStore({ clock, store });
  const alarms = await createAlarms({ clock, store, metrics, act: context.publish, log });
  const arnOf = (name: string): string => `arn:aws:cloudwatch:${context.region}:${context.accountId}:alarm:${name}`;

  let looking: Promise<void> = Promise.resolve();
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    looking = alarms
      .evaluate()
      .catch((error: unknown) => log(`alarms: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        isLooking = false;
      });
  }, tickMs(clock.rate));
  timer.unref();

  const service: JsonService = {
    protocol: 'json-1.0',
    scope: 'monitoring',
    targetPrefix: 'GraniteServiceVersion20100801',
    operations: {
      PutMetricData: async (input) => {
        metrics.put(decodeData(input, clock.now()));
        return {};
      },
      GetMetricData: async (input) => getMetricData(metrics, input, clock.now()),
      ListMetrics: async (input) => listMetrics(metrics, input),
      PutMetricAlarm: async (input) => {
        await alarms.put(decodeMetricAlarm(input));
        return {};
      },
      PutCompositeAlarm: async (input) => {
        const spec = decodeCompositeAlarm(input);
        requireAcyclic(alarms, spec.name, spec.rule);
        await alarms.put(spec);
        return {};
      },
      DescribeAlarms: async (input) => describeAlarms(alarms, input, arnOf),
      DescribeAlarmHistory: async (input) => describeHistory(alarms, input),
      DeleteAlarms: async (input) => deleteAlarms(alarms, input),
      SetAlarmState: async (input) => {
        const name = text(input, 'AlarmName');
        if (!alarms.get(name))
          throw new ServiceError('ResourceNotFound', `Alarm ${name} does not exist`, { status: 404 });
        await alarms.force(name, stateValue(text(input, 'StateValue')), text(input, 'StateReason'));
        return {};
      },
    },
  };

  return {
    service,
    metrics,
    alarms,
    putMetric: ({ namespace, name, dimensions, value, unit = 'None', at }) =>
      metrics.put([{ namespace, name, dimensions, unit, at, sample: sampleOfValues([value], []) }]),
    stop: async () => {
      clearInterval(timer);
      await looking;
      await Promise.all([metrics.save(), alarms.save()]);
    },
  };
};

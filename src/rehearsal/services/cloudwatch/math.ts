/** Metric math computed: series, scalars and lists of series. Missing points stay missing, points that are no number are left out. behaviour.md C5. Pure. */
import { type Expression, ExpressionError, type Operator } from './expression.ts';
import type { Series } from './series.ts';

export type Value =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'series'; readonly series: Series }
  | { readonly kind: 'list'; readonly items: readonly Series[] };

export interface MathContext {
  /** Undefined: there is no such id. */
  series(id: string): Series | undefined;
  /** Ids of the metrics in the request, for METRICS(). */
  readonly metricIds: readonly string[];
  readonly periodSeconds: number;
  /** Every period of the range asked for, oldest first: what FILL fills. */
  readonly timeline: readonly number[];
}

const bit = (fact: boolean): number => (fact ? 1 : 0);

const operations: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
  '==': (a, b) => bit(a === b),
  '!=': (a, b) => bit(a !== b),
  '<': (a, b) => bit(a < b),
  '<=': (a, b) => bit(a <= b),
  '>': (a, b) => bit(a > b),
  '>=': (a, b) => bit(a >= b),
  AND: (a, b) => bit(a !== 0 && b !== 0),
  OR: (a, b) => bit(a !== 0 || b !== 0),
};

const scalar = (value: number): Value => ({ kind: 'scalar', value });
const asSeries = (series: Series): Value => ({ kind: 'series', series });

const finite = (points: Iterable<readonly [number, number]>): Series =>
  new Map([...points].filter((point): point is [number, number] => Number.isFinite(point[1])));

const mapped = (series: Series, change: (value: number) => number): Series =>
  finite([...series].map(([at, value]) => [at, change(value)] as const));

const zipped = (a: Series, b: Series, join: (a: number, b: number) => number): Series =>
  finite(
    [...a].flatMap(([at, value]) => {
      const other = b.get(at);
      return other === undefined ? [] : [[at, join(value, other)] as const];
    }),
  );

const combine = (left: Value, right: Value, join: (a: number, b: number) => number): Value => {
  if (left.kind === 'list' && right.kind === 'list')
    throw new ExpressionError('Unsupported operand type(s): two arrays of metrics');
  if (left.kind === 'list')
    return { kind: 'list', items: left.items.map((item) => seriesOf(combine(asSeries(item), right, join))) };
  if (right.kind === 'list')
    return { kind: 'list', items: right.items.map((item) => seriesOf(combine(left, asSeries(item), join))) };
  if (left.kind === 'scalar' && right.kind === 'scalar') return scalar(join(left.value, right.value));
  if (left.kind === 'scalar') return asSeries(mapped(seriesOf(right), (value) => join(left.value, value)));
  if (right.kind === 'scalar') return asSeries(mapped(left.series, (value) => join(value, right.value)));
  return asSeries(zipped(left.series, right.series, join));
};

const seriesOf = (value: Value): Series => {
  if (value.kind !== 'series') throw new ExpressionError('A time series is needed here');
  return value.series;
};

/** The function's own word on each item of a list, or on the one series. */
const each = (value: Value, change: (series: Series) => Series, onScalar?: (value: number) => number): Value => {
  if (value.kind === 'list') return { kind: 'list', items: value.items.map(change) };
  if (value.kind === 'series') return asSeries(change(value.series));
  if (!onScalar) throw new ExpressionError('A time series is needed here');
  return scalar(onScalar(value.value));
};

const neighbours = (series: Series, join: (now: number, before: number, seconds: number) => number): Series => {
  const points = [...series].sort(([a], [b]) => a - b);
  return finite(
    points.slice(1).map(([at, value], index) => {
      const before = points[index];
      return [at, before ? join(value, before[1], (at - before[0]) / 1000) : Number.NaN] as const;
    }),
  );
};

/** Several series: a series, over those that have the point. One series: a scalar, over its points. */
const aggregate = (args: readonly Value[], fold: (values: readonly number[]) => number): Value => {
  const [first] = args;
  if (args.length === 1 && first?.kind === 'scalar') return first;
  if (args.length === 1 && first?.kind === 'series') return scalar(fold([...first.series.values()]));
  const items = args.flatMap((arg) => (arg.kind === 'list' ? arg.items : arg.kind === 'series' ? [arg.series] : []));
  if (items.length === 0 || args.some((arg) => arg.kind === 'scalar'))
    throw new ExpressionError('Metrics are needed here');
  const stamps = [...new Set(items.flatMap((item) => [...item.keys()]))].sort((a, b) => a - b);
  return asSeries(finite(stamps.map((at) => [at, fold(items.flatMap((item) => item.get(at) ?? []))] as const)));
};

const interpolated = (series: Series, timeline: readonly number[]): Series => {
  const known = timeline.filter((at) => series.has(at));
  return finite(
    timeline.flatMap((at) => {
      const own = series.get(at);
      if (own !== undefined) return [[at, own] as const];
      const before = known.findLast((other) => other < at);
      const after = known.find((other) => other > at);
      if (before === undefined || after === undefined) return [];
      const [a = 0, b = 0] = [series.get(before), series.get(after)];
      return [[at, a + ((b - a) * (at - before)) / (after - before)] as const];
    }),
  );
};

const fill = (series: Series, how: Value | 'REPEAT' | 'LINEAR', context: MathContext): Series => {
  if (how === 'LINEAR') return interpolated(series, context.timeline);
  let last: number | undefined;
  return finite(
    context.timeline.flatMap((at) => {
      const own = series.get(at);
      if (own !== undefined) last = own;
      const value =
        own ??
        (how === 'REPEAT'
          ? last
          : how.kind === 'scalar'
            ? how.value
            : how.kind === 'series'
              ? how.series.get(at)
              : undefined);
      return value === undefined ? [] : [[at, value] as const];
    }),
  );
};

const conditional = (args: readonly Value[]): Value => {
  const [condition, yes, no] = args;
  if (!condition || !yes || args.length > 3) throw new ExpressionError('IF takes two or three arguments');
  if (condition.kind === 'scalar') {
    const chosen = condition.value !== 0 ? yes : no;
    if (!chosen) throw new ExpressionError('IF without an else needs a time series as its condition');
    return chosen;
  }
  const valueAt = (value: Value | undefined, at: number): number | undefined =>
    value === undefined ? undefined : value.kind === 'scalar' ? value.value : seriesOf(value).get(at);
  return asSeries(
    finite(
      [...seriesOf(condition)].flatMap(([at, fact]) => {
        const value = valueAt(fact !== 0 ? yes : no, at);
        return value === undefined ? [] : [[at, value] as const];
      }),
    ),
  );
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const aggregates: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: sum,
  AVG: (values) => sum(values) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
};

const rounding: Readonly<Record<string, (value: number) => number>> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
};

const argumentCount = (name: string, args: readonly unknown[], count: number): void => {
  if (args.length !== count) throw new ExpressionError(`${name} takes ${count} argument${count === 1 ? '' : 's'}`);
};

const call = (name: string, args: readonly Expression[], context: MathContext): Value => {
  const upper = name.toUpperCase();
  if (upper === 'METRICS') {
    const [pattern] = args;
    if (args.length > 1 || (pattern && pattern.kind !== 'text'))
      throw new ExpressionError('METRICS takes a string or nothing');
    const ids = context.metricIds.filter((id) => pattern?.kind !== 'text' || id.includes(pattern.value));
    return { kind: 'list', items: ids.map((id) => context.series(id) ?? new Map()) };
  }
  if (upper === 'FILL') {
    argumentCount(upper, args, 2);
    const [subject, how] = args as [Expression, Expression];
    const word = how.kind === 'id' ? how.name.toUpperCase() : '';
    const filler = word === 'REPEAT' || word === 'LINEAR' ? word : compute(how, context);
    return each(compute(subject, context), (series) => fill(series, filler, context));
  }
  const values = args.map((arg) => compute(arg, context));
  const [first] = values;
  const fold = aggregates[upper];
  if (fold && first) return aggregate(values, fold);
  if (upper === 'IF') return conditional(values);
  const round = rounding[upper];
  argumentCount(upper, values, 1);
  if (!first) throw new ExpressionError(`${upper} takes 1 argument`);
  if (round) return each(first, (series) => mapped(series, round), round);
  if (upper === 'RATE')
    return each(first, (series) => neighbours(series, (now, before, seconds) => (now - before) / seconds));
  if (upper === 'DIFF') return each(first, (series) => neighbours(series, (now, before) => now - before));
  if (upper === 'PERIOD') {
    seriesOf(first);
    return scalar(context.periodSeconds);
  }
  throw new ExpressionError(`Unknown function ${name}`);
};

export const compute = (expression: Expression, context: MathContext): Value => {
  switch (expression.kind) {
    case 'number':
      return scalar(expression.value);
    case 'text':
      throw new ExpressionError(`Unexpected text "${expression.value}"`);
    case 'id': {
      const series = context.series(expression.name);
      if (!series) throw new ExpressionError(`Undefined variable ${expression.name}`);
      return asSeries(series);
    }
    case 'list':
      return {
        kind: 'list',
        items: expression.items.flatMap((item) => {
          const value = compute(item, context);
          return value.kind === 'list' ? value.items : [seriesOf(value)];
        }),
      };
    case 'negate':
      return combine(scalar(0), compute(expression.of, context), operations['-']);
    case 'binary':
      return combine(
        compute(expression.left, context),
        compute(expression.right, context),
        operations[expression.operator],
      );
    case 'call':
      return call(expression.name, expression.args, context);
  }
};

/** The ids an expression names, so that they can be computed first. */
export const idsOf = (expression: Expression): readonly string[] => {
  switch (expression.kind) {
    case 'id':
      return [expression.name];
    case 'list':
      return expression.items.flatMap(idsOf);
    case 'negate':
      return idsOf(expression.of);
    case 'binary':
      return [...idsOf(expression.left), ...idsOf(expression.right)];
    case 'call':
      return expression.args.flatMap(idsOf);
    default:
      return [];
  }
};

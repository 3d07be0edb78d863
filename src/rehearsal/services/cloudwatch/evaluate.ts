/** Queries of one request computed together: metrics read, expressions in the order they need each other. behaviour.md C3, C5. */
import { type Expression, ExpressionError, parseExpression } from './expression.ts';
import { type DataQuery, validation } from './input.ts';
import { compute, idsOf, type Value } from './math.ts';
import type { MetricStore } from './metric-store.ts';
import type { Series } from './series.ts';

export interface Result {
  readonly id: string;
  readonly label: string;
  readonly series: Series;
}

interface Range {
  readonly startMs: number;
  readonly endMs: number;
  readonly nowMs: number;
}

const minuteMs = 60_000;
const fillWords = new Set(['REPEAT', 'LINEAR']);

const timelineOf = ({ startMs, endMs, nowMs }: Range, periodSeconds: number): number[] => {
  const stepMs = Math.max(minuteMs, periodSeconds * 1000);
  const first = Math.floor(startMs / minuteMs) * minuteMs;
  const stamps: number[] = [];
  for (let at = first; at < endMs && at <= nowMs; at += stepMs) stamps.push(at);
  return stamps;
};

class Evaluation {
  private readonly computed = new Map<
    string,
    { readonly series: Series; readonly periodSeconds: number; readonly value: Value }
  >();
  private readonly busy = new Set<string>();
  private readonly queries: ReadonlyMap<string, DataQuery>;
  private readonly store: MetricStore;
  private readonly range: Range;

  constructor(queries: readonly DataQuery[], store: MetricStore, range: Range) {
    this.queries = new Map(queries.map((query) => [query.id, query]));
    this.store = store;
    this.range = range;
  }

  /** The query's value; a list has no one series and may only be returned. */
  get(id: string): { readonly series: Series; readonly periodSeconds: number; readonly value: Value } | undefined {
    const done = this.computed.get(id);
    if (done) return done;
    const query = this.queries.get(id);
    if (!query) return undefined;
    if (this.busy.has(id)) throw new ExpressionError(`Circular reference to ${id}`);
    this.busy.add(id);
    const result =
      query.source.kind === 'metric'
        ? this.metric(query.source.stat)
        : this.expression(query.source.text, query.source.periodSeconds);
    this.computed.set(id, result);
    return result;
  }

  private metric(stat: Extract<DataQuery['source'], { kind: 'metric' }>['stat']) {
    const series = this.store.read({ ...stat, startMs: this.range.startMs, endMs: this.range.endMs });
    return { series, periodSeconds: stat.periodSeconds, value: { kind: 'series', series } satisfies Value };
  }

  private periodOf(ids: readonly string[], given: number | undefined): number {
    const periods = [...new Set(ids.flatMap((id) => this.get(id)?.periodSeconds ?? []))];
    if (periods.length > 1)
      throw new ExpressionError(
        `Metrics of different periods (${periods.join(', ')}) are not combined by the embedded AWS`,
      );
    return periods[0] ?? given ?? 60;
  }

  private expression(text: string, given: number | undefined) {
    const tree: Expression = parseExpression(text);
    const metricIds = [...this.queries.values()]
      .filter((query) => query.source.kind === 'metric')
      .map((query) => query.id);
    const named = idsOf(tree).filter((id) => !fillWords.has(id.toUpperCase()));
    const usesAll = /\bMETRICS\s*\(/i.test(text);
    const periodSeconds = this.periodOf(usesAll ? [...named, ...metricIds] : named, given);
    const value = compute(tree, {
      series: (id) => {
        const found = this.get(id);
        if (found && found.value.kind === 'list') throw new ExpressionError(`${id} is an array of metrics`);
        return found?.series;
      },
      metricIds,
      periodSeconds,
      timeline: timelineOf(this.range, periodSeconds),
    });
    if (value.kind === 'scalar') throw new ExpressionError('The expression does not return a time series');
    return { series: value.kind === 'series' ? value.series : new Map<number, number>(), periodSeconds, value };
  }
}

const labelOf = (query: DataQuery): string =>
  query.label ?? (query.source.kind === 'metric' ? query.source.stat.name : query.id);

/** Throws `ValidationException` as AWS words it. */
export const evaluateQueries = (queries: readonly DataQuery[], store: MetricStore, range: Range): readonly Result[] => {
  const evaluation = new Evaluation(queries, store, range);
  return queries.flatMap((query): Result[] => {
    try {
      // All are computed: a bad expression is refused even if its result is not asked for.
      const found = evaluation.get(query.id);
      if (!query.returnData || !found) return [];
      const { value } = found;
      if (value.kind !== 'list') return [{ id: query.id, label: labelOf(query), series: found.series }];
      return value.items.map((series, index) => ({ id: query.id, label: `${labelOf(query)} ${index + 1}`, series }));
    } catch (cause) {
      if (cause instanceof ExpressionError) throw validation(`Error in expression '${query.id}': ${cause.message}`);
      throw cause;
    }
  });
};

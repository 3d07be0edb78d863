/** Curves over time as SVG: axes with units, bands for stretches, marks for moments. Tooltips are SVG's own titles. */
import { html, type Markup, nothing } from './markup.ts';
import { ceiling, type Scale, scale, ticks, timeLabel, timeTicks } from './scale.ts';

/** Colours are roles of the style sheet, so that one chart fits both schemes. */
export type Hue = 'target' | 'source' | 'good' | 'warn' | 'bad' | 'muted';

export interface Point {
  /** Elapsed seconds. */
  readonly x: number;
  readonly y: number;
  /** Shown while the pointer is over a dot. */
  readonly title?: string;
}

export interface Series {
  readonly label: string;
  readonly hue: Hue;
  readonly points: readonly Point[];
  /** line: between points. steps: holds until the next point. dots: single measurements. */
  readonly form: 'line' | 'steps' | 'dots';
  readonly dashed?: boolean;
}

export interface Band {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly hue: Hue;
}

export interface Mark {
  readonly at: number;
  readonly label: string;
  readonly hue: Hue;
}

export interface TimeChart {
  /** What the curve is, for screen readers. */
  readonly title: string;
  readonly seconds: number;
  readonly series: readonly Series[];
  readonly y: { readonly unit: string; readonly max?: number; readonly label: (value: number) => string };
  readonly bands?: readonly Band[];
  readonly marks?: readonly Mark[];
  readonly height?: number;
}

export const chartWidth = 1000;
const left = 64;
const right = 14;
const bottom = 28;
const maxPoints = 500;

/** Fewer points, but never without the highest and lowest of a stretch: a spike that thinning hides is a lie. */
export const thinned = (points: readonly Point[], most = maxPoints): readonly Point[] => {
  if (points.length <= most) return points;
  const size = Math.ceil((2 * points.length) / most);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const slice = points.slice(start, start + size);
    const low = slice.reduce((a, b) => (b.y < a.y ? b : a));
    const high = slice.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(low === high ? [low] : low.x <= high.x ? [low, high] : [high, low]));
  }
  const last = points.at(-1);
  return last && kept.at(-1) !== last ? [...kept, last] : kept;
};

const path = (series: Series, x: Scale, y: Scale, seconds: number): string => {
  const points = thinned(series.points);
  const first = points[0];
  if (!first) return '';
  const parts = [`M${x.place(first.x)} ${y.place(first.y)}`];
  for (const point of points.slice(1))
    parts.push(
      series.form === 'steps' ? `H${x.place(point.x)}V${y.place(point.y)}` : `L${x.place(point.x)} ${y.place(point.y)}`,
    );
  if (series.form === 'steps') parts.push(`H${x.place(seconds)}`);
  return parts.join('');
};

const drawSeries = (series: Series, x: Scale, y: Scale, seconds: number): Markup => {
  const dots = series.form === 'dots' || series.points.length === 1;
  return html`<g class="hue-${series.hue}">
${series.form !== 'dots' && html`<path class="curve${series.dashed ? ' dashed' : ''}" d="${path(series, x, y, seconds)}"/>`}
${dots && series.points.map((point) => html`<circle class="dot" cx="${x.place(point.x)}" cy="${y.place(point.y)}" r="4"><title>${point.title ?? series.label}</title></circle>`)}
</g>`;
};

const textWidth = (text: string): number => text.length * 6.2;

/** A label inside the frame: to the left of its line where the right has no room. */
const flagged = (at: number, label: string, top: number, hue: Hue): Markup => {
  const toLeft = at + textWidth(label) + 6 > chartWidth - right;
  return html`<text class="flag hue-${hue}" x="${toLeft ? at - 5 : at + 5}" y="${top}" text-anchor="${toLeft ? 'end' : 'start'}">${label}</text>`;
};

export const drawBands = (bands: readonly Band[], x: Scale, top: number, height: number): readonly Markup[] =>
  bands.map((band) => {
    const from = x.place(band.from);
    // A fence of seconds in a run of days is thinner than a pixel and still has to be seen.
    const width = Math.max(1.5, x.place(band.to) - from);
    return html`<rect class="band hue-${band.hue}" x="${from}" y="${top}" width="${width}" height="${height}"><title>${band.label}</title></rect>`;
  });

/** Labels of marks that lie close together go on lines of their own. */
export const drawMarks = (marks: readonly Mark[], x: Scale, top: number, height: number): readonly Markup[] => {
  const ends: number[] = [];
  return [...marks]
    .sort((a, b) => a.at - b.at)
    .map((mark) => {
      const at = x.place(mark.at);
      const width = textWidth(mark.label) + 12;
      const begin = at + width > chartWidth - right ? at - width : at;
      const free = ends.findIndex((end) => end <= begin);
      const line = free >= 0 ? free : ends.length;
      ends[line] = begin + width;
      return html`<line class="mark hue-${mark.hue}" x1="${at}" x2="${at}" y1="${top}" y2="${top + height}"><title>${mark.label}</title></line>${flagged(at, mark.label, top + 11 + line * 14, mark.hue)}`;
    });
};

export const drawTimeAxis = (seconds: number, x: Scale, y: number): readonly Markup[] => {
  const all = timeTicks(seconds);
  return all.map((tick, index) => {
    const at = x.place(tick);
    const anchor = at > chartWidth - right - 20 ? 'end' : index === 0 ? 'start' : 'middle';
    return html`<line class="tick" x1="${at}" x2="${at}" y1="${y}" y2="${y + 4}"/><text class="axis" x="${at}" y="${y + 17}" text-anchor="${anchor}">${timeLabel(tick, seconds)}</text>`;
  });
};

const drawValueAxis = (chart: TimeChart, y: Scale): readonly Markup[] =>
  ticks(y.from, y.to, 4).map((tick) => {
    const at = y.place(tick);
    return html`<line class="grid" x1="${left}" x2="${chartWidth - right}" y1="${at}" y2="${at}"/><text class="axis" x="${left - 8}" y="${at + 4}" text-anchor="end">${chart.y.label(tick)}</text>`;
  });

const legend = (series: readonly Series[]): Markup =>
  html`<ul class="legend">${series.map(({ label, hue, form, dashed }) => html`<li class="hue-${hue}"><i class="${form === 'dots' ? 'dots' : dashed ? 'dashed' : 'line'}"></i>${label}</li>`)}</ul>`;

export const notMeasured = (what: string): Markup => html`<p class="absent">${what}: not measured.</p>`;

/** A curve with axes; where there is no point at all, the words for that instead of an empty frame. */
export const timeChart = (chart: TimeChart): Markup => {
  const drawn = chart.series.filter((series) => series.points.length > 0);
  if (drawn.length === 0) return notMeasured(chart.title);
  const height = chart.height ?? 220;
  const highest = Math.max(0, ...drawn.flatMap((series) => series.points.map((point) => point.y)));
  const x = scale([0, chart.seconds], [left, chartWidth - right]);
  const y = scale([0, chart.y.max ?? ceiling(highest * 1.04)], [height - bottom, 10]);
  const plot = height - bottom - 10;
  return html`<figure>
<figcaption>${chart.title}${chart.y.unit && html` <span>${chart.y.unit}</span>`}${drawn.length > 0 ? legend(drawn) : nothing}</figcaption>
<svg viewBox="0 0 ${chartWidth} ${height}" role="img" aria-label="${chart.title}">
${drawBands(chart.bands ?? [], x, 10, plot)}
${drawValueAxis(chart, y)}
<line class="base" x1="${left}" x2="${chartWidth - right}" y1="${height - bottom}" y2="${height - bottom}"/>
${drawTimeAxis(chart.seconds, x, height - bottom)}
${drawn.map((series) => drawSeries(series, x, y, chart.seconds))}
${drawMarks(chart.marks ?? [], x, 10, plot)}
</svg>
</figure>`;
};

/** The last datapoints of a gate as a strip of dots against its limit. */
export const dotStrip = (
  points: readonly { readonly value: number; readonly breached: boolean; readonly title: string }[],
  limit: number | null,
): Markup => {
  if (points.length === 0) return html`<span class="absent">no datapoint</span>`;
  const [width, height] = [132, 34];
  const values = [...points.map((point) => point.value), ...(limit === null ? [] : [limit])];
  const low = Math.min(0, ...values);
  const y = scale([low, ceiling(Math.max(...values, low) * 1.1)], [height - 5, 5]);
  const x = scale([0, points.length - 1], [8, width - 8]);
  return html`<svg class="strip" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="datapoints">
${limit !== null && html`<line class="limit" x1="0" x2="${width}" y1="${y.place(limit)}" y2="${y.place(limit)}"/>`}
${points.map(({ value, breached, title }, index) => html`<circle class="dot hue-${breached ? 'bad' : 'good'}" cx="${x.place(index)}" cy="${y.place(value)}" r="3.2"><title>${title}</title></circle>`)}
</svg>`;
};

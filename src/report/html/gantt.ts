/** Bars over time as SVG: what ran when, with stretches and moments across all rows. */
import { type Band, chartWidth, drawBands, drawMarks, drawTimeAxis, type Hue, type Mark } from './charts.ts';
import { html, type Markup } from './markup.ts';
import { scale, timeTicks } from './scale.ts';

export interface Bar {
  /** Elapsed seconds. */
  readonly from: number;
  readonly to: number;
  readonly hue: Hue;
  readonly title: string;
}

export interface Row {
  readonly label: string;
  readonly bars: readonly Bar[];
  /** To the right of the chart: how long. */
  readonly note: string;
}

export interface Gantt {
  readonly title: string;
  readonly caption: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly bands?: readonly Band[];
  readonly marks?: readonly Mark[];
}

/** Names of steps are longer than those of phases: the chart gives them the room they need, up to a point. */
const leftOf = (rows: readonly Row[]): number =>
  Math.min(220, Math.max(132, ...rows.map((row) => row.label.length * 6.6 + 20)));

const right = 96;
const rowHeight = 24;
const labelLine = 14;

/** Rows of marks' labels above the bars: each may need a line of its own. */
const headroom = (marks: readonly Mark[]): number => 8 + Math.min(marks.length, 3) * labelLine;

interface Frame {
  readonly top: number;
  readonly left: number;
  place(seconds: number): number;
}

const drawRow = (row: Row, index: number, frame: Frame): Markup => {
  const { top, left, place } = frame;
  const y = top + index * rowHeight;
  const middle = y + rowHeight / 2;
  return html`<g>
<line class="grid" x1="${left}" x2="${chartWidth - right}" y1="${y + rowHeight}" y2="${y + rowHeight}"/>
<text class="row" x="${left - 10}" y="${middle + 4}" text-anchor="end">${row.label}</text>
${row.bars.map((bar) => {
  const from = place(bar.from);
  const width = Math.max(2, place(bar.to) - from);
  return html`<rect class="bar hue-${bar.hue}" x="${Math.min(from, chartWidth - right - 2)}" y="${middle - 6}" width="${width}" height="12" rx="${Math.min(2.5, width / 2)}"><title>${bar.title}</title></rect>`;
})}
<text class="axis" x="${chartWidth - right + 10}" y="${middle + 4}">${row.note}</text>
</g>`;
};

export const gantt = (chart: Gantt): Markup => {
  const marks = chart.marks ?? [];
  const left = leftOf(chart.rows);
  const top = headroom(marks);
  const bottom = top + chart.rows.length * rowHeight;
  const x = scale([0, chart.seconds], [left, chartWidth - right]);
  return html`<figure>
<figcaption>${chart.title} <span>${chart.caption}</span></figcaption>
<svg viewBox="0 0 ${chartWidth} ${bottom + 26}" role="img" aria-label="${chart.title}">
${drawBands(chart.bands ?? [], x, top, bottom - top)}
${timeTicks(chart.seconds).map((tick) => html`<line class="grid faint" x1="${x.place(tick)}" x2="${x.place(tick)}" y1="${top}" y2="${bottom}"/>`)}
${chart.rows.map((row, index) => drawRow(row, index, { top, left, place: x.place }))}
${drawTimeAxis(chart.seconds, x, bottom)}
${drawMarks(marks, x, 0, bottom)}
</svg>
</figure>`;
};

/** How the data moved: rows loaded, and the lag of octank's own heartbeat. */
import { formatCount, formatSeconds } from '../../format.ts';
import type { ReportInput } from '../../report-input.ts';
import { waveNames } from '../../run-facts.ts';
import { type Hue, type Series, timeChart } from '../charts.ts';
import { html, type Markup, nothing } from '../markup.ts';
import { shortCount, timeLabel } from '../scale.ts';
import { elapsed, fenceBands, runSeconds } from './timeline.ts';

const waveHues: readonly Hue[] = ['target', 'source', 'warn', 'good'];
const hueOf = (index: number): Hue => waveHues[index % waveHues.length] ?? 'target';

const loadSeries = (input: ReportInput, wave: string, index: number): Series => ({
  label: wave,
  hue: hueOf(index),
  form: 'line',
  points: input.state.load
    .filter((point) => point.wave === wave)
    .map((point) => ({
      x: elapsed(input, point.at),
      y: point.rows,
      title: `${wave}: ${formatCount(point.rows)} rows`,
    })),
});

const lagSeries = (input: ReportInput, wave: string, index: number): Series => ({
  label: wave,
  hue: hueOf(index),
  form: 'line',
  points: input.state.lag
    .filter((sample) => sample.wave === wave)
    .map((sample) => ({
      x: elapsed(input, sample.at),
      y: sample.seconds,
      title: `${wave}: ${formatSeconds(sample.seconds)}`,
    })),
});

export const replication = (input: ReportInput): Markup => {
  const waves = waveNames(input.state);
  if (waves.length === 0) return nothing;
  const seconds = runSeconds(input);
  // The load has a span of its own: beside days of baking it would be a vertical line.
  const loaded = Math.max(0, ...input.state.load.map((point) => elapsed(input, point.at)));
  const bands = fenceBands(input);
  const highest = Math.max(0, ...input.state.lag.map((sample) => sample.seconds));
  return html`<section>
<h2>Replication</h2>
${timeChart({
  title: 'Rows loaded',
  seconds: loaded === 0 ? seconds : loaded * 1.05,
  series: waves.map((wave, index) => loadSeries(input, wave, index)),
  y: { unit: 'rows', label: shortCount },
  bands: bands.filter((band) => band.from <= loaded),
})}
${timeChart({
  title: 'Lag',
  seconds,
  series: waves.map((wave, index) => lagSeries(input, wave, index)),
  y: { unit: 'age of the newest heartbeat seen on the target', label: (value) => timeLabel(value, highest) },
  bands,
})}
</section>`;
};

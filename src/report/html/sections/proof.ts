/** What was proven: rows per table with those that differ, and the verdicts of the gates with their datapoints. */
import type { ParityReport, RowSample, TableParity } from '../../../model/parity.ts';
import type { Verdict } from '../../../model/verdict.ts';
import { formatCount, formatMoment, formatSeconds, plural } from '../../format.ts';
import type { ReportInput } from '../../report-input.ts';
import { dotStrip, notMeasured } from '../charts.ts';
import { html, type Markup, nothing } from '../markup.ts';

const shownSamples = 50;

const tones: Readonly<Record<ParityReport['verdict'], string>> = {
  equal: 'good',
  different: 'bad',
  inconclusive: 'warn',
};

const count = (value: number): Markup =>
  html`<td class="n${value > 0 ? ' tone-bad' : ' zero'}">${formatCount(value)}</td>`;

const tableRow = (table: TableParity): Markup =>
  html`<tr><td>${table.name}</td><td class="n">${formatCount(table.sourceRows)}</td><td class="n">${formatCount(table.targetRows)}</td>${[table.missing, table.extraneous, table.mismatched, table.inFlight].map(count)}<td class="n">${formatCount(table.chunks)}</td><td class="n">${formatSeconds(table.seconds)}</td></tr>`;

const keyText = (sample: RowSample): string =>
  Object.entries(sample.key)
    .map(([name, value]) => `${name} = ${value ?? 'NULL'}`)
    .join(', ');

const value = (text: string | null): Markup => (text === null ? html`<i>NULL</i>` : html`<code>${text}</code>`);

const sampleRows = (name: string, sample: RowSample): readonly Markup[] => {
  const head = html`<td>${name}</td><td><code>${keyText(sample)}</code></td><td>${sample.kind}</td>`;
  if (sample.columns.length === 0) return [html`<tr>${head}<td></td><td></td><td></td></tr>`];
  return sample.columns.map(
    (column, index) =>
      html`<tr>${index === 0 ? head : html`<td></td><td></td><td></td>`}<td>${column.name}</td><td>${value(column.source)}</td><td>${value(column.target)}</td></tr>`,
  );
};

const samplesTable = (report: ParityReport): Markup => {
  const all = report.tables.flatMap((table) => table.samples.map((sample) => ({ name: table.name, sample })));
  if (all.length === 0) return nothing;
  return html`<h3>Rows that differ</h3>
<table class="samples">
<thead><tr><th>Table</th><th>Key</th><th>What</th><th>Column</th><th>Source</th><th>Target</th></tr></thead>
<tbody>${all.slice(0, shownSamples).map(({ name, sample }) => sampleRows(name, sample))}</tbody>
</table>
${all.length > shownSamples && html`<p class="muted">And ${plural(all.length - shownSamples, 'more row')} in the journal.</p>`}`;
};

const waveParity = (
  wave: string,
  report: ParityReport,
): Markup => html`<h3>${wave} <span class="badge tone-${tones[report.verdict]}">${report.verdict}</span></h3>
<table>
<thead><tr><th>Table</th><th class="n">Source rows</th><th class="n">Target rows</th><th class="n">Missing</th><th class="n">Extraneous</th><th class="n">Mismatched</th><th class="n">In flight</th><th class="n">Chunks</th><th class="n">Time</th></tr></thead>
<tbody>${report.tables.map(tableRow)}</tbody>
</table>
${samplesTable(report)}
${report.notes.length > 0 && html`<ul class="notes">${report.notes.map((note) => html`<li>${note}</li>`)}</ul>`}`;

export const parity = ({ state }: ReportInput): Markup => {
  const reports = Object.entries(state.parity);
  return html`<section>
<h2>Row parity</h2>
${reports.length === 0 ? notMeasured('Rows on both sides') : reports.map(([wave, report]) => waveParity(wave, report))}
</section>`;
};

const verdictTones: Readonly<Record<Verdict['result'], string>> = {
  success: 'good',
  failure: 'bad',
  inconclusive: 'warn',
  error: 'warn',
};

interface Judged {
  readonly stepId: string;
  /** The last one at this step, unless one failed: a failure is what the step ended with. */
  readonly verdict: Verdict;
  readonly earlier: readonly Verdict[];
}

const judgedOf = ({ state }: ReportInput): readonly Judged[] => {
  const groups = new Map<string, { stepId: string; verdicts: Verdict[] }>();
  for (const { stepId, verdict } of state.verdicts) {
    const key = JSON.stringify([stepId, verdict.gate]);
    const group = groups.get(key) ?? { stepId, verdicts: [] };
    group.verdicts.push(verdict);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ stepId, verdicts }) => {
    const verdict = verdicts.at(-1);
    return verdict ? [{ stepId, verdict, earlier: verdicts.slice(0, -1) }] : [];
  });
};

/** Looks before the last one that were no success: why a gate kept traffic waiting. */
const earlierText = (earlier: readonly Verdict[]): string => {
  const counts = new Map<string, number>();
  for (const { result, reason } of earlier)
    if (result !== 'success') counts.set(`${result} (${reason})`, (counts.get(`${result} (${reason})`) ?? 0) + 1);
  return [...counts].map(([text, times]) => `${text}${times > 1 ? ` ${times} times` : ''}`).join(', ');
};

const gateRow = (input: ReportInput, { stepId, verdict, earlier }: Judged): Markup => {
  const limit = input.gates?.find((gate) => gate.name === verdict.gate)?.failWhen ?? null;
  const points = verdict.datapoints.map((point) => ({ ...point, title: `${formatMoment(point.at)}: ${point.value}` }));
  const before = earlierText(earlier);
  return html`<tr><td>${stepId}</td><td>${verdict.gate}${limit && html`<br><span class="muted">fails when ${limit.comparison} ${limit.threshold}</span>`}</td><td><span class="badge tone-${verdictTones[verdict.result]}">${verdict.result}</span></td><td>${dotStrip(points, limit?.threshold ?? null)}</td><td>${verdict.detail}${before !== '' && html`<br><span class="muted">before: ${before}</span>`}</td></tr>`;
};

export const gates = (input: ReportInput): Markup => {
  const judged = judgedOf(input);
  return html`<section>
<h2>Gates</h2>
${
  judged.length === 0
    ? html`<p class="absent">No gate was judged.</p>`
    : html`<table class="gates">
<thead><tr><th>Step</th><th>Gate</th><th>Verdict</th><th>Datapoints</th><th>Evidence</th></tr></thead>
<tbody>${judged.map((entry) => gateRow(input, entry))}</tbody>
</table>`
}
</section>`;
};

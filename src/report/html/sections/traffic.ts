/** How traffic moved: the share that the weights ask for, and the share that was measured at both ends. */
import { formatCount, formatPercent, formatTime } from '../../format.ts';
import type { ReportInput } from '../../report-input.ts';
import { shareOf } from '../../run-facts.ts';
import { timeChart } from '../charts.ts';
import { html, type Markup, nothing } from '../markup.ts';
import { elapsed, fenceBands, runSeconds } from './timeline.ts';

const recordNames = ({ state }: ReportInput): readonly string[] => [
  ...new Set([...state.weights, ...state.shares].map((entry) => entry.record)),
];

const chartOf = (input: ReportInput, record: string): Markup => {
  const weights = input.state.weights.filter((entry) => entry.record === record);
  const shares = input.state.shares.filter((entry) => entry.record === record);
  const set = weights.map((entry) => ({
    x: elapsed(input, entry.at),
    y: shareOf(entry.sourceWeight, entry.targetWeight),
  }));
  const first = set[0];
  return timeChart({
    title: `${record}: share of the target`,
    seconds: runSeconds(input),
    y: { unit: '%', max: 100, label: (value) => `${value}` },
    series: [
      {
        label: 'set by weights',
        hue: 'target',
        form: 'steps',
        points: first && first.x > 0 ? [{ x: 0, y: 0 }, ...set] : set,
      },
      {
        label: 'measured from requests',
        hue: 'warn',
        form: 'dots',
        points: shares.flatMap(({ at, measuredPercent, expectedPercent, requests }) =>
          measuredPercent === null
            ? []
            : [
                {
                  x: elapsed(input, at),
                  y: measuredPercent,
                  title: `${formatPercent(measuredPercent)} measured over ${formatCount(requests)} requests, ${formatPercent(expectedPercent)} set`,
                },
              ],
        ),
      },
    ],
    bands: fenceBands(input),
    marks: weights
      .filter((entry) => entry.why === 'moved-back')
      .map((entry) => ({ at: elapsed(input, entry.at), label: 'moved back', hue: 'bad' as const })),
  });
};

const moves = { observed: 'read', moved: 'moved', 'moved-back': 'moved back' } as const;

const tableOf = (input: ReportInput, record: string): Markup => {
  const { state } = input;
  const weights = state.weights.filter((entry) => entry.record === record);
  return html`<table>
<thead><tr><th>Time</th><th>Weights</th><th class="n">source : target</th><th class="n">Share set</th><th class="n">Share measured</th><th class="n">Requests</th></tr></thead>
<tbody>${weights.map((entry, index) => {
    const until = weights[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const seen = state.shares.findLast((share) => share.record === record && share.at >= entry.at && share.at < until);
    return html`<tr class="${entry.why === 'moved-back' ? 'tone-bad' : ''}"><td>${formatTime(entry.at)}</td><td>${moves[entry.why]}</td><td class="n">${entry.sourceWeight} : ${entry.targetWeight}</td><td class="n">${formatPercent(shareOf(entry.sourceWeight, entry.targetWeight))}</td><td class="n">${typeof seen?.measuredPercent === 'number' ? formatPercent(seen.measuredPercent) : '–'}</td><td class="n">${seen ? formatCount(seen.requests) : '–'}</td></tr>`;
  })}</tbody>
</table>`;
};

export const traffic = (input: ReportInput): Markup => {
  const records = recordNames(input);
  if (records.length === 0) return nothing;
  return html`<section>
<h2>Traffic</h2>
${records.map((record) => html`${chartOf(input, record)}${tableOf(input, record)}`)}
</section>`;
};

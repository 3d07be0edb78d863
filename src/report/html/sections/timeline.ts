/** When everything ran: the phases of the whole run, and the seconds around each fence. */
import type { StepState } from '../../../journal/run-state.ts';
import { phaseNames } from '../../../model/phase.ts';
import { formatSeconds } from '../../format.ts';
import type { ReportInput } from '../../report-input.ts';
import { type FenceWindow, fenceWindows, type StepSpan, stepSpans, wasAlreadySo } from '../../run-facts.ts';
import type { Band, Hue, Mark } from '../charts.ts';
import { type Bar, gantt, type Row } from '../gantt.ts';
import { html, type Markup, nothing } from '../markup.ts';

const hues: Readonly<Record<StepState['status'], Hue>> = {
  pending: 'muted',
  intended: 'source',
  done: 'target',
  failed: 'bad',
  unknown: 'warn',
  undoing: 'warn',
  undone: 'muted',
};

export const elapsed = (input: ReportInput, at: number): number => Math.max(0, at - input.state.startedAt) / 1000;

export const runSeconds = (input: ReportInput): number => elapsed(input, input.state.lastAt);

const barOf = ({ step, from, to }: StepSpan, origin: number): Bar => ({
  from: (from - origin) / 1000,
  to: (to - origin) / 1000,
  hue: wasAlreadySo(step) ? 'muted' : hues[step.status],
  title: `${step.change.id}: ${wasAlreadySo(step) ? 'was already so' : `${step.status}, ${formatSeconds((to - from) / 1000)}`}\n${step.change.summary}`,
});

export const fenceBands = (input: ReportInput): readonly Band[] =>
  fenceWindows(input.state).map(({ wave, from, to }) => ({
    from: elapsed(input, from),
    to: elapsed(input, to ?? input.state.lastAt),
    label: `${wave}: writes refused${to === null ? '' : ` for ${formatSeconds((to - from) / 1000)}`}`,
    hue: 'warn',
  }));

const turnMarks = (input: ReportInput): readonly Mark[] =>
  Object.entries(input.state.pointOfNoReturn).map(([wave, at]) => ({
    at: elapsed(input, at),
    label: `point of no return: ${wave}`,
    hue: 'bad',
  }));

const resumeMarks = (input: ReportInput): readonly Mark[] =>
  input.state.takings.slice(1).map(({ at }) => ({ at: elapsed(input, at), label: 'resumed', hue: 'source' }));

const phaseRows = (input: ReportInput): readonly Row[] => {
  const spans = stepSpans(input.state);
  return phaseNames.flatMap((phase): readonly Row[] => {
    const own = spans.filter(({ step }) => step.change.phase === phase);
    const planned = input.state.steps.filter((step) => step.change.phase === phase).length;
    if (planned === 0) return [];
    if (own.length === 0) return [{ label: phase, bars: [], note: 'not begun' }];
    const seconds = (Math.max(...own.map((s) => s.to)) - Math.min(...own.map((s) => s.from))) / 1000;
    return [
      { label: phase, bars: own.map((span) => barOf(span, input.state.startedAt)), note: formatSeconds(seconds) },
    ];
  });
};

const nameOf = (step: StepState, wave: string): string => step.change.id.replace(`cutover/${wave}/`, '');

/** What ran in the fence's own section, up to a few windows after it: later steps may take minutes and would hide the seconds. */
const cutoverChart = (input: ReportInput, window: FenceWindow): Markup => {
  const end = window.to ?? input.state.lastAt;
  const length = Math.max(end - window.from, 500);
  const origin = window.from - 0.08 * length;
  const limit = end + 2 * length;
  const spans = stepSpans(input.state).filter(
    ({ step, from, to }) => step.change.id.startsWith(`cutover/${window.wave}/`) && to >= origin && from <= limit,
  );
  if (spans.length === 0) return nothing;
  const seconds = (Math.min(limit, Math.max(...spans.map((span) => span.to))) - origin) / 1000;
  const place = (at: number): number => (at - origin) / 1000;
  const turned = input.state.pointOfNoReturn[window.wave];
  const rows = spans.map((span) => ({
    label: nameOf(span.step, window.wave),
    bars: [barOf(span, origin)],
    note: formatSeconds((span.to - span.from) / 1000),
  }));
  const ended = {
    'target-opened': 'until the target was open',
    lifted: 'until the fence was lifted',
    'not-ended': 'and the fence has not been seen lifted',
  };
  return gantt({
    title: `Cutover of ${window.wave}`,
    caption: `writes refused for ${formatSeconds((end - window.from) / 1000)}, ${ended[window.end]}`,
    seconds,
    rows,
    bands: [{ from: place(window.from), to: place(end), label: 'writes refused', hue: 'warn' }],
    marks:
      turned !== undefined && turned >= window.from
        ? [{ at: place(turned), label: 'point of no return', hue: 'bad' }]
        : [],
  });
};

export const timeline = (input: ReportInput): Markup => {
  const rows = phaseRows(input);
  if (rows.every((row) => row.bars.length === 0)) return nothing;
  return html`<section>
<h2>Timeline</h2>
${gantt({
  title: 'Phases',
  caption: 'each bar is a step; the tinted stretch is the fence, in which nobody could write',
  seconds: runSeconds(input),
  rows,
  bands: fenceBands(input),
  marks: [...turnMarks(input), ...resumeMarks(input)],
})}
${fenceWindows(input.state).map((window) => cutoverChart(input, window))}
</section>`;
};

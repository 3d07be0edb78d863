/** Who did what and where it is written: approvals, findings, notes, every step, and the journal's head that vouches for it all. */
import type { StepState } from '../../../journal/run-state.ts';
import type { Diagnostic } from '../../../model/diagnostic.ts';
import { formatMoment, formatSeconds, formatTime, plural } from '../../format.ts';
import type { ReportInput } from '../../report-input.ts';
import { stepSpans, wasAlreadySo } from '../../run-facts.ts';
import { clockWords } from '../../story.ts';
import { html, type Markup, nothing } from '../markup.ts';

export const approvals = ({ state }: ReportInput): Markup => html`<section>
<h2>Approvals</h2>
${
  state.approvals.length === 0
    ? html`<p class="absent">None was given.</p>`
    : html`<table>
<thead><tr><th>Time</th><th>Approval</th><th>Step</th><th>By</th></tr></thead>
<tbody>${state.approvals.map(({ at, approval, stepId, by }) => html`<tr><td>${formatMoment(at)}</td><td>${approval}</td><td>${stepId}</td><td>${by}</td></tr>`)}</tbody>
</table>`
}
</section>`;

const severityTones: Readonly<Record<Diagnostic['severity'], string>> = {
  error: 'bad',
  warning: 'warn',
  info: 'plain',
};
const severities: readonly Diagnostic['severity'][] = ['error', 'warning', 'info'];

const findingRow = ({ severity, code, summary, detail, hint, range }: Diagnostic): Markup =>
  html`<tr><td><span class="badge tone-${severityTones[severity]}">${severity}</span></td><td><code>${code}</code>${range && html`<br><span class="muted">${range.file}:${range.line}</span>`}</td><td>${summary} ${detail}${hint !== '' && html`<br><span class="muted">${hint}</span>`}</td></tr>`;

/** Preflight and the recheck before a cutover find the same things; each is shown once. */
const unique = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] => [
  ...new Map(diagnostics.map((d) => [JSON.stringify([d.severity, d.code, d.summary, d.detail]), d])).values(),
];

export const findings = ({ state }: ReportInput): Markup => {
  if (state.diagnostics.length === 0) return nothing;
  const all = unique(state.diagnostics);
  return html`<section>
<h2>Findings</h2>
<table class="findings">
<thead><tr><th></th><th>Code</th><th>Finding</th></tr></thead>
<tbody>${severities.flatMap((severity) => all.filter((d) => d.severity === severity)).map(findingRow)}</tbody>
</table>
</section>`;
};

const longest = 240;

/** Evidence in a line: long lists as their length; the journal has them whole. */
const evidenceText = ({ evidence }: StepState): string => {
  const text = Object.entries(evidence)
    .map(([name, value]) => {
      if (Array.isArray(value)) return `${name} ${value.length > 3 ? value.length : value.join(', ') || 'none'}`;
      return `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`;
    })
    .join(', ');
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
};

const statusTones: Readonly<Record<StepState['status'], string>> = {
  pending: 'plain',
  intended: 'warn',
  done: 'good',
  failed: 'bad',
  unknown: 'warn',
  undoing: 'warn',
  undone: 'plain',
};

const stepRow = (step: StepState, milliseconds: number | undefined): Markup => {
  const evidence = evidenceText(step);
  return html`<tr><td>${step.change.id}</td><td>${step.change.summary}${evidence !== '' && html`<br><span class="muted">${evidence}</span>`}</td><td class="tone-${statusTones[step.status]}">${wasAlreadySo(step) ? 'was so' : step.status}${step.attempts > 1 && html`<br><span class="muted">attempt ${step.attempts}</span>`}</td><td class="n">${milliseconds === undefined || wasAlreadySo(step) ? '–' : formatSeconds(milliseconds / 1000)}</td></tr>`;
};

export const steps = ({ state }: ReportInput): Markup => {
  const spans = new Map(stepSpans(state).map(({ step, from, to }) => [step.change.id, to - from]));
  return html`<section>
<details>
<summary><h2>All steps</h2></summary>
<table class="steps">
<thead><tr><th>Step</th><th>What, and the evidence that it is so</th><th>Status</th><th class="n">Time</th></tr></thead>
<tbody>${state.steps.map((step) => stepRow(step, spans.get(step.change.id)))}</tbody>
</table>
</details>
</section>`;
};

const notesOf = ({ state }: ReportInput): Markup =>
  state.notes.length === 0
    ? nothing
    : html`<h3>Notes</h3><ul class="notes">${state.notes.map(({ at, text }) => html`<li><time>${formatTime(at)}</time> ${text}</li>`)}</ul>`;

const takingsOf = ({ state }: ReportInput): Markup => html`<h3>Processes that worked on it</h3>
<table>
<thead><tr><th>From</th><th>Who</th><th>Command</th></tr></thead>
<tbody>${state.takings.map(({ at, owner, command }, index) => html`<tr><td>${formatMoment(at)}</td><td>${owner}${index > 0 && html` <span class="muted">resumed</span>`}</td><td><code>${command}</code></td></tr>`)}</tbody>
</table>`;

export const journal = (input: ReportInput): Markup => {
  const { state } = input;
  const rows: readonly (readonly [string, string])[] = [
    ['Run', state.runId],
    ['Lineage', state.lineage],
    ['Plan file', state.planFile],
    ['Plan digest', state.changeSet.plan.digest],
    ['Change set', state.changeSet.digest],
    ['Journal', `${plural(state.records, 'record')}, chained; the last one's hash is the head`],
    ['Journal head', state.head],
    ['Started by', state.startedBy],
    ['Clock', clockWords(state.clockRate)],
  ];
  return html`<section>
<h2>Journal</h2>
<dl class="rows">${rows.map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
${takingsOf(input)}
${notesOf(input)}
${state.planText !== '' && html`<details><summary><h3>The plan as it was applied</h3></summary><pre>${state.planText}</pre></details>`}
</section>`;
};

export const foot = ({ generatedAt, octankVersion, state }: ReportInput): Markup =>
  html`<footer>Written ${formatMoment(generatedAt)} by octank ${octankVersion}, from the journal of run ${state.runId}. Times are UTC.</footer>`;

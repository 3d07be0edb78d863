/** A run's report as Markdown, for pull requests and tickets: the same facts as the HTML, without its curves. */
import type { JournalRecord } from '../journal/record.ts';
import type { ParityReport, TableParity } from '../model/parity.ts';
import type { Verdict } from '../model/verdict.ts';
import { formatCount, formatMoment, formatPercent, formatSeconds, formatTime, plural } from './format.ts';
import { cell, code, codeCell } from './markdown-text.ts';
import type { ReportInput } from './report-input.ts';
import { fenceWindows, phaseSpans, shareOf } from './run-facts.ts';
import { renderRollbackCost } from './status.ts';
import { clockWords, headline, keyFigures, outcomeOf, violationsOf } from './story.ts';

const table = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): readonly string[] => [
  `| ${header.join(' | ')} |`,
  `|${header.map((_, index) => (right.includes(index) ? '---:' : '---')).join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

type Section = readonly string[];

const section = (title: string, lines: readonly string[]): Section =>
  lines.length === 0 ? [] : [`## ${title}`, '', ...lines, ''];

const top = (input: ReportInput): Section => [
  `# Migration of ${cell(input.planName)}: ${outcomeOf(input)}`,
  '',
  cell(headline(input)),
  '',
  ...table(
    ['', '', ''],
    keyFigures(input).map(({ label, value, note }) => [label, `**${value}**`, cell(note)]),
  ),
  '',
];

const faultLines = (records: readonly JournalRecord[]): readonly string[] =>
  records.flatMap((record) =>
    record.type === 'step-failed' || record.type === 'step-unknown' || record.type === 'undo-failed'
      ? [
          `- ${formatTime(record.at)} ${code(record.fault.code)} at ${code(record.stepId)}: ${cell(`${record.fault.summary} ${record.fault.detail}`)}${record.fault.hint === '' ? '' : ` Next: ${cell(record.fault.hint)}`}`,
        ]
      : [],
  );

/** Without records only the faults that still stand are known. */
const standingFaults = ({ state }: ReportInput): readonly string[] =>
  state.steps.flatMap(({ change, fault }) =>
    fault
      ? [
          `- ${code(fault.code)} at ${code(change.id)}: ${cell(`${fault.summary} ${fault.detail}`)}${fault.hint === '' ? '' : ` Next: ${cell(fault.hint)}`}`,
        ]
      : [],
  );

const troubles = (input: ReportInput): Section =>
  section('Faults and holds', [
    ...violationsOf(input).map((v) => `- **${cell(v.code)}** ${cell(v.detail)}`),
    ...input.state.holds.map(
      (hold) => `- ${formatTime(hold.at)} held at ${code(hold.stepId)}: ${cell(hold.reason)} Next: ${cell(hold.hint)}`,
    ),
    ...(input.records ? faultLines(input.records) : standingFaults(input)),
  ]);

const timeline = ({ state }: ReportInput): Section =>
  section('Timeline', [
    ...table(
      ['Phase', 'From', 'To', 'Time', 'Steps done'],
      phaseSpans(state).map((span) => [
        span.name,
        formatTime(span.from),
        formatTime(span.to),
        formatSeconds(span.seconds),
        `${span.steps.filter((step) => step.status === 'done').length} of ${span.steps.length}`,
      ]),
      [3, 4],
    ),
    '',
    ...fenceWindows(state).map(
      ({ wave, from, to }) =>
        `- Fence of ${cell(wave)}: from ${formatTime(from)}${to === null ? ', not seen lifted' : `, ${formatSeconds((to - from) / 1000)}`}.`,
    ),
    ...Object.entries(state.pointOfNoReturn).map(
      ([wave, at]) => `- Point of no return of ${cell(wave)}: ${formatTime(at)}.`,
    ),
    ...state.takings
      .slice(1)
      .map(({ at, owner, command }) => `- Resumed ${formatTime(at)} by ${cell(owner)}: ${code(command)}.`),
  ]);

const traffic = ({ state }: ReportInput): Section =>
  section(
    'Traffic',
    state.weights.length === 0
      ? []
      : table(
          ['Time', 'Record', 'Source : target', 'Share set', 'Share measured', 'Requests'],
          state.weights.map((entry, index) => {
            const next = state.weights.findIndex((other, at) => at > index && other.record === entry.record);
            const until = next < 0 ? Number.POSITIVE_INFINITY : (state.weights[next]?.at ?? 0);
            const seen = state.shares.findLast(
              (share) => share.record === entry.record && share.at >= entry.at && share.at < until,
            );
            return [
              formatTime(entry.at),
              cell(entry.record),
              `${entry.sourceWeight} : ${entry.targetWeight}${entry.why === 'moved-back' ? ' (moved back)' : ''}`,
              formatPercent(shareOf(entry.sourceWeight, entry.targetWeight)),
              typeof seen?.measuredPercent === 'number' ? formatPercent(seen.measuredPercent) : '',
              seen ? formatCount(seen.requests) : '',
            ];
          }),
          [2, 3, 4, 5],
        ),
  );

const parityRow = (row: TableParity): readonly string[] => [
  cell(row.name),
  ...[row.sourceRows, row.targetRows, row.missing, row.extraneous, row.mismatched, row.inFlight].map(formatCount),
];

const sampleLines = (report: ParityReport): readonly string[] =>
  report.tables.flatMap((own) =>
    own.samples.slice(0, 20).map((sample) => {
      const key = Object.entries(sample.key)
        .map(([name, value]) => `${name}=${value ?? 'NULL'}`)
        .join(', ');
      const columns = sample.columns.map(
        ({ name, source, target }) => ` ${cell(name)}: ${code(source ?? 'NULL')} to ${code(target ?? 'NULL')}`,
      );
      return `- ${cell(own.name)} ${code(key)} ${sample.kind}${columns.length > 0 ? `,${columns.join(',')}` : ''}`;
    }),
  );

const parity = ({ state }: ReportInput): Section => {
  const reports = Object.entries(state.parity);
  const header = ['Table', 'Source rows', 'Target rows', 'Missing', 'Extraneous', 'Mismatched', 'In flight'];
  return section(
    'Row parity',
    reports.length === 0
      ? ['Not measured.']
      : reports.flatMap(([wave, report]) => [
          `### ${cell(wave)}: ${report.verdict}`,
          '',
          ...table(header, report.tables.map(parityRow), [1, 2, 3, 4, 5, 6]),
          '',
          ...sampleLines(report),
          ...report.notes.map((note) => `- ${cell(note)}`),
        ]),
  );
};

const lastVerdicts = ({ state }: ReportInput): readonly { readonly stepId: string; readonly verdict: Verdict }[] => [
  ...new Map(
    state.verdicts.map((entry) => [JSON.stringify([entry.stepId, entry.verdict.gate]), entry] as const),
  ).values(),
];

const gates = (input: ReportInput): Section => {
  const last = lastVerdicts(input);
  if (last.length === 0) return [];
  return section(
    'Gates',
    table(
      ['Step', 'Gate', 'Verdict', 'Evidence'],
      last.map(({ stepId, verdict }) => [codeCell(stepId), cell(verdict.gate), verdict.result, cell(verdict.detail)]),
    ),
  );
};

const approvals = ({ state }: ReportInput): Section =>
  section(
    'Approvals',
    state.approvals.map(
      ({ at, approval, stepId, by }) => `- ${formatMoment(at)}: ${cell(approval)} for ${code(stepId)} by ${cell(by)}`,
    ),
  );

const findings = ({ state }: ReportInput): Section => {
  const lines = state.diagnostics.map(
    ({ severity, code: name, summary, detail, hint }) =>
      `- **${severity}** ${code(name)} ${cell(`${summary} ${detail}`)}${hint === '' ? '' : ` ${cell(hint)}`}`,
  );
  return section('Findings', [...new Set(lines)]);
};

const foot = ({ state, generatedAt, octankVersion }: ReportInput): Section => [
  '---',
  '',
  `${clockWords(state.clockRate)} Run ${cell(state.runId)} of ${cell(state.planFile)}, change set ${code(state.changeSet.digest)}, ${plural(state.records, 'record')}, journal head ${code(state.head)}. Written ${formatMoment(generatedAt)} by octank ${cell(octankVersion)}.`,
];

export const renderMarkdown = (input: ReportInput): string =>
  [
    ...top(input),
    ...troubles(input),
    ...section('Going back now costs', [cell(renderRollbackCost(input.rollback))]),
    ...[timeline, traffic, parity, gates, approvals, findings, foot].flatMap((part) => part(input)),
  ]
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimEnd()
    .concat('\n');

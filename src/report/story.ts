/** What a report says first: how it ended in a few sentences, and the figures that people ask for. Shared by HTML and Markdown. */
import { formatCount, formatPercent, formatSeconds, plural } from './format.ts';
import type { ResultJson } from './json-types.ts';
import type { ReportInput } from './report-input.ts';
import { parityTotals, totalDowntime, waveNames, weightsOf, writerOf } from './run-facts.ts';

export type Tone = 'good' | 'bad' | 'warn' | 'plain';

export type ShownOutcome = ResultJson['outcome'] | 'running';

export interface Figure {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly tone: Tone;
}

export const violationsOf = ({ result, measured }: ReportInput): NonNullable<ResultJson['violations']> =>
  measured?.violations ?? result?.violations ?? [];

export const outcomeOf = ({ result, state }: ReportInput): ShownOutcome => result?.outcome ?? state.outcome;

export const outcomeTone = (input: ReportInput): Tone => {
  const outcome = outcomeOf(input);
  if (violationsOf(input).length > 0 || outcome === 'failed') return 'bad';
  return outcome === 'succeeded' ? 'good' : 'warn';
};

export const downtimeOf = ({ result, measured, state }: ReportInput): number | null =>
  measured?.databaseGapSeconds ?? result?.downtimeSeconds ?? totalDowntime(state);

const listed = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

const where = (input: ReportInput): readonly string[] => {
  const { state } = input;
  const moved = waveNames(state).filter((wave) => writerOf(state, wave) === 'target');
  const fenced = waveNames(state).filter((wave) => writerOf(state, wave) === 'none');
  const records = Object.entries(weightsOf(state));
  return [
    moved.length > 0
      ? `The target is now the writer of ${listed(moved)}.`
      : fenced.length === 0
        ? 'The source is the writer, as before.'
        : '',
    fenced.length > 0 ? `Nobody may write ${listed(fenced)} at this moment: the fence is closed.` : '',
    ...records.map(
      ([record, weights]) =>
        `${record} sends ${formatPercent(weights.targetSharePercent)} of its traffic to the target.`,
    ),
  ];
};

const endings: Readonly<Record<ShownOutcome, (input: ReportInput) => string>> = {
  succeeded: () => '',
  held: ({ state }) => {
    const hold = state.holds.at(-1);
    return hold ? `The run is held at ${hold.stepId}: ${hold.reason}` : 'The run is held and needs a person.';
  },
  'rolled-back': ({ result }) => `The run went back. ${result?.fault?.summary ?? ''}`.trim(),
  failed: ({ result }) => `The run stopped on a fault. ${result?.fault?.summary ?? ''}`.trim(),
  interrupted: () => 'The run was interrupted; the same command continues it.',
  running: () => 'The run has not ended yet.',
};

const proof = (input: ReportInput): string => {
  const writes = input.measured?.writes ?? input.result?.writes ?? null;
  const parity = parityTotals(input.state);
  if (writes !== null) {
    const all = formatCount(writes.acknowledged);
    return writes.lost === 0 && writes.duplicated === 0
      ? `Of ${all} acknowledged writes none was lost and none duplicated.`
      : `Of ${all} acknowledged writes ${formatCount(writes.lost)} were LOST and ${formatCount(writes.duplicated)} DUPLICATED.`;
  }
  if (parity?.verdict === 'equal')
    return `At the last comparison all ${plural(parity.rows, 'row')} of ${plural(parity.tables, 'table')} were equal on both sides.`;
  if (parity?.verdict === 'different')
    return `At the last comparison ${plural(parity.differing, 'row')} of ${formatCount(parity.rows)} differed between the sides.`;
  return parity === null ? '' : 'Rows could not be shown equal while they kept changing.';
};

const pause = (input: ReportInput): string => {
  const seconds = downtimeOf(input);
  return seconds === null ? '' : `Writes paused for ${formatSeconds(seconds)}.`;
};

const broken = (input: ReportInput): string => {
  const count = violationsOf(input).length;
  return count === 0 ? '' : `${plural(count, 'promise')} of octank ${count === 1 ? 'was' : 'were'} broken; see below.`;
};

/** A short paragraph for somebody who reads nothing else. */
export const headline = (input: ReportInput): string =>
  [broken(input), endings[outcomeOf(input)](input), ...where(input), pause(input), proof(input)]
    .filter((sentence) => sentence !== '')
    .join(' ');

const unknown = (label: string, note: string): Figure => ({ label, value: 'not measured', note, tone: 'plain' });

const writeFigures = (input: ReportInput): readonly Figure[] => {
  const writes = input.measured?.writes ?? input.result?.writes ?? null;
  if (writes === null) return [unknown('Writes lost, duplicated', 'only a rehearsal owns the clients that know')];
  const tone = (count: number): Tone => (count === 0 ? 'good' : 'bad');
  return [
    {
      label: 'Writes lost',
      value: formatCount(writes.lost),
      note: `of ${formatCount(writes.acknowledged)} acknowledged`,
      tone: tone(writes.lost),
    },
    {
      label: 'Writes duplicated',
      value: formatCount(writes.duplicated),
      note: `${formatCount(writes.refused)} refused, ${formatCount(writes.indeterminate)} indeterminate`,
      tone: tone(writes.duplicated),
    },
  ];
};

const downtimeFigures = (input: ReportInput): readonly Figure[] => {
  const seconds = downtimeOf(input);
  const clients = input.measured?.clients ?? input.result?.clients ?? null;
  const gap = input.measured?.databaseGapSeconds;
  const figure: Figure =
    seconds === null
      ? unknown('Downtime', 'no cutover has been completed')
      : {
          label: 'Downtime',
          value: formatSeconds(seconds),
          note:
            typeof gap === 'number'
              ? 'last write on the source to first on the target'
              : 'writes refused, by the journal',
          tone: 'plain',
        };
  const median = clients?.medianDowntimeSeconds ?? null;
  const p99 = clients?.p99DowntimeSeconds ?? null;
  if (median === null || p99 === null) return [figure];
  return [
    figure,
    {
      label: 'Downtime of clients',
      value: formatSeconds(p99),
      note: `99th percentile; median ${formatSeconds(median)}`,
      tone: 'plain',
    },
  ];
};

/** What matters is how many differ, not how many were looked at, as soon as one does. */
const parityFigure = (input: ReportInput): Figure => {
  const parity = parityTotals(input.state);
  if (parity === null) return unknown('Rows compared', 'no comparison was made');
  const compared = `${formatCount(parity.rows)} in ${plural(parity.tables, 'table')}`;
  if (parity.verdict === 'equal')
    return {
      label: 'Rows equal',
      value: formatCount(parity.rows),
      note: `in ${plural(parity.tables, 'table')}, both sides`,
      tone: 'good',
    };
  if (parity.verdict === 'different')
    return { label: 'Rows that differ', value: formatCount(parity.differing), note: `of ${compared}`, tone: 'bad' };
  return { label: 'Rows not settled', value: formatCount(parity.inFlight), note: `of ${compared}`, tone: 'warn' };
};

const trafficFigures = (input: ReportInput): readonly Figure[] => {
  const requests = input.measured?.requests ?? input.result?.traffic?.requests ?? null;
  const failed = input.measured?.failedRequests ?? input.result?.traffic?.failed ?? null;
  const shares = Object.entries(weightsOf(input.state)).map(
    ([record, weights]): Figure => ({
      label: 'Traffic on the target',
      value: formatPercent(weights.targetSharePercent),
      note: record,
      tone: 'plain',
    }),
  );
  if (requests === null || failed === null) return shares;
  const served: Figure = {
    label: 'Requests failed',
    value: formatCount(failed),
    note: `of ${formatCount(requests)} made throughout`,
    tone: failed === 0 ? 'good' : 'warn',
  };
  return [...shares, served];
};

export const keyFigures = (input: ReportInput): readonly Figure[] => {
  const { state } = input;
  const done = state.steps.filter((step) => step.status === 'done').length;
  return [
    ...downtimeFigures(input),
    ...writeFigures(input),
    parityFigure(input),
    ...trafficFigures(input),
    {
      label: 'Duration',
      value: formatSeconds((state.lastAt - state.startedAt) / 1000),
      note: `${done} of ${plural(state.steps.length, 'step')} done`,
      tone: 'plain',
    },
  ];
};

/** The rate of the clock in plain words. */
export const clockWords = (rate: number): string =>
  rate === 1
    ? 'Everything ran in real time.'
    : `Waits of the ladder and its gates (bake, settle, window, period, TTL) ran ${rate} times as fast as written in the plan. Databases, replication, fence and budgets ran in real time.`;

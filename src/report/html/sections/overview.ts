/** The first page: how it ended, the figures people ask for, what going back costs, and what needs somebody now. */
import type { JournalRecord } from '../../../journal/record.ts';
import { formatCount, formatMoment, formatSeconds } from '../../format.ts';
import type { RollbackCost } from '../../json-types.ts';
import type { ReportInput } from '../../report-input.ts';
import { clockWords, headline, keyFigures, outcomeOf, outcomeTone, violationsOf } from '../../story.ts';
import { html, type Markup, nothing } from '../markup.ts';

export const top = (input: ReportInput): Markup => html`<header>
<p class="eyebrow">Migration report</p>
<h1>${input.planName} <span class="badge tone-${outcomeTone(input)}">${outcomeOf(input)}</span></h1>
<p class="lead">${headline(input)}</p>
<p class="muted">${formatMoment(input.state.startedAt)} to ${formatMoment(input.state.lastAt)}. ${clockWords(input.state.clockRate)}</p>
</header>`;

export const figures = (input: ReportInput): Markup => {
  const all = keyFigures(input);
  return html`<section class="figures" aria-label="Key figures" style="--columns: ${all.length <= 5 ? all.length : 4}">
${all.map(({ label, value, note, tone }) => html`<dl class="figure"><dt>${label}</dt><dd class="tone-${tone}${value === 'not measured' ? ' unmeasured' : ''}">${value}</dd><dd class="note">${note}</dd></dl>`)}
</section>`;
};

const kinds: Readonly<Record<RollbackCost['kind'], string>> = {
  'nothing-to-do': 'Nothing: nothing has moved.',
  unfence: 'Lifting the fence.',
  weights: 'Moving weights back.',
  fallback: 'A fallback of the databases.',
  none: 'There is no way back.',
};

export const rollback = ({ rollback: cost, generatedAt }: ReportInput): Markup => html`<section>
<h2>Going back now costs</h2>
<div class="card tone-${cost.possible ? 'plain' : 'warn'}">
<p><strong>${kinds[cost.kind]}</strong> ${cost.reason}</p>
<dl class="facts">
<div><dt>Rows at risk</dt><dd>${cost.rowsAtRisk === null ? 'not known' : formatCount(cost.rowsAtRisk)}</dd></div>
<div><dt>Time until it has taken effect</dt><dd>${cost.tailSeconds === null ? 'not known' : formatSeconds(cost.tailSeconds)}</dd></div>
<div><dt>As of</dt><dd>${formatMoment(generatedAt)}</dd></div>
</dl>
</div>
</section>`;

interface Trouble {
  readonly at: number | null;
  readonly where: string;
  readonly code: string;
  readonly text: string;
  readonly hint: string;
  readonly now: boolean;
}

const faultRecords = (records: readonly JournalRecord[]): readonly Trouble[] =>
  records.flatMap((record): readonly Trouble[] =>
    record.type === 'step-failed' || record.type === 'step-unknown' || record.type === 'undo-failed'
      ? [
          {
            at: record.at,
            where: record.stepId,
            code: record.fault.code,
            text: `${record.fault.summary} ${record.fault.detail}`,
            hint: record.fault.hint,
            now: false,
          },
        ]
      : [],
  );

const isSame = (a: Trouble, b: Trouble): boolean => a.where === b.where && a.code === b.code && a.text === b.text;

/** Faults that still stand come from the state; those that a later attempt mended only from the records. */
const troublesOf = ({ state, records, result }: ReportInput): readonly Trouble[] => {
  const recorded = faultRecords(records ?? []);
  const standing = state.steps.flatMap(({ change, fault, finishedAt }): readonly Trouble[] => {
    if (!fault) return [];
    const text = `${fault.summary} ${fault.detail}`;
    const trouble = { at: finishedAt, where: change.id, code: fault.code, text, hint: fault.hint, now: true };
    // Walking back moves the step's end; the record knows when the fault itself came.
    return [{ ...trouble, at: recorded.findLast((record) => isSame(record, trouble))?.at ?? finishedAt }];
  });
  const mended = recorded.filter((record) => !standing.some((s) => isSame(s, record) && s.at === record.at));
  const ending = result?.fault;
  if (!ending || [...standing, ...recorded].some((trouble) => trouble.code === ending.code))
    return [...standing, ...mended];
  const text = `${ending.summary} ${ending.detail}`;
  const last: Trouble = {
    at: state.lastAt,
    where: 'end of the run',
    code: ending.code,
    text,
    hint: ending.hint,
    now: true,
  };
  return [...standing, last, ...mended];
};

const troubleCard = ({
  at,
  where,
  code,
  text,
  hint,
  now,
}: Trouble): Markup => html`<div class="card tone-${now ? 'bad' : 'plain'}">
<p class="meta"><code>${code}</code> ${where}${at !== null && html` <time>${formatMoment(at)}</time>`}${!now && html` <em>mended by a later attempt</em>`}</p>
<p>${text}</p>
${hint !== '' && html`<p class="next"><span>Next</span> ${hint}</p>`}
</div>`;

const holdCard = (
  hold: ReportInput['state']['holds'][number],
  now: boolean,
): Markup => html`<div class="card tone-${now ? 'warn' : 'plain'}">
<p class="meta"><code>held</code> ${hold.stepId} <time>${formatMoment(hold.at)}</time>${!now && html` <em>went on later</em>`}</p>
<p>${hold.reason}</p>
${hold.hint !== '' && html`<p class="next"><span>Next</span> ${hold.hint}</p>`}
</div>`;

export const troubles = (input: ReportInput): Markup => {
  const { state } = input;
  const violations = violationsOf(input);
  // A fault that held the run is told once, as the hold that it became.
  const all = troublesOf(input).filter(
    ({ where, text }) => !state.holds.some((hold) => hold.stepId === where && hold.reason.trim() === text.trim()),
  );
  if (violations.length + all.length + state.holds.length === 0) return nothing;
  return html`<section>
<h2>Faults and holds</h2>
${violations.map((violation) => html`<div class="card tone-bad"><p class="meta"><code>${violation.code}</code> broken promise <time>${violation.at}</time></p><p>${violation.detail}</p></div>`)}
${state.holds.map((hold, index) => holdCard(hold, state.outcome === 'held' && index === state.holds.length - 1))}
${all.map(troubleCard)}
</section>`;
};

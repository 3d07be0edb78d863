/** Host for a terminal: the phases of the run drawn live, what happens told above them, a person asked for approvals. */
import type { Change } from '../../model/change.ts';
import { phaseNames } from '../../model/phase.ts';
import type { Host, HostMessage, Question } from '../../ports/host.ts';
import { formatSeconds } from '../format.ts';
import type { Style } from '../style.ts';
import { drawPhases, type Line, type PhaseList, type Screen } from './phase-list.ts';
import { lineOf } from './plain.ts';
import { progressText } from './progress.ts';

export interface TerminalHostOptions {
  readonly style: Style;
  readonly approver: string | null;
  readonly userName: string;
  readonly write: (text: string) => void;
  /** The terminal's own question where it is absent. */
  readonly ask?: (question: Question) => Promise<boolean>;
  readonly now?: () => number;
  readonly screen?: Pick<Screen, 'columns' | 'rows'>;
}

export interface TerminalHost extends Host {
  /** Ends the drawing and leaves the screen as it is. Must be called before anything else is printed. */
  close(): Promise<void>;
}

interface Entry {
  readonly phase: string;
  readonly changes: readonly Change[];
  readonly done: Set<string>;
  state: Line['state'];
  output: string;
  since: number | null;
  seconds: number | null;
}

const titleWidth = Math.max(...phaseNames.map((name) => name.length));

const lineFrom = (entry: Entry, style: Style): Line => {
  const count = `${entry.done.size}/${entry.changes.length}`;
  const time = entry.seconds === null ? '' : `  ${formatSeconds(entry.seconds)}`;
  return {
    title: `${entry.phase.padEnd(titleWidth)}  ${style.dim(`${count}${time}`)}`,
    output: entry.output,
    state: entry.state,
  };
};

const entriesOf = (changes: readonly Change[], done: ReadonlySet<string>): readonly Entry[] =>
  phaseNames.flatMap((phase) => {
    const own = changes.filter((change) => change.phase === phase);
    if (own.length === 0) return [];
    const already = new Set(own.map(({ id }) => id).filter((id) => done.has(id)));
    const state = already.size === own.length ? 'done' : 'waiting';
    return [{ phase, changes: own, done: already, state, output: '', since: null, seconds: null }];
  });

const shortName = (change: Change): string => change.id.slice(change.phase.length + 1);

/** The phases as messages of the run leave them. Knows nothing of drawing. */
const createBoard = (style: Style, now: () => number) => {
  let entries: readonly Entry[] = [];
  const of = (phase: string): Entry | undefined => entries.find((entry) => entry.phase === phase);

  const begin = (entry: Entry): void => {
    // Phases are walked in order: what lies before and is not done was not part of this command.
    for (const earlier of entries.slice(0, entries.indexOf(entry)))
      if (earlier.state === 'waiting' || earlier.state === 'running') earlier.state = 'passed';
    entry.since ??= now();
    entry.state = 'running';
  };

  const finish = (entry: Entry): void => {
    if (entry.done.size < entry.changes.length) return;
    entry.state = 'done';
    entry.seconds = entry.since === null ? null : (now() - entry.since) / 1000;
  };

  return {
    start: (changes: readonly Change[], done: ReadonlySet<string>): void => {
      entries = entriesOf(changes, done);
    },
    lines: (): readonly Line[] => entries.map((entry) => lineFrom(entry, style)),
    isEmpty: (): boolean => entries.length === 0,
    stop: (): void => {
      for (const entry of entries) if (entry.state === 'running') entry.state = 'stopped';
    },
    step: (message: Extract<HostMessage, { change: Change }>): void => {
      const { change } = message;
      const entry = of(change.phase);
      if (!entry) return;
      if (message.type === 'step-started') {
        begin(entry);
        entry.output = `${shortName(change)}: ${change.summary}`;
      }
      if (message.type === 'step-done') {
        entry.done.add(change.id);
        entry.output = `${shortName(change)}: done in ${formatSeconds(message.seconds)}`;
        finish(entry);
      }
      if (message.type === 'step-failed') entry.output = `${shortName(change)}: ${message.summary}`;
      if (message.type === 'step-undone') {
        entry.done.delete(change.id);
        entry.output = `${shortName(change)}: undone`;
      }
    },
    progress: (stepId: string, text: string): void => {
      const phase = stepId.split('/')[0] ?? '';
      const entry = of(phase);
      if (entry) entry.output = `${stepId.slice(phase.length + 1)}: ${text}`;
    },
  };
};

/** What is told above the list. The command prints the last fault in full, so that a failure is one line here. */
const toldLine = (message: HostMessage, style: Style): string | null => {
  switch (message.type) {
    case 'step-started':
    case 'step-done':
    case 'step-progress':
      return null;
    case 'step-failed':
      return `${style.red('failed')} ${message.change.id}: ${message.summary} ${message.detail}`.trimEnd();
    case 'diagnostic':
      return message.diagnostic.severity === 'info' ? null : lineOf(message, style);
    default:
      return lineOf(message, style);
  }
};

export const createTerminalHost = async (options: TerminalHostOptions): Promise<TerminalHost> => {
  const { style, write } = options;
  const board = createBoard(style, options.now ?? Date.now);
  const screen = (): Screen => ({
    columns: options.screen?.columns ?? process.stdout.columns ?? 80,
    rows: options.screen?.rows ?? process.stdout.rows ?? 24,
    write,
  });
  const told = new Set<string>();
  const kept: string[] = [];
  let list: PhaseList | null = null;
  let isAsking = false;
  let failure = '';

  const say = (text: string): void => {
    if (isAsking) kept.push(text);
    else if (list) list.say(text);
    else write(`${text}\n`);
  };

  const draw = async (): Promise<void> => {
    if (!board.isEmpty()) list = await drawPhases(board.lines, screen());
  };

  const endList = async (keep: boolean): Promise<void> => {
    const ending = list;
    list = null;
    await ending?.end({ keep });
  };

  const tell = (message: HostMessage): void => {
    // A run is held by the fault that was told a moment ago; the command says it a last time, with what to do next.
    if (message.type === 'held' && message.reason === failure) return;
    if (message.type === 'step-failed') failure = `${message.summary} ${message.detail}`.trimEnd();
    const line = toldLine(message, style);
    // Checks run again before a cutover and find the same things.
    if (line === null || (message.type === 'diagnostic' && told.has(line))) return;
    told.add(line);
    say(line);
  };

  let ready: Promise<void> = Promise.resolve();

  const start = (message: Extract<HostMessage, { type: 'run-started' }>): void => {
    tell(message);
    for (const [service, url] of Object.entries(message.endpoints))
      if (service !== '') write(`  ${style.dim(`${service} at ${url}`)}\n`);
    board.start(message.changes, new Set(message.done ?? []));
    ready = draw();
  };

  const approve = async (question: Question): Promise<{ approved: boolean; by: string }> => {
    await ready;
    isAsking = true;
    // The list is drawn anew after the answer; a copy of it above the question would only be out of date.
    await endList(false);
    try {
      const ask = options.ask ?? (await import('./ask.ts')).askForApproval;
      return { approved: await ask(question), by: options.userName };
    } finally {
      isAsking = false;
      for (const text of kept.splice(0)) write(`${text}\n`);
      ready = draw();
      await ready;
    }
  };

  return {
    notify: (message) => {
      if (message.type === 'run-started') return start(message);
      if (message.type === 'step-progress') board.progress(message.progress.stepId, progressText(message.progress));
      else {
        if ('change' in message) board.step(message);
        tell(message);
      }
      list?.refresh();
    },
    approve: async (question) =>
      options.approver === null ? approve(question) : { approved: true, by: options.approver },
    close: async () => {
      await ready;
      board.stop();
      await endList(true);
    },
  };
};

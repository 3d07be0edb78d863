/** Host for a terminal: listr2 draws the phases and the step under way, inquirer asks for approvals. */
import { EventEmitter } from 'node:events';
import type { Change } from '../../model/change.ts';
import { phaseNames } from '../../model/phase.ts';
import type { Host, HostMessage, Question } from '../../ports/host.ts';
import { formatSeconds } from '../format.ts';
import type { Style } from '../style.ts';
import { lineOf } from './plain.ts';
import { progressText } from './progress.ts';

interface TerminalHostOptions {
  readonly style: Style;
  readonly approver: string | null;
  readonly userName: string;
  readonly write: (text: string) => void;
}

export interface TerminalHost extends Host {
  /** Ends the drawing and leaves the screen as it is. Must be called before anything else is printed. */
  close(): Promise<void>;
}

interface Drawn {
  readonly phase: string;
  title: string;
  output: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'undone';
}

const phaseTitle = (phase: string, changes: readonly Change[], done: number): string =>
  `${phase}  ${done}/${changes.length}`;

/** Phases that this run has, as tasks that wait for events of the run and end with them. */
export const createTerminalHost = async (options: TerminalHostOptions): Promise<TerminalHost> => {
  const { Listr, PRESET_TIMER } = await import('listr2');
  const bus = new EventEmitter();
  bus.setMaxListeners(100);
  const phases = new Map<string, { drawn: Drawn; changes: readonly Change[]; done: Set<string>; since: number }>();
  let drawing: Promise<unknown> | null = null;

  const paused: string[] = [];
  let asking = false;
  const log = (text: string): void => {
    if (asking || drawing === null) {
      if (asking) paused.push(text);
      else options.write(`${text}\n`);
      return;
    }
    bus.emit('log', text);
  };

  const settle = (phase: string, state: Drawn['state']): void => {
    const entry = phases.get(phase);
    if (!entry || entry.drawn.state === state) return;
    entry.drawn.state = state;
    bus.emit(`phase:${phase}`);
  };

  const start = (changes: readonly Change[]): void => {
    for (const phase of phaseNames) {
      const own = changes.filter((change) => change.phase === phase);
      if (own.length === 0) continue;
      const drawn: Drawn = { phase, title: phaseTitle(phase, own, 0), output: '', state: 'waiting' };
      phases.set(phase, { drawn, changes: own, done: new Set(), since: Date.now() });
    }
    draw();
  };

  const draw = (): void => {
    const tasks = [...phases.values()]
      .filter((entry) => entry.drawn.state !== 'done')
      .map((entry) => ({
        title: entry.drawn.title,
        task: (_: unknown, task: { title: string; output: string }) =>
          new Promise<void>((resolve, reject) => {
            const update = (): void => {
              task.title = entry.drawn.title;
              if (entry.drawn.output !== '') task.output = entry.drawn.output;
              if (entry.drawn.state === 'done') resolve();
              if (entry.drawn.state === 'failed') reject(new Error(entry.drawn.output));
            };
            bus.on(`phase:${entry.drawn.phase}`, update);
            bus.on('stop', () => reject(new Error(entry.drawn.output || 'stopped')));
            update();
          }),
      }));
    const list = new Listr(tasks, {
      concurrent: false,
      exitOnError: true,
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false, showErrorMessage: false },
      registerSignalListeners: false,
    });
    drawing = list.run().catch(() => undefined);
  };

  const stopDrawing = async (): Promise<void> => {
    if (drawing === null) return;
    bus.emit('stop');
    await drawing;
    bus.removeAllListeners();
    drawing = null;
  };

  const onStep = (message: Extract<HostMessage, { change: Change }>): void => {
    const entry = phases.get(message.change.phase);
    if (!entry) return;
    const name = message.change.id.slice(message.change.phase.length + 1);
    if (message.type === 'step-started') entry.drawn.output = `${name}: ${message.change.summary}`;
    if (message.type === 'step-done') {
      entry.done.add(message.change.id);
      entry.drawn.output = `${name}: done in ${formatSeconds(message.seconds)}`;
    }
    if (message.type === 'step-undone') {
      entry.done.delete(message.change.id);
      entry.drawn.output = `${name}: undone`;
    }
    entry.drawn.title = phaseTitle(message.change.phase, entry.changes, entry.done.size);
    if (entry.done.size === entry.changes.length) settle(message.change.phase, 'done');
    else bus.emit(`phase:${message.change.phase}`);
  };

  const ask = async (question: Question): Promise<boolean> => {
    const { default: inquirer } = await import('inquirer');
    options.write(`\n${options.style.bold(question.title)}\n${question.lines.map((line) => `  ${line}\n`).join('')}\n`);
    const { approved } = await inquirer.prompt<{ approved: boolean }>([
      {
        type: 'confirm',
        name: 'approved',
        message: `Approve ${question.approval} (${question.stepId})?`,
        default: false,
      },
    ]);
    return approved;
  };

  return {
    notify: (message) => {
      if (message.type === 'run-started') {
        options.write(`${lineOf(message, options.style) ?? ''}\n`);
        for (const [service, url] of Object.entries(message.endpoints))
          if (service !== '') options.write(`  ${options.style.dim(`${service} at ${url}`)}\n`);
        start(message.changes);
        return;
      }
      if (message.type === 'step-progress') {
        const phase = message.progress.stepId.split('/')[0] ?? '';
        const entry = phases.get(phase);
        if (!entry) return;
        entry.drawn.output = `${message.progress.stepId.slice(phase.length + 1)}: ${progressText(message.progress)}`;
        bus.emit(`phase:${phase}`);
        return;
      }
      if ('change' in message && message.type !== 'step-failed') return onStep(message);
      const line = lineOf(message, options.style);
      if (message.type === 'step-failed') {
        const entry = phases.get(message.change.phase);
        if (entry) entry.drawn.output = `${message.code}: ${message.summary}`;
        bus.emit(`phase:${message.change.phase}`);
      }
      if (line !== null && message.type !== 'diagnostic') log(line);
    },
    approve: async (question) => {
      if (options.approver !== null) return { approved: true, by: options.approver };
      await stopDrawing();
      asking = true;
      try {
        return { approved: await ask(question), by: options.userName };
      } finally {
        asking = false;
        for (const text of paused.splice(0)) options.write(`${text}\n`);
        draw();
      }
    },
    close: stopDrawing,
  };
};

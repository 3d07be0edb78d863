/** The phases of a run as a live list: listr2 draws it, messages go above it. The one place where listr2 is used. */
import { EventEmitter } from 'node:events';

/** passed: nothing of it was to do for this command. stopped: it was under way when the run ended. */
export type LineState = 'waiting' | 'running' | 'done' | 'passed' | 'stopped';

export interface Line {
  readonly title: string;
  /** What it is doing now; empty for nothing. */
  readonly output: string;
  readonly state: LineState;
}

/** The part of a terminal's stream that drawing needs. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

export interface PhaseList {
  /** Something about a line has changed. */
  refresh(): void;
  /** A message above the list, with the next drawing. */
  say(text: string): void;
  /** Ends the drawing. keep: the list stays on the screen as it is. Messages are never lost. */
  end(options: { readonly keep: boolean }): Promise<void>;
}

const showCursor = '\u001b[?25h';
// What the drawing writes to take its last picture away: up and clear, line by line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
const erasure = /^(?:\u001b\[(?:2K|1A|G|\d*[AG]))+/;

/** A stream for listr2: puts waiting messages between taking the old picture away and drawing the new one. */
const createCanvas = (screen: Screen) => {
  const waiting: string[] = [];
  let mode: 'drawing' | 'taking-away' | 'gone' = 'drawing';
  let isOnScreen = false;
  const messages = (): string =>
    waiting
      .splice(0)
      .map((message) => `${message}\n`)
      .join('');
  const write = (text: string): boolean => {
    const erased = erasure.exec(text)?.[0] ?? '';
    const rest = text.slice(erased.length);
    const isPicture = rest.includes('\n');
    if (mode === 'drawing') isOnScreen = isPicture || (isOnScreen && erased === '');
    if (mode === 'drawing') screen.write(`${erased}${erased !== '' || isPicture ? messages() : ''}${rest}`);
    else if (mode === 'taking-away') screen.write(`${erased}${isPicture ? '' : rest}`);
    else if (erased === '' && !isPicture) screen.write(rest);
    // log-update goes on counting the lines it believes to be there; erasing those would take what stands above.
    if (mode === 'taking-away' && erased !== '') mode = 'gone';
    return true;
  };
  return {
    write,
    say: (text: string): void => void waiting.push(text),
    /** From here on the last picture is taken away, and none is drawn. */
    takeAway: (): void => {
      mode = isOnScreen ? 'taking-away' : 'gone';
    },
    flush: (): void => screen.write(messages()),
  };
};

/** `lines` are read again at every refresh. */
export const drawPhases = async (lines: () => readonly Line[], screen: Screen): Promise<PhaseList> => {
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2');
  // The host is chosen where there is a terminal; listr2 looks at process.stdout again and would draw something else in a test.
  class Renderer extends DefaultRenderer {
    static override nonTTY = true;
  }
  const bus = new EventEmitter();
  bus.setMaxListeners(100);
  const canvas = createCanvas(screen);
  const stream = Object.assign(new EventEmitter(), {
    isTTY: true,
    columns: screen.columns,
    rows: screen.rows,
    write: canvas.write,
  }) as unknown as NodeJS.WriteStream;

  let isEnded = false;
  /** Null: it goes on. A phase that had not begun when the drawing ends did not fail. */
  const endOf = (line: Line): 'finished' | 'skipped' | 'failed' | null => {
    if (line.state === 'done') return 'finished';
    if (line.state === 'passed') return 'skipped';
    if (line.state === 'stopped') return 'failed';
    return isEnded ? 'skipped' : null;
  };

  const taskOf = (first: Line, index: number) => ({
    title: first.title,
    task: (_: unknown, task: { title: string; output: string; skip(message: string): void }) =>
      new Promise<void>((resolve, reject) => {
        const update = (): void => {
          const line = lines()[index] ?? first;
          task.title = line.title;
          const end = endOf(line);
          if (end === 'skipped') task.skip(line.title);
          if (end === 'failed') reject(new Error(line.title));
          else if (end !== null) resolve();
          else if (line.output !== '') task.output = line.output;
        };
        bus.on('refresh', update);
        update();
      }),
  });

  const list = new Listr(lines().map(taskOf), {
    concurrent: false,
    exitOnError: true,
    renderer: Renderer,
    rendererOptions: {
      collapseErrors: false,
      showErrorMessage: false,
      formatOutput: 'truncate',
      logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(stream) }),
    },
    registerSignalListeners: false,
  });
  const onExit = (): void => screen.write(showCursor);
  process.once('exit', onExit);
  const running = list.run().catch(() => undefined);

  return {
    refresh: () => void bus.emit('refresh'),
    say: canvas.say,
    end: async ({ keep }) => {
      if (!keep) canvas.takeAway();
      isEnded = true;
      bus.emit('refresh');
      await running;
      bus.removeAllListeners();
      process.off('exit', onExit);
      canvas.flush();
      screen.write(showCursor);
    },
  };
};

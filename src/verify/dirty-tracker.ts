/** Reads the change feed of one wave: marks chunks, counts what follows a marker, and acknowledges only what a saved ledger covers. */
import { toFault } from '../model/fault.ts';
import type { Position } from '../model/position.ts';
import type { TableName, TablePair } from '../model/table.ts';
import type { ChunkLedger } from '../parity/ledger.ts';
import type { ChangeStreams, Feed } from '../ports/change-streams.ts';
import type { Clock } from '../ports/clock.ts';
import { createMarks, type Marks } from './feed-marks.ts';
import type { Watch } from './watches.ts';

export interface Waiting {
  readonly seconds: number;
  readonly signal: AbortSignal;
}

export interface DirtyTracker {
  /** From here on marks go into this ledger; what was seen before is carried over. */
  attach(ledger: ChunkLedger): void;
  attached(): boolean;
  ledger(): ChunkLedger | null;
  compare(a: Position, b: Position): number;
  /** Everything that the feed has delivered lies before this; null before the first commit or keepalive. */
  position(): Position | null;
  /** Row changes of the wave behind the marker; null until the feed has passed both it and the last position waited for. */
  rowsAfterMarker(token: string): number | null;
  /** True when the feed has delivered everything up to there; false when the time is over. Faults: why the feed cannot be read. */
  waitPast(position: Position, waiting: Waiting): Promise<boolean>;
  /** `waitPast` the end of the log as it is now. */
  catchUp(waiting: Waiting): Promise<boolean>;
  /** Keys of a table that change from now on. */
  watch(table: TableName): Watch;
  /** Makes the ledger durable now, and lets the server forget what it covers. */
  save(): Promise<void>;
  stop(): Promise<void>;
}

export interface TrackerOptions {
  readonly streams: ChangeStreams;
  readonly wave: string;
  readonly pairs: readonly TablePair[];
  readonly clock: Clock;
  /** The ledger that an earlier process saved; attached before the first event, so that no redelivered mark is missed. */
  readonly ledger?: ChunkLedger | null;
  /** Replaces the saved ledger durably. Left out: nothing is acknowledged once a ledger is attached. */
  readonly save?: (text: string) => Promise<void>;
}

/** Marks reach the disk at least this often; until then the server keeps the log behind them. */
const saveEveryMs = 5000;
const pollMs = 10;
/** Wall pauses between attempts to open a broken feed again. */
const reopenMs = [100, 500, 2000, 5000] as const;

/** Saves one after the other, so that an older text never replaces a newer one; acknowledges what is on disk. */
const createSaver = (options: TrackerOptions, marks: Marks, acknowledge: (position: Position) => void) => {
  const { clock } = options;
  let tail: Promise<void> = Promise.resolve();
  let saving = 0;
  let savedAt = clock.wall.now();

  const write = async (): Promise<void> => {
    const ledger = marks.attached();
    if (ledger === null || options.save === undefined) return;
    // Taken together: the text holds exactly the marks up to this position.
    const covered = marks.delivered();
    const text = marks.encode(ledger);
    try {
      await options.save(text);
    } catch (error) {
      marks.unsaved();
      throw error;
    }
    savedAt = clock.wall.now();
    if (covered !== null) acknowledge(covered);
  };

  const save = (): Promise<void> => {
    saving += 1;
    const next = tail.then(write).finally(() => {
      saving -= 1;
    });
    tail = next.catch(() => undefined);
    return next;
  };

  return {
    save,
    /** Called after each delivered position. */
    onProgress: (position: Position): void => {
      // Without a ledger nothing outlives this process that could miss a mark.
      if (marks.attached() === null) acknowledge(position);
      // A text on its way to the disk has not got there: what it covers is not acknowledged before.
      else if (options.save === undefined || saving > 0 || clock.wall.now() - savedAt < saveEveryMs) return;
      else if (!marks.hasNews()) acknowledge(position);
      // A save that fails is tried again with the next commit; until then nothing is acknowledged and nothing lost.
      else void save().catch(() => undefined);
    },
    settled: () => tail,
  };
};

export const startDirtyTracker = async (options: TrackerOptions): Promise<DirtyTracker> => {
  const { streams, wave, clock } = options;
  const stopping = new AbortController();
  const marks = createMarks(options);
  let feed: Feed = await streams.openFeed({ wave });
  let failure: unknown = null;
  let asked: Position | null = null;
  const saver = createSaver(options, marks, (position) => feed.acknowledge(position));

  const drain = async (): Promise<void> => {
    for await (const event of feed.events) {
      marks.take(event);
      if (event.type === 'progress') {
        failure = null;
        saver.onProgress(event.position);
      }
    }
  };

  const run = async (): Promise<void> => {
    for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
      await drain().catch((error: unknown) => {
        failure = error;
      });
      const pause = reopenMs[Math.min(attempt, reopenMs.length - 1)] ?? 5000;
      await clock.wall.sleep(pause, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      marks.restart();
      await streams.openFeed({ wave }).then(
        (opened) => {
          feed = opened;
        },
        (error: unknown) => {
          failure = error;
        },
      );
    }
  };
  const running = run();

  const isPast = (position: Position): boolean => {
    const delivered = marks.delivered();
    return delivered !== null && marks.compare(delivered, position) >= 0;
  };

  const waitPast = async (position: Position, { seconds, signal }: Waiting): Promise<boolean> => {
    if (asked === null || marks.compare(position, asked) > 0) asked = position;
    const deadline = clock.wall.now() + seconds * 1000;
    while (!isPast(position)) {
      signal.throwIfAborted();
      if (clock.wall.now() >= deadline) {
        if (failure !== null) throw toFault(failure, 'none');
        return false;
      }
      await clock.wall.sleep(pollMs, signal);
    }
    return true;
  };

  return {
    attach: marks.attach,
    attached: () => marks.attached() !== null,
    ledger: marks.attached,
    compare: marks.compare,
    position: marks.delivered,
    rowsAfterMarker: (token) => (asked === null || !isPast(asked) ? null : (marks.markers.get(token) ?? null)),
    waitPast,
    catchUp: async (waiting) => waitPast(await streams.currentPosition(), waiting),
    watch: marks.watches.open,
    save: saver.save,
    stop: async () => {
      stopping.abort();
      await feed.close();
      await running;
      await saver.settled();
    },
  };
};

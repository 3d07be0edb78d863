/** Rows that differed once are asked again until they agree with a state the source was in, or are proven to differ. */
import { tableKey } from '../model/table.ts';
import { differingKeys, type KeyedState, type RowState } from '../parity/difference.ts';
import { keyText, type TableLedger } from '../parity/ledger.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyRange } from '../ports/rows.ts';
import type { Applied } from './applied.ts';
import type { DirtyTracker } from './dirty-tracker.ts';
import type { Side } from './sides.ts';
import type { Watch } from './watches.ts';

export interface SuspectRow {
  readonly key: readonly string[];
  /** States that the source was seen in since the row became suspect, oldest first. */
  readonly history: Set<RowState>;
  source: RowState;
  target: RowState;
  /** Looks in a row at which neither side had moved, and wall ms of the first of them. */
  stableLooks: number;
  stableSince: number;
  /** The source moved since the round began. */
  moved: boolean;
  outcome: 'suspect' | 'equal' | 'different' | 'inFlight';
}

/** Rows that are read together: one page of keys, or one bucket of a table without a key. */
export interface SuspectPage {
  readonly table: TableLedger;
  readonly place:
    | { readonly kind: 'range'; readonly range: KeyRange }
    | { readonly kind: 'bucket'; readonly bucket: number; readonly buckets: number };
  readonly rows: readonly SuspectRow[];
  /** Rows of both sides at the first reading, for tables that are counted only this way. */
  readonly rowsRead: { readonly source: number; readonly target: number };
  read(side: Side): Promise<ReadonlyMap<string, KeyedState>>;
}

/** When a difference is believed. */
export interface Patience {
  /** After this many wall seconds what still moves is `inFlight`. 0: nothing moves, believe at once. */
  readonly deadlineSeconds: number;
  /** Without a feed and markers: looks in a row, over at least so many seconds, at which nothing moved. */
  readonly stableLooks: number;
  readonly stableSeconds: number;
}

export interface ResolveOptions {
  readonly patience: Patience;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tracker: DirtyTracker | null;
  readonly applied: Applied | null;
}

const mostHistory = 256;
const lookMs = 40;
/** A round without a marker lasts this long at first, and at most that. */
const firstPauseMs = 50;
const longestPauseMs = 2000;
/** Pages looked at at once; each look is one query on one side, then one on the other. */
const looksInFlight = 2;

const rowsOf = (page: Pick<SuspectPage, 'place'>, found: ReadonlyMap<string, KeyedState>): number =>
  page.place.kind === 'range' ? found.size : [...found.values()].reduce((sum, row) => sum + Number(row.state), 0);

export const suspectPage = async (options: Omit<SuspectPage, 'rows' | 'rowsRead'>): Promise<SuspectPage> => {
  const [source, target] = await Promise.all([options.read('source'), options.read('target')]);
  const rows = differingKeys(source, target).map(
    (found): SuspectRow => ({
      ...found,
      // Read at the same time, not before: the source's state may be newer than the target's, so it starts the history.
      history: new Set([found.source]),
      stableLooks: 0,
      stableSince: 0,
      moved: false,
      outcome: 'suspect',
    }),
  );
  return { ...options, rows, rowsRead: { source: rowsOf(options, source), target: rowsOf(options, target) } };
};

const remember = (row: SuspectRow, state: RowState): void => {
  row.history.delete(state);
  row.history.add(state);
  const oldest = row.history.values().next().value;
  if (row.history.size > mostHistory && oldest !== undefined) row.history.delete(oldest);
};

const open = (page: SuspectPage): readonly SuspectRow[] => page.rows.filter((row) => row.outcome === 'suspect');

/** Source first, target after: a state found on the target was then really one of the source's, before. */
const look = async (page: SuspectPage, now: () => number): Promise<void> => {
  const rows = open(page);
  if (rows.length === 0) return;
  const source = await page.read('source');
  for (const row of rows) {
    const state = source.get(keyText(row.key))?.state ?? null;
    if (state !== row.source) row.moved = true;
    row.source = state;
    remember(row, state);
  }
  const target = await page.read('target');
  for (const row of rows) {
    const state = target.get(keyText(row.key))?.state ?? null;
    const isStill = !row.moved && state === row.target;
    if (!isStill || row.stableLooks === 0) row.stableSince = now();
    row.stableLooks = isStill ? row.stableLooks + 1 : 0;
    row.target = state;
    if (row.history.has(state)) row.outcome = 'equal';
  }
};

const isOpen = (page: SuspectPage): boolean => page.rows.some((row) => row.outcome === 'suspect');

const lookAtAll = async (pages: readonly SuspectPage[], now: () => number): Promise<void> => {
  const left = pages.filter(isOpen);
  const worker = async (): Promise<void> => {
    for (let page = left.shift(); page !== undefined; page = left.shift()) await look(page, now);
  };
  await Promise.all(Array.from({ length: looksInFlight }, worker));
};

/**
 * Waits for the markers, or a pause where there are none. Meanwhile the source is sampled on: a row that changes ten times a
 * second is then met in its own past. When no row is left in doubt, nothing is left to wait for.
 */
const waitWhileLooking = async (
  pages: readonly SuspectPage[],
  options: ResolveOptions,
  pauseMs: number,
  secondsLeft: number,
): Promise<boolean> => {
  const { clock, applied } = options;
  const now = (): number => clock.wall.now();
  const decided = new AbortController();
  const signal = AbortSignal.any([options.signal, decided.signal]);
  let isOver = false;
  const wait =
    applied === null
      ? clock.wall.sleep(pauseMs, signal).then(() => false)
      : applied.settle({ seconds: Math.min(30, secondsLeft), signal }).then((position) => position !== null);
  const waiting = wait.finally(() => {
    isOver = true;
  });
  // A failing look must not leave the wait's own failure unheard.
  waiting.catch(() => undefined);
  while (!isOver && pages.some(isOpen)) {
    const startedAt = now();
    await lookAtAll(pages, now);
    // Half of the time is left to others: looking at many pages is work for both databases.
    if (!isOver) await clock.wall.sleep(Math.max(lookMs, now() - startedAt), options.signal);
  }
  if (pages.some(isOpen)) return waiting;
  decided.abort();
  await waiting.catch(() => undefined);
  options.signal.throwIfAborted();
  return false;
};

const keyRecord = (page: SuspectPage, row: SuspectRow): Readonly<Record<string, string>> =>
  Object.fromEntries(page.table.source.key.map((column, index) => [column, row.key[index] ?? '']));

/** Without markers nothing is proven, so time and repetition stand in; with them, time alone could be mere lag. */
const isStableLong = (row: SuspectRow, { patience, clock, applied }: ResolveOptions): boolean =>
  applied === null &&
  row.stableLooks >= patience.stableLooks &&
  clock.wall.now() - row.stableSince >= patience.stableSeconds * 1000;

const judgeRound = (
  pages: readonly SuspectPage[],
  options: ResolveOptions,
  proof: { readonly isApplied: boolean; readonly watches: ReadonlyMap<string, Watch> | null },
): void => {
  for (const page of pages)
    for (const row of open(page)) {
      const watch = proof.watches?.get(tableKey(page.table.pair.source));
      if (watch?.sawChange(keyRecord(page, row))) {
        row.stableLooks = 0;
        continue;
      }
      // Unchanged by the feed from before the markers until after the last look: what the target lacks now, it lacks.
      const isProven = proof.isApplied && watch !== undefined && !row.moved;
      if (isProven || isStableLong(row, options)) row.outcome = 'different';
    }
};

const round = async (pages: readonly SuspectPage[], options: ResolveOptions, timing: Timing): Promise<void> => {
  const { clock, signal, tracker } = options;
  const now = (): number => clock.wall.now();
  const tables = new Map(pages.map((page) => [tableKey(page.table.pair.source), page.table.pair.source]));
  const watches = tracker === null ? null : new Map([...tables].map(([name, table]) => [name, tracker.watch(table)]));
  try {
    const stand = (): void => {
      for (const page of pages) for (const row of open(page)) row.moved = false;
    };
    stand();
    await lookAtAll(pages, now);
    // What was seen first is this round's starting point.
    stand();
    const isApplied = await waitWhileLooking(pages, options, timing.pauseMs, timing.secondsLeft);
    if (!pages.some(isOpen)) return;
    await lookAtAll(pages, now);
    const isCaughtUp = tracker !== null && (await tracker.catchUp({ seconds: timing.secondsLeft, signal }));
    judgeRound(pages, options, { isApplied, watches: isCaughtUp ? watches : null });
  } finally {
    for (const watch of watches?.values() ?? []) watch.close();
  }
};

interface Timing {
  readonly pauseMs: number;
  readonly secondsLeft: number;
}

/** Decides every row of the pages: equal, different, or inFlight when the time is over. */
export const resolveSuspects = async (pages: readonly SuspectPage[], options: ResolveOptions): Promise<void> => {
  const { patience, clock, signal } = options;
  const settleAs = (outcome: SuspectRow['outcome']): void => {
    for (const page of pages) for (const row of open(page)) row.outcome = outcome;
  };
  if (patience.deadlineSeconds === 0) return settleAs('different');
  const deadline = clock.wall.now() + patience.deadlineSeconds * 1000;
  let pauseMs = firstPauseMs;
  for (let left = pages.filter(isOpen); left.length > 0; left = left.filter(isOpen)) {
    signal.throwIfAborted();
    const secondsLeft = (deadline - clock.wall.now()) / 1000;
    if (secondsLeft <= 0) break;
    await round(left, options, { pauseMs, secondsLeft });
    pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
  }
  settleAs('inFlight');
};

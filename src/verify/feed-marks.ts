/** Feed events to marks on chunks, counts behind markers and watched keys: what the tracker knows, without reading or saving anything. */
import type { Position } from '../model/position.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import { type ChunkLedger, carryMarks, findTable, markChange, newer, newTable } from '../parity/ledger.ts';
import { encodeLedger } from '../parity/ledger-codec.ts';
import type { ChangeStreams, FeedEvent } from '../ports/change-streams.ts';
import { createWatches } from './watches.ts';

const mostMarkers = 200;
/** Row changes of one transaction that are kept until its commit is known. */
const mostOpenRows = 50_000;

type RowEvent = Extract<FeedEvent, { type: 'row' }>;

/** What is marked while no ledger is attached: table and keys, bounded. */
const shadowLedger = (pairs: readonly TablePair[]): ChunkLedger => ({
  isComplete: false,
  tables: pairs.map((pair) =>
    newTable({
      pair,
      source: { table: pair.source, columns: [], key: [] },
      target: { table: pair.target, columns: [], key: [] },
      keyOrder: [],
    }),
  ),
});

/** Events to marks: rows are marked with the position of their commit, because only that is comparable with a position read elsewhere. */
export const createMarks = (options: {
  readonly streams: Pick<ChangeStreams, 'compare'>;
  readonly pairs: readonly TablePair[];
  readonly ledger?: ChunkLedger | null;
}) => {
  const { streams, pairs } = options;
  const compare = (a: Position, b: Position): number => streams.compare(a, b);
  const inWave = new Set(pairs.map((pair) => tableKey(pair.source)));
  const watches = createWatches();
  const markers = new Map<string, number>();
  let attached: ChunkLedger | null = options.ledger ?? null;
  let shadow = shadowLedger(pairs);
  let openRows: RowEvent[] = [];
  /** Tables that changed as a whole, with the newest position of such a change. */
  let openTables = new Map<string, Position>();
  let delivered: Position | null = null;
  let hasNews = false;

  const countBehindMarkers = (): void => {
    for (const [token, rows] of markers) markers.set(token, rows + 1);
  };

  const takeRow = (event: RowEvent): void => {
    if (!inWave.has(tableKey(event.table))) return;
    countBehindMarkers();
    watches.see(event.table, event.keys);
    if (openRows.length < mostOpenRows) openRows.push(event);
    else openTables.set(tableKey(event.table), event.position);
  };

  const markOpen = (position: Position): void => {
    const ledger = attached ?? shadow;
    for (const event of openRows) {
      const table = findTable(ledger, event.table);
      if (!table) continue;
      const keys = event.keys && event.keys.length > 0 ? event.keys : [null];
      // A keepalive may come in the middle of a large transaction, before its commit: the later of the two counts.
      const at = newer(compare, event.position, position) ?? position;
      for (const key of keys) markChange(table, key, at, compare);
    }
    for (const table of ledger.tables) {
      const whole = openTables.get(tableKey(table.pair.source));
      if (whole !== undefined) markChange(table, null, newer(compare, whole, position) ?? position, compare);
    }
    if (openRows.length > 0 || openTables.size > 0) hasNews = true;
    openRows = [];
    openTables = new Map();
  };

  return {
    compare,
    watches,
    markers,
    take: (event: FeedEvent): void => {
      if (event.type === 'row') takeRow(event);
      else if (event.type === 'truncate') {
        for (const table of event.tables.filter((name) => inWave.has(tableKey(name)))) {
          countBehindMarkers();
          watches.see(table, null);
          openTables.set(tableKey(table), event.position);
        }
      } else if (event.type === 'marker') {
        // A marker that is delivered again is counted anew, and so is what follows it.
        markers.delete(event.token);
        markers.set(event.token, 0);
        const oldest = markers.keys().next().value;
        if (markers.size > mostMarkers && oldest !== undefined) markers.delete(oldest);
      } else {
        markOpen(event.position);
        if (delivered === null || compare(event.position, delivered) > 0) delivered = event.position;
      }
    },
    /** The feed was opened again: the transaction that was cut off comes again from its start. */
    restart: (): void => {
      openRows = [];
      openTables = new Map();
    },
    attach: (ledger: ChunkLedger): void => {
      if (ledger === attached) return;
      carryMarks(attached ?? shadow, ledger, compare);
      attached = ledger;
      shadow = shadowLedger(pairs);
      hasNews = true;
    },
    attached: () => attached,
    delivered: () => delivered,
    hasNews: () => hasNews,
    /** The text that covers every mark up to now. */
    encode: (ledger: ChunkLedger): string => {
      hasNews = false;
      return encodeLedger(ledger);
    },
    unsaved: (): void => {
      hasNews = true;
    },
  };
};

export type Marks = ReturnType<typeof createMarks>;

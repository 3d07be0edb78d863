/** A change log in memory behind ChangeStreams: commits get rising positions, and a feed delivers again what was not acknowledged. */
import { Fault } from '../../model/fault.ts';
import type { Position } from '../../model/position.ts';
import type { TableName } from '../../model/table.ts';
import type { ChangeStreams, Feed, FeedEvent, SlotState } from '../change-streams.ts';

export type FakeChange =
  | {
      readonly type: 'row';
      readonly table: TableName;
      readonly operation: 'insert' | 'update' | 'delete';
      readonly keys: readonly Readonly<Record<string, string>>[] | null;
    }
  | { readonly type: 'truncate'; readonly tables: readonly TableName[] }
  | { readonly type: 'marker'; readonly token: string };

export interface FakeStreams extends ChangeStreams {
  /** One transaction; its events carry its position, and a progress event follows. */
  commit(changes: readonly FakeChange[]): Position;
  /** Holds deliveries back until released: the feed then lags. */
  hold(isHeld: boolean): void;
  /** The open feeds reject, as when the connection is cut. */
  breakFeeds(): void;
  acknowledged(wave: string): Position | null;
}

const positionOf = (number: number): Position => String(number).padStart(12, '0') as Position;
const numberOf = (position: Position): number => Number(position);

interface Commit {
  readonly number: number;
  readonly events: readonly FeedEvent[];
}

export const fakeStreams = (): FakeStreams => {
  const commits: Commit[] = [];
  const feeds = new Map<string, number>();
  const slots = new Map<string, { plugin: string; number: number }>();
  const wakers = new Set<() => void>();
  let generation = 0;
  let isHeld = false;
  const end = (): number => commits.at(-1)?.number ?? 0;
  const wake = (): void => {
    for (const waker of wakers) waker();
    wakers.clear();
  };
  const news = (): Promise<void> =>
    new Promise((resolve) => {
      wakers.add(resolve);
    });

  const openFeed = (wave: string): Feed => {
    const acknowledged = feeds.get(wave);
    if (acknowledged === undefined)
      throw new Fault({ code: 'feed.missing', summary: 'The change feed on the source is gone.', detail: wave });
    const born = generation;
    let next = acknowledged;
    let isClosed = false;
    async function* events(): AsyncGenerator<FeedEvent> {
      while (!isClosed) {
        if (generation !== born) throw new Fault({ code: 'feed.broken', summary: 'The change feed broke.' });
        const commit = isHeld ? undefined : commits[next];
        if (!commit) {
          await news();
          continue;
        }
        next = commit.number;
        yield* commit.events;
      }
    }
    return {
      events: events(),
      acknowledge: (position) => {
        feeds.set(wave, Math.max(feeds.get(wave) ?? 0, numberOf(position)));
      },
      close: async () => {
        isClosed = true;
        wake();
      },
    };
  };

  const slotState = (name: string, slot: { plugin: string; number: number }): SlotState => ({
    name,
    plugin: slot.plugin,
    active: false,
    confirmed: positionOf(slot.number),
    retainedBytes: 0,
    walStatus: 'reserved',
  });

  return {
    commit: (changes) => {
      const number = end() + 1;
      const position = positionOf(number);
      const events = changes.map((change): FeedEvent => ({ ...change, position }));
      commits.push({ number, events: [...events, { type: 'progress', position }] });
      wake();
      return position;
    },
    hold: (held) => {
      isHeld = held;
      wake();
    },
    breakFeeds: () => {
      generation += 1;
      wake();
    },
    acknowledged: (wave) => {
      const number = feeds.get(wave);
      return number === undefined ? null : positionOf(number);
    },
    // As a keepalive would: the end of the log is always delivered, even when nothing of the wave happened.
    currentPosition: async () => {
      const number = end() + 1;
      commits.push({ number, events: [{ type: 'progress', position: positionOf(number) }] });
      wake();
      return positionOf(number);
    },
    compare: (a, b) => numberOf(a) - numberOf(b),
    slots: async () => [...slots].map(([name, slot]) => slotState(name, slot)),
    createSlot: async ({ name, plugin }) => {
      const slot = slots.get(name) ?? { plugin, number: end() };
      slots.set(name, slot);
      return positionOf(slot.number);
    },
    advanceSlot: async (name) => {
      const slot = slots.get(name);
      if (!slot) throw new Fault({ code: 'slot.missing', summary: 'A slot is gone.', detail: name });
      slot.number = end();
      return positionOf(slot.number);
    },
    dropSlot: async (name) => {
      slots.delete(name);
    },
    createFeed: async ({ wave }) => {
      if (!feeds.has(wave)) feeds.set(wave, end());
      return { slot: `octank_feed_${wave}`, position: positionOf(feeds.get(wave) ?? 0) };
    },
    feedExists: async (wave) => feeds.has(wave),
    openFeed: async ({ wave }) => openFeed(wave),
    dropFeed: async (wave) => {
      feeds.delete(wave);
    },
  };
};

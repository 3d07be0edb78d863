/** Proves that the target has everything that the source had committed at a moment: two markers, one after the other. */
import type { Position } from '../model/position.ts';
import type { ChangeStreams } from '../ports/change-streams.ts';
import type { Clock } from '../ports/clock.ts';
import type { Signals } from '../ports/signals.ts';

export interface Applied {
  /**
   * A position P such that all changes up to P are on the target when this resolves, P being the end of the source's
   * log when it was called; null when the markers did not come through in time.
   */
  settle(waiting: { readonly seconds: number; readonly signal: AbortSignal }): Promise<Position | null>;
  /** The newest position proven so far, and the wall ms at which it was the end of the log; null before the first proof. */
  newest(): Proven | null;
}

export interface Proven {
  readonly position: Position;
  readonly askedAt: number;
}

const pollMs = 50;

/** `tokens`: a prefix unique to this attempt; every settle writes two markers of its own. */
export const createApplied = (options: {
  readonly streams: Pick<ChangeStreams, 'currentPosition'>;
  readonly source: Pick<Signals, 'writeMarker'>;
  readonly target: Pick<Signals, 'hasMarker'>;
  readonly clock: Clock;
  readonly tokens: string;
}): Applied => {
  const { streams, source, target, clock, tokens } = options;
  let count = 0;
  let newest: Proven | null = null;

  const passes = async (deadline: number, signal: AbortSignal): Promise<boolean> => {
    count += 1;
    const token = `${tokens}:${count}`;
    await source.writeMarker({ direction: 'forward', token });
    while (!(await target.hasMarker({ direction: 'forward', token }))) {
      if (clock.wall.now() >= deadline) return false;
      await clock.wall.sleep(pollMs, signal);
    }
    return true;
  };

  return {
    settle: async ({ seconds, signal }) => {
      const deadline = clock.wall.now() + seconds * 1000;
      const askedAt = clock.wall.now();
      const position = await streams.currentPosition();
      // Batch apply may bring the marker before other tables of its batch. The second is written when the first was
      // seen, so it travels in a later batch, and by then the first one's batch is whole.
      const isApplied = (await passes(deadline, signal)) && (await passes(deadline, signal));
      if (!isApplied) return null;
      // Two may be under way at once; what was proven once stays proven.
      if (newest === null || askedAt > newest.askedAt) newest = { position, askedAt };
      return position;
    },
    newest: () => newest,
  };
};

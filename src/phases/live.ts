/** What must go on beside the steps while changes flow: the heartbeat of each direction, the feed that marks dirty chunks, the slots' budgets. */
import { Fault } from '../model/fault.ts';
import type { Wave } from '../model/plan.ts';
import type { TablePair } from '../model/table.ts';
import { decodeLedger } from '../parity/ledger-codec.ts';
import type { SlotState } from '../ports/change-streams.ts';
import type { Database } from '../ports/database.ts';
import type { Direction } from '../ports/signals.ts';
import { type Applied, createApplied } from '../verify/applied.ts';
import { type DirtyTracker, startDirtyTracker } from '../verify/dirty-tracker.ts';
import type { Measurement, Ports } from './contract.ts';
import { startSlotWatch } from './slot-watch.ts';
import { ledgerName } from './verify.ts';

export interface LiveWave {
  /** Age of the newest heartbeat seen on the target, seconds; null before the first. */
  lagSeconds(): number | null;
  /** The last `samples` ages were all within `limit`, and none is older than two beats. */
  steadyLag(samples: number, limit: number): boolean;
  /** Marks chunks of the ledger from the change feed, and proves what followed a marker. */
  readonly tracker: DirtyTracker;
  /** Proves, with markers, what the target has: without it no chunk is ever clean. */
  readonly applied: Applied;
  /** From here on the forward lag says nothing any more: nobody carries it. */
  stopBeating(): Promise<void>;
  stop(): Promise<void>;
}

export interface LiveWaves {
  /** Starts on first use; a resume starts it again by the same call. */
  of(wave: Wave, pairs: readonly TablePair[]): Promise<LiveWave>;
  sampleLoad(wave: string, rows: number, totalRows: number): Promise<void>;
  /** Keeps an eye on slots that octank causes on one side; idempotent, goes on until everything stops. */
  watchSlots(wave: Wave, side: 'source' | 'target', isOurs: (slot: SlotState) => boolean): void;
  /** The heartbeat of the way back, written on the target, read on the source; idempotent, goes on until everything stops. */
  reverse(wave: Wave): void;
  /** Stops what belongs to one wave (after its cutover), or everything. */
  stop(wave?: string): Promise<void>;
}

const beatSeconds = 1;
/** Every how many seconds a lag or load sample is journaled: a curve, not a log. */
const sampleSeconds = 2;

const firstProofSeconds = 30;

interface Sample {
  readonly at: number;
  readonly lag: number;
}

/** A way back whose heartbeat is older than this is told of: nobody looks at it until it is needed. */
const stalledSeconds = 60;

const stalled = (wave: string, seconds: number | null): Measurement => ({
  type: 'diagnostic',
  diagnostic: {
    severity: 'warning',
    code: 'reverse.stalled',
    summary: 'Changes of the target do not reach the source.',
    detail: `Wave ${wave}: ${seconds === null ? 'no heartbeat can be read' : `the newest heartbeat is ${Math.round(seconds)} s old`}.`,
    hint: 'Look at the reverse task. Until it runs again, going back would lose what was written since.',
    range: null,
  },
});

const startHeartbeat = (options: {
  readonly wave: string;
  readonly direction: Direction;
  /** Opened with every beat, so that a database that is away now may come back. */
  readonly from: () => Promise<Database>;
  readonly to: () => Promise<Database>;
  readonly ports: Ports;
  readonly record: (measurement: Measurement) => Promise<void>;
}) => {
  const { ports, direction, wave } = options;
  const stopping = new AbortController();
  let samples: readonly Sample[] = [];
  let failure: unknown = null;
  let lastRecorded = 0;
  let seenAt = ports.clock.wall.now();
  let isTold = false;

  const beat = async (): Promise<void> => {
    await (await options.from()).signals.beat(direction);
    const lag = await (await options.to()).signals.heartbeatAge(direction);
    failure = null;
    if (lag === null) return;
    const at = ports.clock.wall.now();
    seenAt = at - lag * 1000;
    samples = [...samples.slice(-59), { at, lag }];
    if (at - lastRecorded < sampleSeconds * 1000) return;
    lastRecorded = at;
    await options.record({ type: 'lag', wave, seconds: Number(lag.toFixed(3)) });
  };

  const tell = async (): Promise<void> => {
    const age = (ports.clock.wall.now() - seenAt) / 1000;
    if (direction === 'forward' || age <= stalledSeconds) isTold = false;
    else if (!isTold) {
      isTold = true;
      await options.record(stalled(wave, failure === null && samples.length > 0 ? age : null));
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A beat that fails is itself the evidence: lag is then unknown, and unknown lag passes nothing.
      await beat().catch((error: unknown) => {
        failure = error;
        samples = [];
      });
      await tell().catch(() => undefined);
      await ports.clock.wall.sleep(beatSeconds * 1000, stopping.signal).catch(() => undefined);
    }
  };
  const running = loop();

  return {
    samples: () => samples,
    failure: () => failure,
    stop: async (): Promise<void> => {
      stopping.abort();
      await running;
    },
  };
};

export const createLiveWaves = (options: {
  readonly ports: Ports;
  readonly record: (measurement: Measurement) => Promise<void>;
  /** Ends the run as Ctrl-C does: what is fenced is opened again, what has moved stays. */
  readonly stopRun?: (fault: Fault) => void;
}): LiveWaves => {
  const { ports, record } = options;
  const waves = new Map<string, Promise<LiveWave>>();
  /** What outlives the cutover of its wave. */
  const lasting = new Map<string, { stop(): Promise<void> }>();
  const last = (key: string, begin: () => { stop(): Promise<void> }): void => {
    if (!lasting.has(key)) lasting.set(key, begin());
  };
  let lastLoad = 0;

  const start = async (wave: Wave, pairs: readonly TablePair[]): Promise<LiveWave> => {
    const [source, target] = await Promise.all([ports.database(wave.source), ports.database(wave.target)]);
    if (!(await source.streams.feedExists(wave.name)))
      throw new Fault({
        code: 'feed.missing',
        summary: 'The change feed on the source is gone.',
        detail: wave.name,
        hint: 'Someone dropped its slot; parity must be checked in full again.',
      });
    const name = ledgerName(wave);
    const saved = await ports.checkpoints.load(name);
    const ledger = saved === undefined ? null : decodeLedger(saved);
    const tracker = await startDirtyTracker({
      streams: source.streams,
      wave: wave.name,
      pairs,
      clock: ports.clock,
      // One that was never finished proves nothing, and its wave is checked again.
      ledger: ledger?.isComplete ? ledger : null,
      save: (text) => ports.checkpoints.save(name, text),
    });
    const applied = createApplied({
      streams: source.streams,
      source: source.signals,
      target: target.signals,
      clock: ports.clock,
      tokens: `parity:${wave.name}:${Math.round(ports.clock.wall.now())}`,
    });
    const stopping = new AbortController();
    // Parity begins with what is proven already; the lag is waited for meanwhile. No proof is no fault: it is asked for again.
    const proving = applied.settle({ seconds: firstProofSeconds, signal: stopping.signal }).catch(() => null);
    const heartbeat = startHeartbeat({
      wave: wave.name,
      direction: 'forward',
      from: async () => source,
      to: async () => target,
      ports,
      record,
    });
    const isFresh = (sample: Sample | undefined): boolean =>
      sample !== undefined && ports.clock.wall.now() - sample.at <= 2 * beatSeconds * 1000 + 1000;
    return {
      lagSeconds: () => heartbeat.samples().at(-1)?.lag ?? null,
      steadyLag: (count, limit) => {
        const last = heartbeat.samples().slice(-count);
        return last.length === count && isFresh(last.at(-1)) && last.every((sample) => sample.lag <= limit);
      },
      tracker,
      applied,
      stopBeating: () => heartbeat.stop(),
      stop: async () => {
        stopping.abort();
        await proving;
        await heartbeat.stop();
        await tracker.stop();
      },
    };
  };

  return {
    of: (wave, pairs) => {
      const known = waves.get(wave.name);
      if (known) return known;
      const starting = start(wave, pairs);
      waves.set(wave.name, starting);
      // A start that failed may be tried again by the next step or the next resume.
      starting.catch(() => waves.delete(wave.name));
      return starting;
    },
    sampleLoad: async (wave, rows, totalRows) => {
      const at = ports.clock.wall.now();
      if (at - lastLoad < sampleSeconds * 500) return;
      lastLoad = at;
      await record({ type: 'load', wave, rows, totalRows });
    },
    watchSlots: (wave, side, isOurs) =>
      last(`slots ${wave.name} ${side}`, () =>
        startSlotWatch({
          database: () => ports.database(wave[side]),
          name: wave[side],
          isOurs,
          budgetBytes: wave.replication.slotBudgetBytes,
          wall: ports.clock.wall,
          record,
          onFault: (fault) => options.stopRun?.(fault),
        }),
      ),
    reverse: (wave) =>
      last(`reverse ${wave.name}`, () =>
        startHeartbeat({
          wave: wave.name,
          direction: 'reverse',
          from: () => ports.database(wave.target),
          to: () => ports.database(wave.source),
          ports,
          record,
        }),
      ),
    stop: async (wave) => {
      const stopping = [...waves].filter(([name]) => wave === undefined || name === wave);
      for (const [name, live] of stopping) {
        waves.delete(name);
        await live.then((running) => running.stop()).catch(() => undefined);
      }
      if (wave !== undefined) return;
      for (const [key, running] of [...lasting]) {
        lasting.delete(key);
        await running.stop();
      }
    },
  };
};

/** The checker's eyes: looks at writers, weights, names and the journal in turn, until told to stop. */
import type { DnsClient } from '../dns.ts';
import type { AwsConfig } from '../secret.ts';
import { type JournalReader, type JournalView, openJournalReader } from './journal-view.ts';
import type { Report } from './violation.ts';
import { createWeightsWatch, type WatchedRecord, type WeightsWatch } from './watch-weights.ts';
import { lookForWriters, type TablePairNames, type WriterLook } from './watch-writers.ts';
import type { WriteProbe } from './write-probe.ts';

export interface WatchCounts {
  readonly writers: number;
  /** Looks that failed because a server could not be asked. */
  readonly unanswered: number;
  readonly weights: number;
  readonly names: number;
}

export interface WatchOptions {
  readonly wave: string;
  readonly probes: { readonly source: WriteProbe; readonly target: WriteProbe };
  readonly pairs: readonly TablePairNames[];
  readonly aws: AwsConfig | null;
  readonly dnsClient: DnsClient | null;
  readonly records: readonly WatchedRecord[];
  /** The running run's records; a resume keeps it, a new run has another. */
  readonly journalFolder: () => string | null;
  readonly intervalMs?: number;
  readonly report: Report;
}

const defaultIntervalMs = 400;
/** Route 53 takes few calls a second, and octank's come first. */
const weightsMs = 1500;

/** The claim binds only when it was the newest before and after the look. */
const claimHeld = (before: JournalView | null, after: JournalView | null, look: WriterLook): string | null => {
  const claim = after?.refuses;
  if (!claim?.side || before?.refuses?.number !== claim.number) return null;
  return look[claim.side] > 0
    ? `record ${claim.number} means that the ${claim.side} refuses writes, and it takes them on ${look[claim.side]} tables`
    : null;
};

const checkWeights = async (
  watch: WeightsWatch,
  record: WatchedRecord,
  journal: () => Promise<JournalView | null>,
  report: Report,
): Promise<void> => {
  const name = `${record.name}.${record.zone}`;
  const before = (await journal())?.weights.get(name);
  const live = await watch.look(record);
  const after = (await journal())?.weights.get(name);
  if (!live || !before || !after || before.number !== after.number) return;
  if (live.source === after.source && live.target === after.target) return;
  // A move is in the world a moment before it is in the journal: only what stays so is a contradiction.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const later = (await journal())?.weights.get(name);
  const again = later?.number === after.number ? await watch.look(record) : null;
  if (again && (again.source !== after.source || again.target !== after.target))
    report(
      'journal-weights',
      `${name} is ${again.source}/${again.target}, and record ${after.number} says ${after.source}/${after.target}`,
    );
};

export const startWatch = (options: WatchOptions) => {
  const { report } = options;
  const counts = { writers: 0, unanswered: 0, weights: 0, names: 0 };
  const weights = options.aws ? createWeightsWatch(options.aws, report) : null;
  let lastLook: WriterLook | null = null;
  let isStopping = false;
  const wakers = new Set<() => void>();

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        wakers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakers.add(wake);
    });

  const readers = new Map<string, JournalReader>();
  const journal = async (): Promise<JournalView | null> => {
    const folder = options.journalFolder();
    if (folder === null) return null;
    const reader = readers.get(folder) ?? openJournalReader(folder, options.wave);
    readers.set(folder, reader);
    const view = await reader.read();
    if (view.broken) report('journal-chain', view.broken);
    return view;
  };

  const lookAtWriters = async (): Promise<void> => {
    const before = await journal();
    const look = await lookForWriters({ ...options.probes, pairs: options.pairs, report });
    const contradiction = claimHeld(before, await journal(), look);
    if (contradiction) report('journal-writer', contradiction);
    lastLook = look;
    counts.writers++;
  };

  const lookAtNames = async (): Promise<void> => {
    for (const record of options.dnsClient ? options.records : []) {
      if (record.type === 'CNAME') continue;
      const answer = await options.dnsClient?.ask(`${record.name}.${record.zone}`, record.type);
      counts.names++;
      // Nobody answering is the network; an answer without an address is the zone.
      if (answer && answer.code !== 'TIMEOUT' && answer.addresses.length === 0)
        report('name-without-address', `${record.name}.${record.zone} was answered ${answer.code} without an address`);
    }
  };

  const lookAtWeights = async (): Promise<void> => {
    for (const record of weights ? options.records : []) {
      if (weights) await checkWeights(weights, record, journal, report);
      counts.weights++;
    }
  };

  const repeat = async (look: () => Promise<void>, everyMs: number): Promise<void> => {
    while (!isStopping) {
      await look().catch(() => {
        counts.unanswered++;
      });
      if (!isStopping) await rest(everyMs);
    }
  };

  const intervalMs = options.intervalMs ?? defaultIntervalMs;
  const loops = [repeat(lookAtWriters, intervalMs), repeat(lookAtNames, intervalMs), repeat(lookAtWeights, weightsMs)];

  return {
    counts: (): WatchCounts => ({ ...counts }),
    stop: async (): Promise<{ readonly counts: WatchCounts; readonly lastLook: WriterLook | null }> => {
      isStopping = true;
      for (const wake of [...wakers]) wake();
      await Promise.all(loops);
      // The end is looked at once more, when nothing moves.
      lastLook = null;
      for (let attempt = 0; attempt < 3 && lastLook === null; attempt++)
        await lookAtWriters().catch(() => {
          counts.unanswered++;
        });
      weights?.close();
      options.dnsClient?.close();
      return { counts, lastLook };
    },
  };
};

/** The invariant checker: watches a rehearsal from outside with its own connections, and judges it at the end. */
import type pg from 'pg';
import { openDns } from '../dns.ts';
import type { AwsConfig } from '../secret.ts';
import { foldDiary, interleaved, quantile, readOps, type Switch } from './diary.ts';
import { proveGenericWrites, proveShopWrites } from './proof.ts';
import { checkSequences, compareRows, type RowsComparison } from './rows.ts';
import { openSession, type Session } from './session.ts';
import { createViolations, type Violation } from './violation.ts';
import { startWatch, type WatchCounts } from './watch.ts';
import type { WatchedRecord } from './watch-weights.ts';
import type { TablePairNames, WriterLook } from './watch-writers.ts';
import { createWriteProbe, type WriteProbe } from './write-probe.ts';

export type { TablePairNames, Violation, WatchedRecord };

export interface CheckedDatabase {
  /** Superuser connection: the checker's own, nobody else's. */
  readonly connection: pg.ClientConfig;
  /** Role that applications connect as. */
  readonly role: string;
}

export interface CheckerOptions {
  readonly mode: 'shop' | 'generic';
  readonly wave: string;
  readonly source: CheckedDatabase;
  readonly target: CheckedDatabase;
  readonly pairs: readonly TablePairNames[];
  /** Route 53 and DNS of the rehearsal; null without traffic. */
  readonly aws: AwsConfig | null;
  readonly dns: { readonly host: string; readonly port: number } | null;
  readonly records: readonly WatchedRecord[];
  /** Folder of the newest run's journal records; null while there is none, and then no claims are compared. */
  readonly journalFolder: () => string | null;
  readonly intervalMs?: number;
}

export interface CheckerReport {
  readonly violations: readonly Violation[];
  readonly writes: {
    readonly acknowledged: number;
    readonly refused: number;
    readonly indeterminate: number;
    readonly abandoned: number;
    readonly lost: number;
    readonly duplicated: number;
  };
  /** Side that takes application writes at the end; null when none does. */
  readonly writer: 'source' | 'target' | null;
  /** Each change of the server that acknowledged writes; a cutover is one, a fallback another. */
  readonly switches: readonly Switch[];
  /** Of the longest switch: last write accepted by the one to first accepted by the other; null when writes never moved. */
  readonly databaseGapSeconds: number | null;
  readonly clients: {
    readonly count: number;
    readonly medianDowntimeSeconds: number | null;
    readonly p99DowntimeSeconds: number | null;
  };
  /** Null when it was not asked for. */
  readonly rows: RowsComparison | null;
  readonly sequences: number;
  /** How often it looked: a checker that could not look has proved nothing. */
  readonly looks: WatchCounts;
}

export interface StopOptions {
  /** Diaries of the workload, which has stopped. */
  readonly logs: readonly string[];
  /** Both databases must come to agree within this time; null: they need not (no replication ran at the end). */
  readonly rowsWithinSeconds: number | null;
}

export interface Checker {
  violations(): readonly Violation[];
  looks(): WatchCounts;
  stop(options: StopOptions): Promise<CheckerReport>;
}

const writerOf = (look: WriterLook): 'source' | 'target' | null => {
  if (look.source > 0 && look.target > 0) return null;
  if (look.target > 0) return 'target';
  return look.source > 0 ? 'source' : null;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Replication may still be carrying the last writes: asked again until both agree or the time is over. */
const untilEqual = async (
  source: Session,
  target: Session,
  pairs: readonly TablePairNames[],
  seconds: number,
): Promise<RowsComparison> => {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const comparison = await source.with((a) => target.with((b) => compareRows(a, b, pairs)));
    if (comparison.equal || Date.now() > deadline) return comparison;
    await pause(500);
  }
};

export const startChecker = (options: CheckerOptions): Checker => {
  const { list, report } = createViolations();
  const sessions = { source: openSession(options.source.connection), target: openSession(options.target.connection) };
  const probe = (side: 'source' | 'target'): WriteProbe =>
    createWriteProbe({
      session: sessions[side],
      role: options[side].role,
      tables: options.pairs.map((pair) => pair[side]),
    });
  const watch = startWatch({
    ...options,
    probes: { source: probe('source'), target: probe('target') },
    dnsClient: options.dns ? openDns(options.dns) : null,
    report,
  });

  return {
    violations: list,
    looks: watch.counts,
    stop: async ({ logs, rowsWithinSeconds }) => {
      const { counts, lastLook } = await watch.stop();
      try {
        const diary = foldDiary(await readOps(logs));
        for (const one of interleaved(diary))
          report(
            'two-writers-in-diary',
            `${one.from} and ${one.to} acknowledged writes in turns at ${new Date(one.at).toISOString()}`,
          );
        const writer = lastLook ? writerOf(lastLook) : null;
        if (counts.writers === 0 || lastLook === null)
          report('not-watched', 'the databases could not be asked who takes writes, so nothing is proved');
        const rows =
          rowsWithinSeconds === null
            ? null
            : await untilEqual(sessions.source, sessions.target, options.pairs, rowsWithinSeconds);
        for (const difference of rows?.different ?? []) report('rows-differ', difference);
        // Without a writer the side that acknowledged last is judged: what it promised must be somewhere.
        const judged = writer ?? (diary.switches.length % 2 === 1 ? 'target' : 'source');
        const prove = options.mode === 'shop' ? proveShopWrites : proveGenericWrites;
        const { proof, sequences } = await sessions[judged].with(async (client) => ({
          proof: await prove(client, diary.ops, report),
          sequences: await checkSequences(
            client,
            options.pairs.map((pair) => pair[judged]),
            report,
          ),
        }));
        const downtimes = [...diary.downtimes.values()];
        const { acknowledged, refused, indeterminate, abandoned, switches } = diary;
        return {
          violations: list(),
          writes: { acknowledged, refused, indeterminate, abandoned, ...proof },
          writer,
          switches,
          databaseGapSeconds: switches.length > 0 ? Math.max(...switches.map((one) => one.gapSeconds)) : null,
          clients: {
            count: downtimes.length,
            medianDowntimeSeconds: quantile(downtimes, 0.5),
            p99DowntimeSeconds: quantile(downtimes, 0.99),
          },
          rows,
          sequences,
          looks: counts,
        };
      } finally {
        await Promise.all([sessions.source.close(), sessions.target.close()]);
      }
    },
  };
};

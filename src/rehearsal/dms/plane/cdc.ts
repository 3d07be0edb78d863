/** Change capture: reads the slot, gathers whole source transactions, writes them, and only then lets the source forget. */
import type { Mappings } from '../mappings.ts';
import type { TaskProgress } from '../records.ts';
import { lobPolicy, type TaskSettings } from '../settings.ts';
import { type ChangeBuffer, netBuffer, orderedBuffer } from './buffer.ts';
import { createDecoder, type LogMessage } from './decode.ts';
import { createRouter, type Router } from './router.ts';
import { type Client, closeQuietly, connect, type DatabaseAddress, lsnText, lsnValue } from './sql.ts';
import { type LogStream, openStream, type StreamItem } from './stream.ts';
import { createWriter, ensureExceptions, type Writer } from './writer.ts';

/** What CloudWatch is told; counted since the last look. */
export interface Flow {
  incoming: number;
  applied: number;
  /** Source changes read and not yet committed on the target. */
  pending: number;
  sourceLagSeconds: number;
  targetLagSeconds: number;
}

export interface CdcOptions {
  readonly taskName: string;
  readonly source: DatabaseAddress;
  readonly target: DatabaseAddress;
  readonly slot: string;
  readonly mappings: Mappings;
  readonly settings: TaskSettings;
  readonly progress: TaskProgress;
  readonly flow: Flow;
  /** Ends where everything up to this position is applied. */
  readonly stopAt: bigint | null;
  readonly signal: AbortSignal;
  /** Scaled, for stamps. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Makes the progress durable. */
  readonly save: () => Promise<void>;
}

const batchChanges = 5000;
/** A transaction larger than this is written in parts, inside one target transaction. */
const partChanges = 20_000;
const partBytes = 16 * 1024 * 1024;
const saveMs = 1000;
const idleMs = 250;
/** A stop waits so long for the end of a source transaction under way, then leaves it for the next start. */
const stopMs = 5000;

/** Every statement is planned once, perhaps while its table is empty: such a plan would read the whole table for ever, so only the way by key is left open. */
const byKeyOnly =
  'set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off';

const currentLsn = async (client: Client): Promise<bigint> => {
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  return lsnValue(rows[0]?.lsn ?? '0/0');
};

/** Foreign keys and triggers do not fire, so nothing on the target sees the order inside a transaction. */
const isReplica = async (target: Client): Promise<boolean> => {
  const { rows } = await target.query<{ role: string }>(`select current_setting('session_replication_role') as role`);
  return rows[0]?.role === 'replica';
};

interface Parts {
  readonly stream: LogStream;
  readonly router: Router;
  readonly writer: Writer;
  readonly buffer: ChangeBuffer;
  /** Changes up to here may have been applied before this start: replays and the overlap with the full load. */
  readonly lenientUntil: bigint;
}

class Capture {
  readonly #options: CdcOptions;
  readonly #parts: Parts;
  readonly #decoder = createDecoder();
  readonly #flushMs: number;
  readonly #flushChanges: number;
  #xid = 0;
  #isInside = false;
  /** End of the last source transaction that is in the buffer or in the open target transaction. */
  #gathered: bigint;
  #applied: bigint;
  #isDirty = false;
  #bufferedBytes = 0;
  #bufferedSince: number | null = null;
  #committedAt: number | null = null;
  #savedAt = Date.now();
  #abortedAt: number | null = null;

  constructor(options: CdcOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    const { TargetMetadata, ChangeProcessingTuning: tuning } = options.settings;
    const isBatch = TargetMetadata.BatchApplyEnabled;
    this.#flushMs = (isBatch ? tuning.BatchApplyTimeoutMin : tuning.CommitTimeout) * 1000;
    this.#flushChanges = isBatch ? batchChanges : tuning.MinTransactionSize;
    this.#applied = lsnValue(options.progress.checkpoint ?? '0/0');
    this.#gathered = this.#applied;
  }

  /** Runs until told to stop, or until `stopAt` is applied. */
  async run(): Promise<void> {
    while (!this.#isOver()) {
      const items = await this.#parts.stream.take(this.#waitMs());
      for (const item of items) {
        if (this.#options.signal.aborted && !this.#isInside) break;
        await this.#accept(item);
      }
      if (this.#bufferedSince !== null && !this.#isInside && Date.now() - this.#bufferedSince >= this.#flushMs)
        await this.#commit();
      if (this.#bufferedSince === null) this.#options.flow.sourceLagSeconds = 0;
      if (Date.now() - this.#savedAt >= saveMs) await this.#save();
    }
    if (this.#isInside) await this.#parts.writer.rollback();
    else await this.#commit();
    await this.#save();
  }

  #isOver(): boolean {
    const { signal, stopAt } = this.#options;
    if (stopAt !== null && !this.#isInside && this.#gathered >= stopAt) return true;
    if (!signal.aborted) return false;
    this.#abortedAt ??= Date.now();
    return !this.#isInside || Date.now() - this.#abortedAt > stopMs;
  }

  #waitMs(): number {
    if (this.#bufferedSince === null || this.#isInside) return idleMs;
    return Math.max(1, Math.min(idleMs, this.#bufferedSince + this.#flushMs - Date.now()));
  }

  async #accept(item: StreamItem): Promise<void> {
    if (item.type === 'message') return this.#acceptMessage(this.#decoder.decode(item.text), item);
    // Nothing is under way: what the server sent up to here holds no change of ours.
    if (this.#isInside || item.lsn <= this.#gathered) return;
    this.#gathered = item.lsn;
    if (this.#bufferedSince === null && item.lsn > this.#applied) {
      this.#applied = item.lsn;
      this.#isDirty = true;
    }
  }

  async #acceptMessage(message: LogMessage, item: { readonly lsn: bigint; readonly bytes: number }): Promise<void> {
    if (message.type === 'begin') {
      this.#xid = message.xid;
      this.#isInside = true;
    } else if (message.type === 'commit') {
      await this.#endTransaction(item.lsn, message.at);
    } else if (message.type === 'row') {
      const change = await this.#parts.router.route(message, this.#xid);
      if (!change) return;
      this.#options.flow.incoming += 1;
      this.#options.flow.pending += 1;
      this.#parts.buffer.add(change);
      this.#bufferedBytes += item.bytes;
      if (this.#parts.buffer.size >= partChanges || this.#bufferedBytes >= partBytes) await this.#flush();
    }
  }

  async #endTransaction(lsn: bigint, at: number | null): Promise<void> {
    this.#isInside = false;
    this.#gathered = lsn;
    if (at !== null) this.#committedAt = at;
    if (this.#options.flow.pending === 0) {
      this.#applied = lsn;
      this.#isDirty = true;
      return;
    }
    this.#bufferedSince ??= Date.now();
    if (at !== null) this.#options.flow.sourceLagSeconds = Math.max(0, (Date.now() - at) / 1000);
    if (this.#parts.buffer.size >= this.#flushChanges) await this.#commit();
  }

  async #flush(): Promise<void> {
    const drained = this.#parts.buffer.drain();
    this.#bufferedBytes = 0;
    await this.#parts.writer.write(drained, this.#applied < this.#parts.lenientUntil);
  }

  async #commit(): Promise<void> {
    await this.#flush();
    await this.#parts.writer.commit();
    const { flow } = this.#options;
    flow.applied += flow.pending;
    flow.pending = 0;
    flow.targetLagSeconds = this.#committedAt === null ? 0 : Math.max(0, (Date.now() - this.#committedAt) / 1000);
    this.#bufferedSince = null;
    if (this.#gathered > this.#applied) this.#isDirty = true;
    this.#applied = this.#gathered;
  }

  /** Position first made durable here, then forgotten there. */
  async #save(): Promise<void> {
    this.#savedAt = Date.now();
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const applied = this.#applied;
    this.#options.progress.checkpoint = lsnText(applied);
    await this.#options.save();
    this.#parts.stream.confirm(applied);
  }
}

/** Applies changes from the slot until stopped. Throws what broke it; the progress then stands where the target stands. */
export const capture = async (options: CdcOptions): Promise<void> => {
  const { settings, progress } = options;
  let [source, target, stream]: [Client?, Client?, LogStream?] = [];
  try {
    source = await connect(options.source);
    target = await connect(options.target);
    await target.query(byKeyOnly);
    if (!(await ensureExceptions(target, settings)))
      options.log('awsdms_apply_exceptions could not be created: refused changes are only in this log');
    const lenientUntil = await currentLsn(source);
    stream = await openStream(options.source, options.slot, lsnValue(progress.checkpoint ?? '0/0'));
    options.flow.pending = 0;
    const router = createRouter({
      source,
      target,
      mappings: options.mappings,
      lob: lobPolicy(settings),
      progress: progress.tables,
      log: options.log,
    });
    const writer = createWriter({
      client: target,
      taskName: options.taskName,
      settings,
      now: options.now,
      log: options.log,
    });
    const buffer = settings.TargetMetadata.BatchApplyEnabled
      ? netBuffer()
      : orderedBuffer({ isRegrouped: await isReplica(target) });
    await new Capture(options, { stream, router, writer, buffer, lenientUntil }).run();
  } finally {
    await stream?.close();
    await Promise.all([closeQuietly(source), closeQuietly(target)]);
  }
};

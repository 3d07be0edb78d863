/**
 * The lock on this machine's state: a lease per number. The file with the highest number is the lock, lower ones are history;
 * so a number is never given twice, taking is one exclusive creation, and whoever is overtaken can see it.
 */
import { readFile, unlink } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { exitCodes, Fault } from '../../model/fault.ts';
import type { Lock, LockHolder, LockLease } from '../../ports/lock.ts';
import { createWhole, ensureFolder, errnoOf, namesIn, replaceWhole, sweepAside } from './files.ts';
import { isAlive, processStart } from './processes.ts';

/** A holder that cannot renew is believed gone after this; it renews three times within. */
const leaseMs = 30_000;
const renewEveryMs = leaseMs / 3;
/** Racing for a number: each round somebody wins it, so a few rounds end in holding or in seeing the holder. */
const rounds = 5;

interface LeaseFile extends LockHolder {
  readonly format: 'octank-lock';
  readonly version: 1;
  /** Start of the process, so that a reused pid is not taken for it. */
  readonly start: string | null;
  readonly released: boolean;
}

const fileName = (fencing: number): string => `${String(fencing).padStart(8, '0')}.lease`;
const leaseName = /^(\d{8,})\.lease$/;

const stateFault = (folder: string, error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault({
        code: 'lock.unusable',
        summary: 'The lock cannot be read or written.',
        detail: `${folder}: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'Look at the disk and at the rights of the folder. Nothing was done.',
        cause: error,
      });

const isLease = (value: unknown): value is LeaseFile =>
  typeof value === 'object' &&
  value !== null &&
  'format' in value &&
  value.format === 'octank-lock' &&
  'version' in value &&
  value.version === 1;

const decode = (text: string, path: string): LeaseFile => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isLease(value)) return value;
  throw new Fault({
    code: 'lock.unreadable',
    summary: 'The lock file is not one that this octank understands.',
    detail: path,
    hint: 'Run the command with the octank that wrote it; or make sure that none runs, then remove the file.',
  });
};

const lostFault = (detail: string): Fault =>
  new Fault({
    code: 'lock.lost',
    summary: 'The lock is held no more; this octank stops.',
    detail,
    hint: 'See octank migrate status for who holds it now.',
    exitCode: exitCodes.locked,
  });

const heldFault = (holder: LockHolder, planFile: string): Fault =>
  new Fault({
    code: 'lock.held',
    summary: 'Another octank works on this plan.',
    detail: `${holder.owner} on ${holder.host} (pid ${holder.pid}) since ${new Date(holder.acquiredAt).toISOString()}: ${holder.command}`,
    hint: `Wait for it; or, if you know that it is gone: octank migrate unlock ${planFile}`,
    exitCode: exitCodes.locked,
  });

const userName = (): string => {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
};

export interface LockOptions {
  readonly folder: string;
  /** For the hint that names the command. */
  readonly planFile: string;
  readonly owner?: string;
  readonly host?: string;
  readonly now?: () => number;
}

export const createLock = (options: LockOptions): Lock => {
  const { folder, planFile } = options;
  const now = options.now ?? Date.now;
  const host = options.host ?? hostname();
  const owner = options.owner ?? userName();

  const numbers = async (): Promise<readonly number[]> =>
    (await namesIn(folder)).flatMap((name) => leaseName.exec(name)?.[1] ?? []).map(Number);

  const highest = async (): Promise<number> => Math.max(0, ...(await numbers()));

  /** Highest lease; undefined before the first. Leases below are pruned by winners, so one read may miss: then look again. */
  const current = async (): Promise<LeaseFile | undefined> => {
    for (let round = 1; round <= rounds; round += 1) {
      const number = await highest();
      if (number === 0) return undefined;
      const path = join(folder, fileName(number));
      try {
        return decode(await readFile(path, 'utf8'), path);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    }
    throw new Error('the lock changes faster than it can be read');
  };

  const isHeld = async (lease: LeaseFile): Promise<boolean> => {
    if (lease.released || now() >= lease.expiresAt) return false;
    // Another machine's process cannot be looked at: there only the lease counts.
    return lease.host !== host || isAlive(lease);
  };

  const make = async (fencing: number, command: string, released: boolean): Promise<LeaseFile> => ({
    format: 'octank-lock',
    version: 1,
    owner,
    host,
    pid: process.pid,
    start: await processStart(process.pid),
    command,
    acquiredAt: now(),
    expiresAt: now() + leaseMs,
    fencing,
    released,
  });

  const prune = async (below: number): Promise<void> => {
    for (const number of await numbers())
      if (number < below) await unlink(join(folder, fileName(number))).catch(() => undefined);
    await sweepAside(folder);
  };

  const lease = (first: LeaseFile): LockLease => {
    const lost = new AbortController();
    let held = first;
    let released = false;
    let tail: Promise<unknown> = Promise.resolve();

    const lose = (detail: string): Fault => {
      clearInterval(timer);
      const fault = lostFault(detail);
      if (!lost.signal.aborted) lost.abort(fault);
      return fault;
    };
    const requireOurs = async (): Promise<void> => {
      if (released) throw lostFault('It was released.');
      if (lost.signal.aborted) throw lost.signal.reason;
      if ((await highest()) !== held.fencing) throw lose(`It was number ${held.fencing}; a newer one was given.`);
    };
    const renewOnce = async (): Promise<void> => {
      await requireOurs();
      const next = { ...held, expiresAt: now() + leaseMs };
      await replaceWhole(folder, fileName(held.fencing), `${JSON.stringify(next)}\n`);
      // Asked again after writing: a taker between the two made a higher number, which wins whatever this file says.
      await requireOurs();
      held = next;
    };
    const queued = (act: () => Promise<void>): Promise<void> => {
      const next = tail.then(act);
      tail = next.catch(() => undefined);
      return next;
    };
    const renew = (): Promise<void> =>
      queued(() =>
        renewOnce().catch((error: unknown) => {
          throw now() >= held.expiresAt && !released
            ? lose('It could not be renewed in time.')
            : stateFault(folder, error);
        }),
      );
    // A failed renewal is tried again by the next tick, until the lease is over.
    const timer = setInterval(() => void renew().catch(() => undefined), renewEveryMs);
    timer.unref();

    return {
      fencing: first.fencing,
      lost: lost.signal,
      renew,
      release: () =>
        queued(async () => {
          clearInterval(timer);
          if (released || lost.signal.aborted) return;
          released = true;
          if ((await highest()) !== held.fencing) return;
          await replaceWhole(folder, fileName(held.fencing), `${JSON.stringify({ ...held, released: true })}\n`);
        }),
    };
  };

  /** Makes the next number ours; undefined when somebody else got it. */
  const take = async (previous: number, command: string, released: boolean): Promise<LeaseFile | undefined> => {
    const mine = await make(previous + 1, command, released);
    try {
      await createWhole(folder, fileName(mine.fencing), `${JSON.stringify(mine)}\n`);
      return mine;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return undefined;
      throw error;
    }
  };

  const acquire = async (command: string): Promise<LockLease> => {
    await ensureFolder(folder);
    for (let round = 1; round <= rounds; round += 1) {
      const found = await current();
      if (found && (await isHeld(found))) throw heldFault(found, planFile);
      const mine = await take(found?.fencing ?? 0, command, false);
      // Pruning may have let a slow taker create a number below the newest: only the newest counts.
      if (mine && (await highest()) === mine.fencing) {
        await prune(mine.fencing);
        return lease(mine);
      }
    }
    const found = await current();
    throw found ? heldFault(found, planFile) : new Error('the lock could not be taken');
  };

  return {
    acquire: ({ command }) =>
      acquire(command).catch((error: unknown) => {
        throw stateFault(folder, error);
      }),

    holder: async () => {
      try {
        const found = await current();
        if (!found || found.released) return undefined;
        const { format: _format, version: _version, start: _start, released: _released, ...holder } = found;
        return { holder, alive: await isHeld(found) };
      } catch (error) {
        throw stateFault(folder, error);
      }
    },

    breakLock: async () => {
      try {
        for (let round = 1; round <= rounds; round += 1) {
          const found = await current();
          if (!found || found.released) return;
          const tombstone = await take(found.fencing, 'octank migrate unlock', true);
          if (tombstone) return await prune(tombstone.fencing);
        }
      } catch (error) {
        throw stateFault(folder, error);
      }
    },
  };
};

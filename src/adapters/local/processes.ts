/** Whether the process that wrote something still lives: a pid alone is reused, a pid with its start is not. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from './files.ts';

const run = promisify(execFile);

/** Linux: boot id and start in clock ticks. Fields are counted after the name, which may hold spaces and brackets. */
const startFromProc = async (pid: number): Promise<string | undefined> => {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? undefined : `${boot.trim()}:${ticks}`;
  } catch {
    return undefined;
  }
};

const startFromPs = async (pid: number): Promise<string | undefined> => {
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 2000, env: { LC_ALL: 'C' } });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
};

/** Equal for one process for as long as it lives, and never again; null where the machine does not tell. */
export const processStart = async (pid: number): Promise<string | null> =>
  (await startFromProc(pid)) ?? (process.platform === 'linux' ? null : ((await startFromPs(pid)) ?? null));

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return errnoOf(error) === 'EPERM';
  }
};

export const isAlive = async (holder: { readonly pid: number; readonly start: string | null }): Promise<boolean> => {
  if (!exists(holder.pid)) return false;
  if (holder.start === null) return true;
  const now = await processStart(holder.pid);
  return now === null || now === holder.start;
};

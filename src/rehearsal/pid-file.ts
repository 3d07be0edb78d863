/** One rehearsal per state folder: who runs there is written down, and a pid that was used again is not believed. */
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface Owner {
  readonly pid: number;
  /** Of the process, in the kernel's own count; empty where the kernel does not tell. */
  readonly startedAt: string;
}

const pidFile = (stateDir: string): string => join(stateDir, 'rehearsal.pid');

/** Field 22 of /proc/PID/stat; the name before it may hold spaces and brackets. */
const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

const isAlive = async ({ pid, startedAt }: Owner): Promise<boolean> => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startedAt === '' || startedAt === (await startOf(pid));
};

/** The process that runs on this folder now. */
export const ownerOf = async (stateDir: string): Promise<Owner | undefined> => {
  const text = await readFile(pidFile(stateDir), 'utf8').catch(() => '');
  const [pid, startedAt = ''] = text.trim().split(' ');
  if (!pid || !Number.isInteger(Number(pid))) return undefined;
  const owner = { pid: Number(pid), startedAt };
  return (await isAlive(owner)) ? owner : undefined;
};

/** Undefined: the folder is ours now. Otherwise who has it. */
export const takeFolder = async (stateDir: string): Promise<Owner | undefined> => {
  const mine = `${process.pid} ${await startOf(process.pid)}\n`;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const handle = await open(pidFile(stateDir), 'wx', 0o600);
      await handle.writeFile(mine);
      await handle.close();
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await ownerOf(stateDir);
    if (owner) return owner;
    await rm(pidFile(stateDir), { force: true });
  }
  return ownerOf(stateDir);
};

export const leaveFolder = (stateDir: string): Promise<void> => rm(pidFile(stateDir), { force: true });

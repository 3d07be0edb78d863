/** Peak memory of processes, as the kernel counts it: VmHWM. */
import { readFile, writeFile } from 'node:fs/promises';

/** Null where the process is gone, or the system has no /proc. */
export const peakMegabytes = async (pid: number | 'self'): Promise<number | null> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
};

/** From here on the peak counts anew; where the kernel does not let us, it stays the peak since the start. */
export const resetPeak = async (pid: number | 'self'): Promise<void> => {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);
};

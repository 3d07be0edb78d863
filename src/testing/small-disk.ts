/** A disk of a few megabytes for tests that fill it; only root may mount one, others skip those tests aloud. */
import { execFileSync } from 'node:child_process';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface SmallDisk {
  /** Leaves only so many bytes free. */
  fill(bytesLeft: number): Promise<void>;
  free(): Promise<void>;
  unmount(): void;
}

/** Mounts it over the folder; undefined where that is not allowed. */
export const smallDisk = (folder: string): SmallDisk | undefined => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const ballast = join(folder, 'ballast');
  return {
    fill: async (bytesLeft) => {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytesLeft), 1));
    },
    free: () => rm(ballast, { force: true }),
    unmount: () => void execFileSync('umount', [folder]),
  };
};

/** That holding a lock ends as it should: a lock that cannot be given back must not hide how the run ended. */
import { expect, it } from 'vitest';
import { Fault } from '../model/fault.ts';
import type { Lock } from '../ports/lock.ts';
import { holdLease } from './lease.ts';

const fullDisk = new Fault({ code: 'lock.unusable', summary: 'The lock cannot be read or written.' });

const lockThatCannotBeReleased: Lock = {
  acquire: async () => ({
    fencing: 3,
    lost: new AbortController().signal,
    renew: async () => undefined,
    release: () => Promise.reject(fullDisk),
  }),
  holder: async () => undefined,
  breakLock: async () => undefined,
};

it('a disk too full to release the lock does not replace the fault that ended the run', async () => {
  const run = async (): Promise<void> => {
    const lease = await holdLease(lockThatCannotBeReleased, { command: 'apply', onLost: () => undefined });
    try {
      throw new Error('the journal cannot be written');
    } finally {
      await lease.release();
    }
  };
  await expect(run()).rejects.toThrow('the journal cannot be written');
});

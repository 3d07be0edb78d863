/** A whole rehearsal inside the test's own process: state in a folder that goes away, every approval given, nothing printed. */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../ports/host.ts';
import { discardRehearsal } from '../../rehearsal/lifecycle.ts';
import { type RehearseOptions, type RehearseOutcome, rehearse } from '../rehearse.ts';

export const approvingHost = (notes: string[] = []): Host => ({
  notify: (message) => {
    if (message.type === 'note') notes.push(message.text);
    if (message.type === 'step-failed') notes.push(`${message.change.id} failed: ${message.code} ${message.detail}`);
  },
  approve: async () => ({ approved: true, by: 'test' }),
});

export const rehearseInProcess = async (
  options: Pick<RehearseOptions, 'planFile'> & Partial<RehearseOptions>,
): Promise<RehearseOutcome> => {
  const folder = await mkdtemp(join(tmpdir(), 'octank-rehearse-'));
  // The databases may run under another account; the folder above their data must be passable.
  await chmod(folder, 0o755);
  try {
    return await rehearse(
      { root: folder, rows: null, rate: null, keep: false, report: null, ...options },
      approvingHost(),
      () => undefined,
    );
  } finally {
    for (const name of await readdir(folder)) await discardRehearsal(join(folder, name));
    await rm(folder, { recursive: true, force: true });
  }
};

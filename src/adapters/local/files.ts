/** Durable files: whole or absent, on disk when the promise resolves, readable by their owner only. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const fileMode = 0o600;
const folderMode = 0o700;

export const errnoOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';

/** A name is durable only once the folder that holds it is. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Creates a folder and its parents, private; each new name is synced into the folder above. */
export const ensureFolder = async (folder: string): Promise<void> => {
  const first = await mkdir(folder, { recursive: true, mode: folderMode });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
};

const temporaryPrefix = '.writing-';

/** Text on disk under a name that no reader looks at. A failed write leaves nothing behind. */
const writeAside = async (folder: string, text: string): Promise<string> => {
  const path = join(folder, `${temporaryPrefix}${process.pid}-${randomBytes(6).toString('hex')}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'wx', fileMode);
    await handle.writeFile(text, 'utf8');
    await handle.sync();
    await handle.close();
    return path;
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await unlink(path).catch(() => undefined);
    throw error;
  }
};

/** Exclusive: rejects with EEXIST where the name is taken. `link` is what makes "exclusive" and "whole" one act. */
export const createWhole = async (folder: string, name: string, text: string): Promise<void> => {
  const aside = await writeAside(folder, text);
  try {
    await link(aside, join(folder, name));
  } finally {
    await unlink(aside).catch(() => undefined);
  }
  await syncFolder(folder);
};

export const replaceWhole = async (folder: string, name: string, text: string): Promise<void> => {
  const aside = await writeAside(folder, text);
  try {
    await rename(aside, join(folder, name));
  } catch (error) {
    await unlink(aside).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
};

/** Names in a folder that does not exist are none; any other failure is thrown, because unreadable is not empty. */
export const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
};

/** Longer than any write takes: what is older belongs to a writer that was killed. */
const abandonedMs = 60_000;

export const sweepAside = async (folder: string): Promise<void> => {
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > abandonedMs) await unlink(path).catch(() => undefined);
  }
};

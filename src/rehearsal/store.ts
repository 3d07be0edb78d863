/** Durable state of the services: one JSON file per name, replaced as a whole, so that kill -9 leaves the old or the new and never half. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from './service.ts';

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const replace = async (folder: string, name: string, text: string): Promise<void> => {
  const path = join(folder, `${name}.json`);
  const aside = `${path}.new`;
  const handle = await open(aside, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, path);
  await syncFolder(folder);
};

interface Waiting {
  value: unknown;
  readonly done: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

const waitingFor = (value: unknown): Waiting => {
  let settle: (error?: unknown) => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  return { value, done, settle };
};

/**
 * Saves of one name that come while one is being written are one write: the newest value wins, and all are told when it is on disk.
 * The value is read when its turn to be written comes; a value that changed meanwhile is written as it is then.
 */
export const createStore = async (folder: string): Promise<Store> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const waiting = new Map<string, Waiting>();
  const writing = new Map<string, Promise<void>>();

  const drain = async (name: string): Promise<void> => {
    for (;;) {
      const next = waiting.get(name);
      if (!next) return;
      waiting.delete(name);
      try {
        await replace(folder, name, JSON.stringify(next.value));
        next.settle();
      } catch (error) {
        next.settle(error);
      }
    }
  };

  return {
    load: async <T>(name: string): Promise<T | undefined> => {
      const text = await readFile(join(folder, `${name}.json`), 'utf8').catch((error: NodeJS.ErrnoException) => {
        // Absent is the only empty; anything unreadable must not become a fresh start.
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
    save: (name, value) => {
      const earlier = waiting.get(name);
      if (earlier) {
        earlier.value = value;
        return earlier.done;
      }
      const entry = waitingFor(value);
      waiting.set(name, entry);
      if (!writing.has(name))
        writing.set(
          name,
          drain(name).finally(() => writing.delete(name)),
        );
      return entry.done;
    },
  };
};

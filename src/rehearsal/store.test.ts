/** Durable state: whole or old, newest wins, and unreadable is never read as empty. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRehearsalClock } from './clock.ts';
import { createStore } from './store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'octank-store-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('store', () => {
  it('has the newest of many saves on disk when any of them is answered last', async () => {
    const store = await createStore(folder);
    await Promise.all(Array.from({ length: 200 }, (_, index) => store.save('s', { index })));
    expect(await store.load('s')).toEqual({ index: 199 });
    expect(await readdir(folder)).toEqual(['s.json']);
  });

  it('answers a save only when its value is on disk', async () => {
    const store = await createStore(folder);
    const first = store.save('s', { value: 1 });
    const second = store.save('s', { value: 2 });
    await first;
    expect(['1', '2']).toContain(/\d/.exec(await readFile(join(folder, 's.json'), 'utf8'))?.[0]);
    await second;
    expect(await store.load('s')).toEqual({ value: 2 });
  });

  it('refuses a broken file instead of starting afresh', async () => {
    const store = await createStore(folder);
    expect(await store.load('s')).toBeUndefined();
    await writeFile(join(folder, 's.json'), '{"half":');
    await expect(store.load('s')).rejects.toThrow();
  });

  it('tells the saver when the disk refuses, and works again after', async () => {
    const store = await createStore(folder);
    await rm(folder, { recursive: true });
    await expect(store.save('s', 1)).rejects.toMatchObject({ code: 'ENOENT' });
    await createStore(folder);
    await store.save('s', 2);
    expect(await store.load('s')).toBe(2);
  });
});

describe('clock', () => {
  it('goes on through a restart: two clocks of one setting agree', () => {
    const setting = { rate: 1000, originMs: Date.now() - 60_000 };
    const [a, b] = [createRehearsalClock(setting), createRehearsalClock(setting)];
    expect(Math.abs(a.now() - b.now())).toBeLessThan(5000);
    expect(a.now()).toBeGreaterThan(setting.originMs + 60_000 * 1000 - 1);
  });

  it('sleeps scaled time, not less, and ends at once when aborted', async () => {
    const clock = createRehearsalClock({ rate: 600, originMs: Date.now() });
    const before = clock.now();
    await clock.sleep(30_000);
    expect(clock.now() - before).toBeGreaterThanOrEqual(30_000);
    const controller = new AbortController();
    const sleeping = clock.sleep(1e12, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow('enough');
  });
});

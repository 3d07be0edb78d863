/** Dangers of the lock: two holders, a number given twice, a dead holder that blocks, a reused pid taken for a holder. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLock } from './lock.ts';
import { buildChild, startChild } from './testdata/start.ts';

let root: string;
let child: string;
let made = 0;
const fresh = (): string => {
  made += 1;
  return join(root, `case-${made}`);
};
const lockIn = (folder: string, more: { host?: string; now?: () => number } = {}) =>
  createLock({ folder, planFile: 'shop.yaml', owner: 'engineer', ...more });

const leaseFile = async (folder: string): Promise<string> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.lease')).sort();
  return join(folder, names.at(-1)!);
};
const edit = async (folder: string, patch: object): Promise<void> => {
  const file = await leaseFile(folder);
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...patch }));
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'octank-lock-'));
  child = await buildChild(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('is held by one, names the holder and the command that frees it', async () => {
  const folder = fresh();
  const lease = await lockIn(folder).acquire({ command: 'octank migrate apply shop.yaml' });
  await expect(lockIn(folder).acquire({ command: 'other' })).rejects.toMatchObject({
    code: 'lock.held',
    exitCode: 7,
    detail: expect.stringContaining('octank migrate apply shop.yaml'),
    hint: expect.stringContaining('octank migrate unlock shop.yaml'),
  });
  expect(await lockIn(folder).holder()).toMatchObject({ alive: true, holder: { owner: 'engineer', fencing: 1 } });
  await lease.release();
  expect(await lockIn(folder).holder()).toBeUndefined();
});

it('never gives a number twice, over release, unlock and expiry', async () => {
  const folder = fresh();
  const first = await lockIn(folder).acquire({ command: 'a' });
  await first.release();
  const second = await lockIn(folder).acquire({ command: 'b' });
  await lockIn(folder).breakLock();
  const third = await lockIn(folder).acquire({ command: 'c' });
  expect([first.fencing, second.fencing]).toEqual([1, 2]);
  expect(third.fencing).toBeGreaterThan(second.fencing);
  await lockIn(folder).breakLock();
  await lockIn(folder).breakLock();
  const fourth = await lockIn(folder).acquire({ command: 'd' });
  expect(fourth.fencing).toBeGreaterThan(third.fencing);
  await fourth.release();
});

it('tells a holder whose lock was broken, before it acts again', async () => {
  const folder = fresh();
  const lease = await lockIn(folder).acquire({ command: 'a' });
  await lease.renew();
  await lockIn(folder).breakLock();
  const next = await lockIn(folder).acquire({ command: 'b' });
  await expect(lease.renew()).rejects.toMatchObject({ code: 'lock.lost' });
  expect(lease.lost.aborted).toBe(true);
  await lease.release();
  await next.renew();
  expect(next.lost.aborted).toBe(false);
  await next.release();
});

it('is taken over from a killed holder at once, and from a living one never', async () => {
  const folder = fresh();
  const holder = startChild(child, 'lock', folder);
  expect(await holder.next()).toEqual({ fencing: 1 });
  await expect(lockIn(folder).acquire({ command: 'x' })).rejects.toMatchObject({ code: 'lock.held' });
  await holder.kill();
  const lease = await lockIn(folder).acquire({ command: 'x' });
  expect(lease.fencing).toBe(2);
  await lease.release();
});

it('does not take a reused pid for the holder', async () => {
  const folder = fresh();
  await lockIn(folder).acquire({ command: 'a' });
  // Our own pid lives, but the lease says it was started at another time.
  await edit(folder, { start: 'another-boot:1' });
  expect(await lockIn(folder).holder()).toMatchObject({ alive: false });
  expect((await lockIn(folder).acquire({ command: 'b' })).fencing).toBe(2);
});

it('waits for the lease of a holder on another machine, and no longer', async () => {
  const folder = fresh();
  const start = Date.now();
  await lockIn(folder, { host: 'far' }).acquire({ command: 'a' });
  await expect(lockIn(folder, { host: 'near' }).acquire({ command: 'b' })).rejects.toMatchObject({ code: 'lock.held' });
  const later = lockIn(folder, { host: 'near', now: () => start + 31_000 });
  expect((await later.acquire({ command: 'b' })).fencing).toBe(2);
});

it('loses a lease that can no longer be renewed', async () => {
  const folder = fresh();
  let time = Date.now();
  const lease = await lockIn(folder, { now: () => time }).acquire({ command: 'a' });
  await rm(folder, { recursive: true });
  await writeFile(folder, 'no folder any more');
  await expect(lease.renew()).rejects.toMatchObject({ code: 'lock.unusable' });
  expect(lease.lost.aborted).toBe(false);
  time += 31_000;
  await expect(lease.renew()).rejects.toMatchObject({ code: 'lock.lost' });
  expect(lease.lost.aborted).toBe(true);
});

it('refuses a lock file it does not understand', async () => {
  const folder = fresh();
  await lockIn(folder).acquire({ command: 'a' });
  await edit(folder, { version: 2 });
  await expect(lockIn(folder).acquire({ command: 'b' })).rejects.toMatchObject({ code: 'lock.unreadable' });
});

it('has one winner among racing processes, over a dead holder too', async () => {
  const folder = fresh();
  const numbers: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const racers = Array.from({ length: 4 }, () => startChild(child, 'lock', folder));
    const answers = await Promise.all(racers.map((racer) => racer.next()));
    const won = answers.filter(
      (answer): answer is { fencing: number } => typeof answer === 'object' && answer !== null && 'fencing' in answer,
    );
    expect(won).toHaveLength(1);
    expect(answers.filter((answer) => !won.includes(answer as { fencing: number }))).toEqual(
      Array.from({ length: 3 }, () => ({ code: 'lock.held' })),
    );
    numbers.push(won[0]!.fencing);
    await Promise.all(racers.map((racer) => racer.kill()));
  }
  expect(new Set(numbers).size).toBe(3);
  expect([...numbers].sort((a, b) => a - b)).toEqual(numbers);
});

/** Dangers of the local journal: half a record, a record twice, an unreadable journal taken for an empty one, a full disk. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCheckpointStore } from './checkpoint-store.ts';
import { createJournalStore } from './journal-store.ts';
import { openStateFolder } from './state-folder.ts';
import { buildChild, startChild } from './testdata/start.ts';

let root: string;
let child: string;
let made = 0;
const fresh = (): string => {
  made += 1;
  return join(root, `case-${made}`, 'journal');
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'octank-local-'));
  child = await buildChild(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('journal store', () => {
  it('gives back what was appended, in order of numbers', async () => {
    const store = createJournalStore({ folder: fresh() });
    expect(await store.numbers()).toEqual([]);
    for (const number of [1, 2, 10]) await store.append(number, `record ${number}\n`);
    expect(await store.numbers()).toEqual([1, 2, 10]);
    expect(await store.read(10)).toBe('record 10\n');
  });

  it('refuses a number that is taken, and keeps what is there', async () => {
    const folder = fresh();
    await createJournalStore({ folder }).append(1, 'first');
    const late = createJournalStore({ folder }).append(1, 'second');
    await expect(late).rejects.toMatchObject({ code: 'journal.taken', effect: 'none' });
    expect(await createJournalStore({ folder }).read(1)).toBe('first');
  });

  it('lets one of many writers have a number', async () => {
    const folder = fresh();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => createJournalStore({ folder }).append(1, `writer ${index}`)),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('keeps records from other users', async () => {
    const folder = fresh();
    await createJournalStore({ folder }).append(1, 'record');
    expect((await stat(join(folder, '00000001.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('never reads an unreadable journal as an empty one', async () => {
    const folder = fresh();
    await mkdir(join(folder, '..'), { recursive: true });
    await writeFile(folder, 'a file where the folder should be');
    const store = createJournalStore({ folder });
    await expect(store.numbers()).rejects.toMatchObject({ code: 'journal.unreadable' });
    await expect(store.read(1)).rejects.toMatchObject({ code: 'journal.unreadable' });
    await expect(store.append(1, 'x')).rejects.toMatchObject({ code: 'journal.unwritable', effect: 'none' });
  });

  it('leaves whole records only, wherever its writer is killed', async () => {
    const folder = fresh();
    for (let round = 0; round < 8; round += 1) {
      const writer = startChild(child, 'append', folder);
      const first = await writer.next();
      expect(typeof first).toBe('number');
      // Killed at another moment of its writing each time: after so many records, without waiting for the next.
      for (let more = 0; more < round; more += 1) await writer.next();
      await writer.kill();
      const store = createJournalStore({ folder });
      const numbers = await store.numbers();
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      for (const number of numbers) expect(JSON.parse(await store.read(number))).toMatchObject({ number });
    }
  });

  it('says that the disk is full, and keeps the number free', async (context) => {
    const disk = join(root, 'small-disk');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      context.skip('mounting a tiny disk needs root');
    }
    try {
      const store = createJournalStore({ folder: join(disk, 'journal') });
      await store.append(1, 'small\n');
      const large = store.append(2, 'x'.repeat(200_000));
      await expect(large).rejects.toMatchObject({ code: 'journal.unwritable', effect: 'none', hint: /Free space/ });
      expect(await store.numbers()).toEqual([1]);
      expect(await readdir(join(disk, 'journal'))).toEqual(['00000001.json']);
      await store.append(2, 'small again\n');
      expect(await store.numbers()).toEqual([1, 2]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('checkpoint store', () => {
  it('replaces whole texts, and tells absent from unreadable', async () => {
    const folder = fresh();
    const store = createCheckpointStore({ folder });
    expect(await store.load('parity/shop')).toBeUndefined();
    await store.save('parity/shop', 'one');
    await store.save('parity/shop', 'two');
    await store.save('parity_shop', 'other');
    expect(await store.load('parity/shop')).toBe('two');
    expect(await store.load('parity_shop')).toBe('other');
    expect((await readdir(folder)).every((name) => name.endsWith('.checkpoint'))).toBe(true);
    const [file] = await readdir(folder);
    await rm(join(folder, file!));
    await mkdir(join(folder, file!));
    const loads = await Promise.allSettled([store.load('parity/shop'), store.load('parity_shop')]);
    expect(loads.filter((load) => load.status === 'rejected')).toHaveLength(1);
  });
});

describe('state folder', () => {
  it('stays inside its path whatever the plan is called, and lists runs', async () => {
    const path = fresh();
    const folder = openStateFolder({ path, plan: { name: '../../etc', file: 'plan.yaml' } });
    expect(folder.path.startsWith(`${path}/`)).toBe(true);
    expect(await folder.runs()).toEqual([]);
    await folder.run(1).journal.append(1, 'header');
    await folder.run(2).checkpoints.save('a', 'b');
    expect(await folder.runs()).toEqual([1, 2]);
    expect(await readFile(join(folder.run(1).journal.location, '00000001.json'), 'utf8')).toBe('header');
    await chmod(path, 0o700);
  });
});

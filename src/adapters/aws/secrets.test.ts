/** Dangers of secrets in files: one that every user can read, one that is not there, one that is read from elsewhere. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSecrets } from './secrets.ts';
import { clientsAt } from './testdata/stub.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'octank-secrets-'));
  await writeFile(join(folder, 'db.json'), '{"host":"h"}\n', { mode: 0o600 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = (path: string) =>
  createSecrets({ clients: clientsAt('http://127.0.0.1:9'), env: {}, baseFolder: folder }).read({ kind: 'file', path });

it('reads a private file beside the plan, without its last line break', async () => {
  expect(await read('db.json')).toBe('{"host":"h"}');
});

it('refuses a file that is open to everyone, and says how to close it', async () => {
  await chmod(join(folder, 'db.json'), 0o644);
  await expect(read('db.json')).rejects.toMatchObject({
    code: 'secret.exposed',
    hint: expect.stringContaining('chmod 600'),
  });
  await chmod(join(folder, 'db.json'), 0o640);
  expect(await read(join(folder, 'db.json'))).toBe('{"host":"h"}');
});

it('names a file that is missing or is none', async () => {
  await expect(read('absent.json')).rejects.toMatchObject({
    code: 'secret.missing',
    detail: expect.stringContaining('absent.json'),
  });
  await chmod(folder, 0o700);
  await expect(read('.')).rejects.toMatchObject({ code: 'secret.denied' });
});

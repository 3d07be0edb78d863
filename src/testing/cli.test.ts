/** That tests drive the command line as users do, and that waiting on it ends. */
import { expect, test } from 'vitest';
import { octank, spawnOctank } from './cli.ts';

test('the command line of the tests is the one that users have: version, commands, exit codes', async () => {
  const version = await octank(['--version']);
  expect(version).toMatchObject({ code: 0, signal: null });
  expect(version.stdout).toMatch(/^octank\/\d+\.\d+\.\d+ /);
  const help = await octank(['migrate', '--help']);
  expect(help.stdout).toContain('migrate apply');
  expect((await octank(['migrate', 'plan', '--no-such-flag', 'x.yaml'])).code).toBe(3);
});

test('waiting for a text ends when the process ends, not at its deadline', async () => {
  const process = spawnOctank(['--version']);
  await expect(process.printed('never said')).rejects.toThrow('ended before it printed');
});

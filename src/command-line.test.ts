/** The command line itself: what is printed for help, a version, a typo, and the codes that scripts see. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonLines, octank } from './testing/cli.ts';
import { projectRoot } from './testing/dist.ts';

const version = (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version;

describe('the command line', () => {
  it.each([['--version'], ['-v']])('%s prints one line that names octank and Node', async (flag) => {
    const { code, stdout, stderr } = await octank([flag]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`octank/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
  });

  it.each([
    { args: ['--help'], shows: ['migrate', 'rehearse', 'doctor'] },
    { args: ['-h'], shows: ['migrate', 'rehearse', 'doctor'] },
    { args: ['migrate', '--help'], shows: ['migrate apply', 'migrate rollback', 'migrate verify'] },
    { args: ['migrate'], shows: ['migrate apply'] },
    { args: ['migrate', 'apply', '--help'], shows: ['PLAN', '--until', '130 interrupted'] },
  ])('$args shows help', async ({ args, shows }) => {
    const { code, stdout } = await octank(args);
    expect(code).toBe(0);
    for (const text of shows) expect(stdout).toContain(text);
  });

  it.each([
    { args: ['migrate', 'aply'], meant: 'octank migrate apply' },
    { args: ['rehersal', 'stop'], meant: 'octank rehearsal stop' },
    { args: ['verify'], meant: 'octank migrate verify' },
    { args: ['docter', 'plans/shop.yaml'], meant: 'octank doctor' },
  ])('names what $args probably meant, and does not run it', async ({ args, meant }) => {
    const { code, stdout, stderr } = await octank(args);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`* ${meant}\n`);
  });

  it('does not guess where nothing is near: a wrong guess misleads', async () => {
    const { code, stderr } = await octank(['migrate', 'xyzzy']);
    expect(code).toBe(3);
    expect(stderr).not.toContain('Did you mean');
    expect(stderr).toContain('octank migrate --help');
  });

  it('a script that asked for JSON reads a typo as JSON too', async () => {
    const { code, stdout } = await octank(['migrate', 'aply', '--json']);
    expect(code).toBe(3);
    expect(jsonLines(stdout)).toMatchObject([{ type: 'error', code: 'usage.invalid', exitCode: 3 }]);
  });

  it.each([['development'], ['test']])('runs what was built where NODE_ENV is %s', async (NODE_ENV) => {
    const { code, stderr } = await octank(['migrate', 'plan', 'plans/minimal.yaml', '--offline'], {
      env: { NODE_ENV },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

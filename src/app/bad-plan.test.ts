/** Wrong plan files and wrong command lines, through the real command line: refused before anything is looked at, with all that is wrong. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { jsonLines, octank } from '../testing/cli.ts';
import { projectRoot } from '../testing/dist.ts';
import { replaced } from '../testing/rehearsal.ts';

const folder = mkdtempSync(join(tmpdir(), 'octank-bad-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const example = readFileSync(join(projectRoot, 'plans', 'shop.yaml'), 'utf8');

const planFile = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** An endpoint at which nobody listens: a command that looked at the world would say so instead. */
const nowhere = {
  AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  AWS_REGION: 'eu-west-1',
  OCTANK_STATE: join(folder, 'state'),
};

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
  readonly range: { readonly line: number; readonly column: number } | null;
}

const lineOf = (text: string, part: string): number => text.split('\n').findIndex((line) => line.includes(part)) + 1;

const wrongEverywhere = [
  ['  region: eu-west-1', '  region: eu-west-1\n  regoin: eu-west-1'],
  ['downtimeBudget: 30s', 'downtimeBudget: true'],
  ['ttl: 60', 'ttl: [60]'],
  ['maxAge: 10m', 'maxAge: 10 bananas'],
  ['notify:', 'name: octank-shop\nnotify:'],
  ['failWhen: "> 1"', 'failWhen: "about 1"'],
].reduce((text, [from = '', to = '']) => replaced(text, from, to), example);

describe('a plan with many mistakes', () => {
  it('is told all of them at once, each with its place and what to write', async () => {
    const file = planFile('wrong.yaml', wrongEverywhere);
    const { code, stdout } = await octank(['migrate', 'plan', file, '--json'], { env: nowhere });
    expect(code).toBe(3);
    const [document] = jsonLines(stdout);
    const problems = document?.diagnostics as readonly Problem[];
    const places = problems.map(({ code: found, range }) => `${found} ${range?.line}`);
    expect(places).toEqual([
      `plan.unknown-key ${lineOf(wrongEverywhere, 'regoin')}`,
      `plan.bad-duration ${lineOf(wrongEverywhere, 'bananas')}`,
      `plan.wrong-type ${lineOf(wrongEverywhere, 'downtimeBudget')}`,
      `plan.wrong-type ${lineOf(wrongEverywhere, 'ttl: [60]')}`,
      `plan.bad-comparison ${lineOf(wrongEverywhere, 'about 1')}`,
      `plan.duplicate-key ${wrongEverywhere.split('\n').lastIndexOf('name: octank-shop') + 1}`,
    ]);
    expect(problems[0]?.hint).toContain('region');
    expect(problems.at(-1)?.detail).toContain('name');
    expect(problems.every((problem) => problem.hint !== '')).toBe(true);
  });

  it('is not applied: nothing is read, nothing is written, the same mistakes are printed for people', async () => {
    const file = planFile('wrong-too.yaml', wrongEverywhere);
    const { code, stdout, stderr } = await octank(['migrate', 'apply', file, '--auto-approve'], { env: nowhere });
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain(`${file}:${lineOf(wrongEverywhere, 'regoin')}:3: error plan.unknown-key`);
    expect(stderr).toContain('6 errors');
    expect(() => readFileSync(join(folder, 'state'))).toThrow('ENOENT');
  });
});

describe('a command line that cannot be meant', () => {
  it.each([
    [
      'a plan file that is not there',
      ['migrate', 'plan', 'no-such-plan.yaml'],
      'plan.file-missing',
      'plans/minimal.yaml',
    ],
    ['a folder instead of a file', ['migrate', 'apply', '.'], 'plan.file-unreadable', 'name the plan file in it'],
    [
      'a flag that does not exist',
      ['migrate', 'apply', 'x.yaml', '--force'],
      'Nonexistent flag: --force',
      'See more help',
    ],
    ['a phase that does not exist', ['migrate', 'apply', 'x.yaml', '--until', 'lunch'], '--until=lunch', 'cutover'],
    ['no plan', ['migrate', 'status'], 'Missing 1 required arg', 'plan file'],
  ])('exits 3 and says so: %s', async (_name, args, what, hint) => {
    const { code, stderr } = await octank(args, { env: nowhere });
    expect(code).toBe(3);
    expect(stderr).toContain(what);
    expect(stderr).toContain(hint);
  });

  it('is told in JSON where JSON was asked for', async () => {
    const { code, stdout } = await octank(['migrate', 'apply', 'x.yaml', '--force', '--json'], { env: nowhere });
    expect(code).toBe(3);
    expect(jsonLines(stdout)).toMatchObject([{ type: 'error', code: 'usage.invalid', exitCode: 3 }]);
  });
});

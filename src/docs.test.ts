/** Documents are read as a newcomer reads them: commands run, flags exist, links lead somewhere, named tests are there, tables are true. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from './model/fault.ts';
import { octank } from './testing/cli.ts';
import { projectRoot } from './testing/dist.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const json = <T>(path: string): T => JSON.parse(read(path)) as T;

const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'templates/README.md', 'src/app/README.md'].concat(
  readdirSync(join(projectRoot, 'docs')).map((name) => `docs/${name}`),
);

interface Block {
  readonly document: string;
  readonly runs: boolean;
  readonly lines: readonly string[];
}

const blocks: readonly Block[] = documents.flatMap((document) =>
  [...read(document).matchAll(/^```sh( run)?\n([\s\S]*?)^```$/gm)].map(([, run, text = '']) => ({
    document,
    runs: run !== undefined,
    lines: text.split('\n').filter((line) => line !== ''),
  })),
);

/** `eval "$(octank rehearsal env x)"` and `a && b` hold several commands. */
const commandsOf = (line: string): readonly string[] =>
  line
    .replace(/^eval "\$\((.*)\)"$/, '$1')
    .split(' && ')
    .map((command) => command.trim());

const lines = blocks.flatMap(({ document, lines: all }) =>
  all.flatMap((line) => commandsOf(line).map((command) => ({ document, command }))),
);

interface SnapshotCommand {
  readonly command: string;
  readonly flags: readonly { readonly name: string }[];
}

const folder = mkdtempSync(join(tmpdir(), 'octank-docs-'));
cpSync(join(projectRoot, 'plans'), join(folder, 'plans'), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('commands in documents', () => {
  const snapshot = json<readonly SnapshotCommand[]>('commands.snapshot.json');
  const { scripts } = json<{ scripts: Record<string, string> }>('package.json');

  it.each(lines)('$command exists, with its flags', ({ command }) => {
    const [program, ...words] = command.split(' ');
    if (program === 'npm') {
      const script = words.find((word) => !['run', '--silent'].includes(word)) ?? '';
      expect(['ci', ...Object.keys(scripts)]).toContain(script);
      return;
    }
    expect(program).toBe('octank');
    const found = snapshot.find(({ command: name }) => `${words.join(' ')} `.startsWith(`${name} `));
    expect(found, command).toBeDefined();
    const flags = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0]);
    expect(found?.flags.map(({ name }) => name)).toEqual(expect.arrayContaining(flags));
  });

  const runnable = blocks
    .filter(({ runs }) => runs)
    .flatMap((block) => block.lines.map((line) => ({ document: block.document, line })));

  it('there are some to run', () => expect(runnable.length).toBeGreaterThan(2));

  it.each(runnable)('$document: $line runs', async ({ line }) => {
    const [, ...args] = line.split(' ');
    const { code, stdout, stderr } = await octank(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toBe('');
  });
});

describe('plans/', () => {
  const plans = readdirSync(join(projectRoot, 'plans')).filter((name) => /(?<!\.rehearsal)\.yaml$/.test(name));

  it.each(plans)('every example plan is shown step by step: %s', async (name) => {
    const { code, stdout } = await octank(['migrate', 'plan', `plans/${name}`, '--offline', '--json'], { cwd: folder });
    expect(code).toBe(0);
    const { changeSet } = JSON.parse(stdout) as { changeSet: { steps: { phase: string }[] } };
    expect(changeSet.steps.map(({ phase }) => phase)).toEqual(expect.arrayContaining(['preflight', 'cutover']));
  });

  it('the plan in the README is plans/minimal.yaml', () => {
    const shown = /```yaml\n([\s\S]*?)```/.exec(read('README.md'))?.[1];
    expect(read('plans/minimal.yaml')).toContain(shown);
  });
});

describe('links', () => {
  const links = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, to = '']) => ({ document, to })),
  );

  it.each(links)('$document -> $to', ({ document, to }) => {
    if (/^https:/.test(to)) return;
    expect(existsSync(resolve(projectRoot, dirname(document), to))).toBe(true);
  });
});

describe('docs/coverage.md', () => {
  const cited = [...read('docs/coverage.md').matchAll(/`([^`]+\.test\.ts)`((?:,? "[^"]+")*)/g)].flatMap(
    ([, file = '', names = '']) => {
      const quoted = [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
      return (quoted.length > 0 ? quoted : [undefined]).map((name) => ({ file, name }));
    },
  );

  it('names no test that is not there', () => {
    expect(cited.length).toBeGreaterThan(30);
    const missing = cited.filter(({ file, name }) => {
      if (!existsSync(join(projectRoot, file))) return true;
      return name !== undefined && !read(file).includes(name);
    });
    expect(missing).toEqual([]);
  });

  it('has a section for each of the nine invariants', () => {
    const numbers = [...read('docs/coverage.md').matchAll(/^## (\d)\. /gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('tables', () => {
  it('docs/dependencies.md has every dependency, with its version and licence', () => {
    const { dependencies, devDependencies } =
      json<Record<'dependencies' | 'devDependencies', Record<string, string>>>('package.json');
    const wanted = Object.entries({ ...dependencies, ...devDependencies }).map(([name, version]) => {
      const { license } = json<{ license: string }>(`node_modules/${name}/package.json`);
      return { name, version, license };
    });
    const rows = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)`\s*\| ([^ |]+)\s*\|[^|]*\| ([^|]+?)\s*\|/gm)];
    const told = rows.map(([, name, version, license]) => ({ name, version, license }));
    expect(told).toEqual(wanted);
  });

  it('the README has every exit code and no other', () => {
    const section = /## Exit codes\n([\s\S]*?)\n## /.exec(read('README.md'))?.[1] ?? '';
    const told = [...section.matchAll(/^\| (\d+)\s*\|/gm)].map(([, code]) => Number(code));
    expect(told).toEqual(Object.values(exitCodes));
  });

  it('docs/faults.md has every family of faults', () => {
    const told = [...read('docs/faults.md').matchAll(/^\| (`.*?)\s*\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z0-9-]+)`/g)].map(([, family]) => family),
    );
    const families = new Set(
      sources(join(projectRoot, 'src')).flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/\bcode: '([a-z0-9-]+)\.[a-z0-9-]+'/g)].map(([, family]) => family),
      ),
    );
    expect([...families].filter((family) => !told.includes(family))).toEqual([]);
    expect(told.filter((family) => !families.has(family))).toEqual([]);
  });
});

describe('what is committed', () => {
  it('names no folder of one machine', () => {
    const everything = [...sources(join(projectRoot, 'src')), ...sources(join(projectRoot, 'commands'))]
      .concat(documents.map((document) => join(projectRoot, document)))
      .filter((path) => /(^|[\s'"`(])\/(root|home\/\w+|Users\/\w+)\//m.test(readFileSync(path, 'utf8')));
    expect(everything.map((path) => relative(projectRoot, path))).toEqual([]);
  });
});

function sources(at: string): string[] {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    if (entry.isDirectory()) return ['testdata', 'testing'].includes(entry.name) ? [] : sources(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Reads every import of the product and fails on an arrow that runs up (DESIGN section 2), or on a package in the wrong room. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './testing/dist.ts';

const src = join(projectRoot, 'src');

/** Room -> rooms it may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  ports: ['model'],
  plan: ['model'],
  change: ['model'],
  gate: ['model', 'ports'],
  parity: ['model', 'ports'],
  schema: ['model'],
  journal: ['model', 'ports'],
  verify: ['model', 'ports', 'parity', 'gate'],
  phases: ['model', 'ports', 'plan', 'change', 'gate', 'parity', 'schema', 'journal', 'verify'],
  runner: ['model', 'ports', 'phases', 'journal'],
  report: ['model', 'ports', 'journal'],
  adapters: ['model', 'ports', 'parity'],
  rehearsal: ['model'],
  lab: ['model'],
  app: [
    'model',
    'ports',
    'plan',
    'change',
    'gate',
    'parity',
    'schema',
    'journal',
    'verify',
    'phases',
    'runner',
    'report',
    'adapters',
    'rehearsal',
    'lab',
  ],
  commands: ['app', 'report', 'model'],
  'command-not-found.ts': ['plan'],
  bench: ['app', 'adapters', 'rehearsal', 'lab', 'verify', 'parity', 'model', 'ports', 'journal', 'phases', 'runner'],
};

/** Package (prefix) -> the only rooms that may import it at all, types apart. */
const packageRooms: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/': ['adapters', 'lab'],
  '@oclif/': ['commands', 'cli.ts', 'command-not-found.ts'],
  listr2: ['report'],
  inquirer: ['report'],
  knex: ['adapters'],
  pg: ['adapters', 'rehearsal', 'lab', 'bench'],
  fastify: ['rehearsal'],
  'dns-packet': ['rehearsal', 'lab'],
  yaml: ['plan', 'app'],
  zod: ['plan', 'report', 'adapters', 'rehearsal', 'lab', 'app'],
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'testdata' ? [] : filesIn(path);
    return /\.ts$/.test(entry.name) && !/\.test\.ts$/.test(entry.name) ? [path] : [];
  });

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

const roomOf = (path: string): string => {
  const inside = relative(projectRoot, path).split('/');
  return inside[0] === 'src' ? (inside[1] ?? '') : (inside[0] ?? '');
};

const importsOf = (file: string): Import[] =>
  [...readFileSync(file, 'utf8').matchAll(importPattern)].map((match) => ({
    file: relative(projectRoot, file),
    from: roomOf(file),
    to: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));

const isTestSupport = (path: string): boolean =>
  path.includes('/testing/') || path.endsWith('architecture.test.ts') || path.includes('/testdata/');

const product = [
  ...filesIn(src),
  ...filesIn(join(projectRoot, 'commands')),
  ...(readdirSync(projectRoot).includes('bench') ? filesIn(join(projectRoot, 'bench')) : []),
].filter((path) => !isTestSupport(path));
const imports = product.flatMap(importsOf);

describe('arrows between rooms', () => {
  it('reads the house at all', () => {
    expect(product.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(product.length);
  });

  it('no import runs up or sideways', () => {
    const wrong = imports.filter(({ file, from, to }) => {
      if (!to.startsWith('.')) return false;
      const target = roomOf(resolve(projectRoot, dirname(file), to));
      return target !== from && !(mayImport[from] ?? []).includes(target);
    });
    expect(wrong.map(({ file, to }) => `${file} -> ${to}`)).toEqual([]);
  });

  it('every room is listed, so that a new one is a decision', () => {
    const rooms = new Set(product.map(roomOf).filter((room) => !room.endsWith('.ts')));
    expect([...rooms].filter((room) => !(room in mayImport))).toEqual([]);
  });

  it('packages stay in their rooms', () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      if (typeOnly) return false;
      const owner = Object.entries(packageRooms).find(([name]) =>
        name.endsWith('/') ? to.startsWith(name) : to === name || to.startsWith(`${name}/`),
      );
      return owner !== undefined && !owner[1].includes(from);
    });
    expect(wrong.map(({ file, to }) => `${file} -> ${to}`)).toEqual([]);
  });

  it('the rooms that decide touch neither clock nor chance nor process', () => {
    const pure = ['model', 'plan', 'change', 'gate', 'parity', 'schema'];
    const wrong = product
      .filter((path) => pure.includes(roomOf(path)))
      .filter((path) => /Date\.now\(|Math\.random\(|process\.(env|argv|exit)/.test(readFileSync(path, 'utf8')));
    expect(wrong.map((path) => relative(projectRoot, path))).toEqual([]);
  });

  it('nothing asks whether this is a rehearsal', () => {
    const wrong = product
      .filter((path) => ['phases', 'runner', 'adapters', 'verify', 'gate', 'parity'].includes(roomOf(path)))
      .filter((path) => /isRehearsal|inRehearsal|rehearsing/i.test(readFileSync(path, 'utf8')));
    expect(wrong.map((path) => relative(projectRoot, path))).toEqual([]);
  });
});

describe('files', () => {
  it('each says in its first lines what it is for', () => {
    const silent = product.filter((path) => !/^(#![^\n]*\n)?\s*(\/\*\*|\/\/)/.test(readFileSync(path, 'utf8')));
    expect(silent.map((path) => relative(projectRoot, path))).toEqual([]);
  });
});

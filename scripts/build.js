// Bundles commands and process entries into dist/, split so that each command loads only what it uses.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const commandFiles = (folder) =>
  readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) return commandFiles(path);
    return path.endsWith('.ts') && !path.endsWith('.test.ts') ? [path] : [];
  });

const optional = (path) => {
  try {
    statSync(join(root, path));
    return true;
  } catch {
    return false;
  }
};

/** Everything that is started by its own file: commands by oclif, the rest by node. */
export const entryPoints = () => [
  ...commandFiles('commands').map((path) => ({ in: path, out: path.replace(/\.ts$/, '') })),
  ...[
    ['src/cli.ts', 'cli'],
    ['src/rehearsal/main.ts', 'rehearsal/main'],
    ['src/lab/workload/main.ts', 'lab/workload'],
    ['src/lab/traffic/main.ts', 'lab/traffic'],
    ['src/app/generate.ts', 'generate'],
    ['bench/main.ts', 'bench'],
  ].flatMap(([from, out]) => (optional(from) ? [{ in: from, out }] : [])),
];

export const buildAll = async (outdir = join(root, 'dist')) => {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: entryPoints(),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
    chunkNames: 'chunks/[name]-[hash]',
  });
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll(process.argv[2] ?? join(root, 'dist'));

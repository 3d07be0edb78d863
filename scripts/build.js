// Bundles commands and process entries into dist/, split so that each command loads only what it uses.
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
    ['src/command-not-found.ts', 'command-not-found'],
    ['src/rehearsal/main.ts', 'rehearsal/main'],
    ['src/lab/workload/main.ts', 'lab/workload'],
    ['src/lab/traffic/main.ts', 'lab/traffic'],
    ['src/app/generate.ts', 'generate'],
    ['bench/main.ts', 'bench'],
  ].flatMap(([from, out]) => (optional(from) ? [{ in: from, out }] : [])),
];

/**
 * Packages stay outside, oclif alone is bundled with what it imports: opening its hundred files takes longer than all
 * that `octank --version` does besides (README of bench/).
 */
const packagesOutside = {
  name: 'packages-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      if (kind === 'entry-point' || path.startsWith('node:')) return undefined;
      if (path === '@oclif/core' || /[\\/]node_modules[\\/]/.test(importer)) return undefined;
      return { path, external: true };
    });
  },
};

/** oclif is CommonJS inside, which an ES module has no `require` for. */
const banner = "import { createRequire as requireFor } from 'node:module';const require = requireFor(import.meta.url);";

/** The list of commands with their flags, so that `--help` and a typo do not load every command. */
const writeManifest = async () => {
  const { Plugin } = await import('@oclif/core');
  const plugin = new Plugin({ root, ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true });
  await plugin.load();
  writeFileSync(join(root, 'oclif.manifest.json'), JSON.stringify(plugin.manifest));
};

export const buildAll = async (outdir = join(root, 'dist')) => {
  const isPackage = outdir === join(root, 'dist');
  rmSync(outdir, { recursive: true, force: true });
  if (isPackage) rmSync(join(root, 'oclif.manifest.json'), { force: true });
  await build({
    absWorkingDir: root,
    entryPoints: entryPoints(),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    plugins: [packagesOutside],
    define: { __dirname: 'import.meta.dirname' },
    external: ['ts-node', 'typescript', 'tsx'],
    banner: { js: banner },
    sourcemap: 'linked',
    logLevel: 'warning',
    chunkNames: 'chunks/[name]-[hash]',
  });
  if (isPackage) await writeManifest();
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll(process.argv[2] ?? join(root, 'dist'));

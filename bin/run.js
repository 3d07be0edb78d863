#!/usr/bin/env node
// A checkout that was never built builds itself once; a package always carries its build.
import { existsSync } from 'node:fs';

const entry = new URL('../dist/cli.js', import.meta.url);

const build = async () => {
  try {
    const { buildAll } = await import('../scripts/build.js');
    await buildAll();
  } catch (error) {
    process.stderr.write(`octank is not built, and could not be: ${error.message}\n  -> npm ci && npm run build\n`);
    process.exit(1);
  }
};

if (!existsSync(entry)) await build();
const { run } = await import(entry.href);
await run(import.meta.url);

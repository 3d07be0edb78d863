#!/usr/bin/env node
// Builds first, then runs: for work on octank itself.
import { buildAll } from '../scripts/build.js';

await buildAll();
const { run } = await import('../dist/cli.js');
await run(import.meta.url);

/** How long no database takes writes: a whole rehearsal of plans/shop.yaml as a user runs it, with the memory of its processes. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../src/app/settings.ts';
import { type Bench, bounded, type Figure } from './figures.ts';
import { workFolder } from './folders.ts';
import { peakMegabytes } from './memory.ts';

/** What is read of the last line. */
interface Result {
  readonly type: string;
  readonly outcome: string;
  readonly downtimeSeconds: number | null;
  readonly clients: { readonly medianDowntimeSeconds: number | null };
  readonly writes: { readonly acknowledged: number; readonly lost: number };
  readonly phases: readonly { readonly name: string; readonly seconds: number }[];
}

const lookMs = 500;

const endpointPid = async (folder: string): Promise<number | null> => {
  const text = await readFile(join(folder, '.octank', 'rehearsal', 'octank-shop', 'endpoint.json'), 'utf8').catch(
    () => '',
  );
  return text === '' ? null : (JSON.parse(text) as { pid: number }).pid;
};

/** Peaks are read while the processes live: afterwards nobody knows them. */
const watchPeaks = (folder: string, octankPid: number) => {
  const peaks = { octank: 0, rehearsal: 0 };
  let isOver = false;
  const loop = (async () => {
    while (!isOver) {
      const rehearsalPid = await endpointPid(folder);
      peaks.octank = Math.max(peaks.octank, (await peakMegabytes(octankPid)) ?? 0);
      if (rehearsalPid !== null) peaks.rehearsal = Math.max(peaks.rehearsal, (await peakMegabytes(rehearsalPid)) ?? 0);
      await sleep(lookMs);
    }
  })();
  return async () => {
    isOver = true;
    await loop;
    return peaks;
  };
};

const rehearse = async (folder: string, rows: number | null) => {
  const root = packageRoot();
  const args = ['rehearse', join(root, 'plans', 'shop.yaml'), '--auto-approve', '--json'];
  const child = spawn(
    process.execPath,
    [join(root, 'bin', 'run.js'), ...args, ...(rows === null ? [] : ['--rows', String(rows)])],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const peaks = watchPeaks(folder, child.pid ?? 0);
  let result: Result | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed = JSON.parse(line) as Result;
    if (parsed.type === 'result') result = parsed;
  }
  const found = await peaks();
  if (result === undefined) throw new Error('the rehearsal ended without a result');
  return { result, peaks: found };
};

const run: Bench['run'] = async ({ rows, log }) => {
  const folder = await mkdtemp(join(await workFolder(), 'cutover-'));
  const startedAt = performance.now();
  try {
    const { result, peaks } = await rehearse(folder, rows);
    const { outcome, writes, clients } = result;
    log(
      `${outcome}; ${writes.acknowledged} writes, ${writes.lost} lost; a client missed ${clients.medianDowntimeSeconds ?? '?'} s (median)`,
    );
    log(result.phases.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', '));
    if (outcome !== 'succeeded' || writes.lost > 0) throw new Error('a rehearsal that fails proves no downtime');
    const figures: Figure[] = [
      bounded({
        name: 'database gap at cutover, 200 writes/s',
        value: result.downtimeSeconds ?? Number.NaN,
        most: 2,
        unit: 's',
      }),
      bounded({ name: 'the whole rehearsal', value: (performance.now() - startedAt) / 1000, most: 90, unit: 's' }),
    ];
    for (const name of ['octank', 'rehearsal'] as const)
      if (peaks[name] > 0)
        figures.push(bounded({ name: `peak memory of ${name}, rehearse`, value: peaks[name], most: 300, unit: 'MB' }));
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export const cutoverBench: Bench = { name: 'cutover', says: 'the gap in which no database takes writes', run };

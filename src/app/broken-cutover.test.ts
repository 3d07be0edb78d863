/** The checker must be able to fail: cutovers with a step taken out really do harm, and it must say which. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepKind } from '../phases/contract.ts';
import { phases } from '../phases/index.ts';
import { openWave } from '../phases/wave.ts';
import { projectRoot } from '../testing/dist.ts';
import type { StartedRehearsal } from './rehearsal-control.ts';
import { rehearseInProcess } from './testdata/in-process.ts';

const real = (kind: string): StepKind => {
  const found = phases.flatMap((phase) => phase.steps).find((step) => step.kind === kind);
  if (!found) throw new Error(`no step is of kind ${kind}`);
  return found;
};

/** Claims to be done without doing anything. */
const leftOut = (kind: string): StepKind => ({
  kind,
  limit: real(kind).limit,
  observe: async () => ({ state: 'done', evidence: {} }),
});

const replacing = (...steps: readonly StepKind[]): ReadonlyMap<string, StepKind> =>
  new Map(steps.map((step) => [step.kind, step]));

const connect = async (started: StartedRehearsal, name: string): Promise<pg.Client> => {
  const database = started.endpoint.databases[name];
  if (!database) throw new Error(`no database ${name}`);
  const client = new pg.Client({
    host: database.host,
    port: database.port,
    user: database.superuser,
    password: database.superuserPassword,
    database: database.dbname,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

let folder: string;
let planFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'octank-broken-'));
  planFile = join(folder, 'minimal.yaml');
  await writeFile(planFile, await readFile(join(projectRoot, 'plans', 'minimal.yaml'), 'utf8'));
  await writeFile(
    join(folder, 'minimal.rehearsal.yaml'),
    'rows: 300\nclock: { rate: 600 }\napplication: { writesPerSecond: 40 }\n',
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a broken cutover is found out', () => {
  it('without the fence two databases take writes, and writes are lost', { timeout: 180_000 }, async () => {
    const open = real('cutover.unfence-target');
    const stop = real('cutover.stop-forward');
    const { checker, result, exitCode } = await rehearseInProcess({
      planFile,
      variants: replacing(
        ...[
          'cutover.fence',
          'cutover.drain',
          'cutover.parity',
          'cutover.sequences',
          'cutover.reverse-position',
          'cutover.point-of-no-return',
          'cutover.prove',
        ].map(leftOut),
        {
          ...stop,
          perform: async (context) => {
            const task = await context.ports.replication.findTask('octank-minimal-shop-forward');
            if (task) await context.ports.replication.requestStop(task.arn);
          },
        },
        {
          ...open,
          perform: async (context) => {
            const { wave, target } = await openWave(context);
            await target.fence.open(wave.name);
          },
        },
      ),
    });
    expect(checker.violations.map((violation) => violation.code)).toContain('two-writers');
    expect(result.outcome).toBe('failed');
    expect(exitCode).not.toBe(0);
  });

  it('without the wait for the marker what was still on its way is lost', { timeout: 180_000 }, async () => {
    let source: pg.Client | undefined;
    let target: pg.Client | undefined;
    const writes = async (): Promise<number> => {
      const { rows } = await source!.query<{ count: number }>('select count(*)::int as count from shop.activity');
      return rows[0]?.count ?? 0;
    };
    const fence = real('cutover.fence');
    const opened = real('cutover.unfence-target');
    const { checker, result } = await rehearseInProcess({
      planFile,
      onReady: async (started) => {
        source = await connect(started, 'monolith');
        target = await connect(started, 'accounts');
      },
      variants: replacing(
        leftOut('cutover.drain'),
        leftOut('cutover.parity'),
        {
          ...fence,
          // A lock makes replication lag by some writes at the very moment of the fence.
          perform: async (context) => {
            await target?.query('begin; lock table shop.activity in exclusive mode');
            const goal = (await writes()) + 60;
            const deadline = Date.now() + 15_000;
            while ((await writes()) < goal) {
              if (Date.now() > deadline) throw new Error('the application did not write');
              await context.ports.clock.wall.sleep(50);
            }
            await fence.perform?.(context);
          },
        },
        {
          ...opened,
          perform: async (context) => {
            await target?.query('rollback');
            await opened.perform?.(context);
          },
        },
      ),
    }).finally(() => Promise.all([source?.end(), target?.end()]));
    expect(checker.violations.map((violation) => violation.code)).toContain('write-lost');
    expect(checker.writes.lost).toBeGreaterThan(0);
    expect(result.outcome).toBe('failed');
  });
});

/**
 * One migration, killed, interrupted and frozen again and again at the boundaries of its steps, on real databases under writes and traffic. Each
 * time the same command goes on, and at the end nothing is lost. In order: where one run was stopped, the next one begins.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JournalRecord } from '../journal/record.ts';
import type { Lab, startChecker } from '../lab/index.ts';
import type { CliProcess, CliResult } from '../testing/cli.ts';
import { replaced, type Side, type TestMigration, testMigration } from '../testing/rehearsal.ts';
import { startForPlan } from './rehearsal-control.ts';
import { movingTables, openChecker, openLab, waitForWrites } from './rehearsal-lab.ts';
import { readSettings } from './settings.ts';

const patientMs = 240_000;
vi.setConfig({ testTimeout: patientMs });

const ladder = `    ladder:
      - { share: 5, bake: 1m }
      - { share: 50, bake: 1m }
      - { share: 100, bake: 1m }
    maxStep: 50
    gates: [app-sessions]

`;

/** Short, and judged by sessions alone: what is proven here is that it goes on, not that gates judge well. */
const plan = (yaml: string): string => {
  const replacements: readonly (readonly [string | RegExp, string])[] = [
    ['downtimeBudget: 30s', 'downtimeBudget: 25s'],
    [/ {4}ladder:\n[\s\S]*?\n(?=gates:)/, ladder],
    [/\n {2}- name: http-errors[\s\S]*?(?=\n {2}# The application's own sessions)/, '\n'],
  ];
  return replacements.reduce((text, [from, to]) => replaced(text, from, to), yaml);
};

let migration: TestMigration;
let lab: Lab;
let checker: Awaited<ReturnType<typeof startChecker>>;

beforeAll(async () => {
  migration = await testMigration({
    rows: 300,
    // Faster, and the windows of gates would be shorter than the time between two looks.
    rate: 120,
    plan,
    rehearsal: (yaml) =>
      replaced(
        replaced(yaml, /writesPerSecond: \d+/, 'writesPerSecond: 25'),
        /requestsPerSecond: \d+/,
        'requestsPerSecond: 10',
      ),
  });
  for (const [name, value] of Object.entries(migration.env)) vi.stubEnv(name, value);
  const moving = await movingTables(migration.started, readSettings());
  lab = await openLab(migration.started, moving);
  checker = await openChecker(migration.started, readSettings(), moving);
  await waitForWrites(lab);
}, patientMs);

afterAll(async () => {
  await lab?.stop().catch(() => undefined);
  await migration?.stop();
  vi.unstubAllEnvs();
}, patientMs);

const apply = (): CliProcess =>
  migration.spawn(['migrate', 'apply', migration.planFile, '--auto-approve'], { timeoutMs: patientMs });

const recordsAfter = async (number: number): Promise<readonly JournalRecord[]> => {
  const names = (await readdir(migration.journalFolder()).catch(() => []))
    .filter((name) => /^\d+\.json$/.test(name) && Number.parseInt(name, 10) > number)
    .sort();
  return Promise.all(
    names.map(
      async (name) =>
        (JSON.parse(await readFile(join(migration.journalFolder(), name), 'utf8')) as { record: JournalRecord }).record,
    ),
  );
};

const lastNumber = async (): Promise<number> => (await recordsAfter(0)).at(-1)?.number ?? 0;

/** Resolves when a new record fits, while the process lives; says what it did where it ended before. */
const until = async (process: CliProcess, from: number, fits: (record: JournalRecord) => boolean): Promise<void> => {
  const deadline = Date.now() + 90_000;
  let seen = from;
  for (;;) {
    for (const record of await recordsAfter(seen)) {
      seen = record.number;
      if (fits(record)) return;
    }
    if (process.child.exitCode !== null || Date.now() > deadline) {
      process.kill('SIGKILL');
      throw new Error(`the run did not get there\n${process.stdout().slice(-3000)}\n${process.stderr()}`);
    }
    await sleep(3);
  }
};

type Boundary = readonly [name: string, fits: (record: JournalRecord) => boolean];

/** Or done at once, where an earlier run had come so far already. */
const intended = (stepId: string): Boundary => [
  `${stepId} intended`,
  (record) => (record.type === 'step-intended' || record.type === 'step-done') && record.stepId === stepId,
];
const confirmed = (stepId: string): Boundary => [
  `${stepId} confirmed`,
  (record) => record.type === 'step-done' && record.stepId === stepId,
];
/** The effect is there, its outcome is not yet journaled. */
const performed = (what: string, fits: (record: JournalRecord) => boolean): Boundary => [`${what} performed`, fits];

const stopAt = async ([, fits]: Boundary, signal: 'SIGKILL' | 'SIGINT'): Promise<CliResult> => {
  const from = await lastNumber();
  const process = apply();
  await until(process, from, fits);
  process.kill(signal);
  return process.exited;
};

const killAt = async (boundary: Boundary): Promise<void> => {
  expect((await stopAt(boundary, 'SIGKILL')).signal).toBe('SIGKILL');
};

/** Ctrl-C: the effect under way is finished and journaled, the command that goes on is named. */
const interruptAt = async (boundary: Boundary): Promise<void> => {
  const { code, stderr, stdout } = await stopAt(boundary, 'SIGINT');
  expect(`${stdout}${stderr}`).toContain('octank migrate apply');
  expect(code).toBe(130);
};

/** More rows than could have been under way; resolves when they are there, rejects at the deadline. */
const takesWrites = async (side: Side): Promise<void> => {
  const count = async (): Promise<number> =>
    Number((await migration.query<{ n: string }>(side, 'select count(*) as n from shop.activity'))[0]?.n ?? 0);
  const goal = (await count()) + 40;
  const deadline = Date.now() + 120_000;
  while ((await count()) < goal) {
    if (Date.now() > deadline) throw new Error(`the ${side} takes no writes`);
    await sleep(100);
  }
};

describe('killed before the load', () => {
  it.each([
    intended('convert-schema/shop/tables'),
    confirmed('convert-schema/shop/fence-target'),
    intended('full-load/shop/feed'),
  ])('%s', (...boundary) => killAt(boundary));

  it('Ctrl-C in convert-schema and in the load', async () => {
    await interruptAt(confirmed('full-load/shop/endpoints'));
  });
});

describe('killed while changes flow', () => {
  it('when the task is asked for', () => killAt(intended('full-load/shop/task')));
  it('as soon as the load began', () => killAt(intended('full-load/shop/load')));
  it('Ctrl-C while it catches up', () => interruptAt(confirmed('cdc/shop/resume')));

  it('the whole embedded AWS is killed while it applies changes, and its state survives', async () => {
    const process = apply();
    await until(process, await lastNumber(), (record) => record.type === 'lag');
    process.kill('SIGKILL');
    await process.exited;
    globalThis.process.kill(migration.started.endpoint.pid, 'SIGKILL');
    const again = await startForPlan({
      planFile: migration.planFile,
      root: join(migration.folder, 'rehearsal'),
      fresh: false,
      rows: null,
      rate: null,
      log: () => undefined,
    });
    expect(again.environment).toEqual(migration.started.environment);
  });

  it('Ctrl-C while every row is compared', () => interruptAt(intended('verify/shop/parity')));
});

describe('killed around the fence', () => {
  it('before it closes', () => killAt(intended('cutover/shop/fence')));

  it('while it stands', () =>
    killAt(performed('fence', (record) => record.type === 'writer' && record.writer === 'none')));

  it('frozen past its lease: the fence lifts itself, and octank when it wakes goes no further', async () => {
    const from = await lastNumber();
    const process = apply();
    await until(process, from, (record) => record.type === 'writer' && record.writer === 'none');
    process.kill('SIGSTOP');
    await takesWrites('source');
    process.kill('SIGCONT');
    const { code, stderr } = await process.exited;
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/fence\.lifted|cutover\.budget|lock\.lost|fencing\./);
    expect((await recordsAfter(from)).map((record) => record.type)).not.toContain('point-of-no-return');
  });

  it.each([
    confirmed('cutover/shop/drain'),
    intended('cutover/shop/point-of-no-return'),
    performed('point of no return', (record) => record.type === 'point-of-no-return'),
    performed('opening of the target', (record) => record.type === 'writer' && record.writer === 'target'),
    intended('cutover/shop/repoint-1-secretsManager'),
    intended('cutover/shop/reverse-start'),
  ])('%s', (...boundary) => killAt(boundary));

  it('Ctrl-C while the new place is proven', () => interruptAt(confirmed('cutover/shop/reverse-start')));
});

describe('killed while traffic moves', () => {
  it.each([performed('move of weights', (record) => record.type === 'weights' && record.why === 'moved')])(
    '%s',
    (...boundary) => killAt(boundary),
  );

  it('Ctrl-C between two shares', () =>
    interruptAt(performed('move', (record) => record.type === 'step-done' && record.stepId.endsWith('/5/bake'))));

  it('then it runs to its end: one writer throughout, nothing lost, nothing doubled', async () => {
    const done = await apply().exited;
    expect(done.stderr).toBe('');
    expect(done.code).toBe(0);
    await takesWrites('target');
    const { logs } = await lab.stop();
    const report = await checker.stop({ logs, rowsWithinSeconds: 60 });
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ writer: 'target', writes: { lost: 0, duplicated: 0 }, rows: { equal: true } });
  });
});

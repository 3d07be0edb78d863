/** Dangers of repointing by commands and by hand: output that tells secrets, a hung command, an effect repeated or overwritten. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RepointSpec } from '../../model/plan.ts';
import { createRepoint, repointDrivers } from './index.ts';
import { createRunCommand } from './run-command.ts';

const run = createRunCommand({
  cwd: import.meta.dirname,
  env: { PATH: process.env.PATH, HOME: '/', AWS_SECRET_ACCESS_KEY: 'hunter2' },
});
const node = (script: string): string[] => [process.execPath, '-e', script];
const request = (script: string, more: object = {}) => ({
  argv: node(script),
  timeoutSeconds: 10,
  mutates: true,
  env: { OCTANK_TOKEN: 't1' },
  ...more,
});

describe('a command', () => {
  it('gets its token and no credentials of ours', async () => {
    expect(
      await run(request('console.log([process.env.OCTANK_TOKEN, process.env.AWS_SECRET_ACCESS_KEY].join())')),
    ).toBe('t1,');
  });

  it('is given its words as they are: no shell reads them', async () => {
    const argv = [...node('console.log(process.argv[1])'), '$(echo hacked); `id`'];
    expect(await run({ ...request(''), argv })).toBe('$(echo hacked); `id`');
  });

  it('runs in the folder of the plan, and finds its way by PATH', async () => {
    expect(await run({ ...request(''), argv: ['ls', 'run-command.ts'] })).toBe('run-command.ts');
  });

  it('that fails may have done something, and its output is not repeated', async () => {
    const failing = run(request('console.log("hunter2"); console.error("hunter2"); process.exit(3)'));
    const error: unknown = await failing.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'command.failed',
      effect: 'unknown',
      detail: expect.stringContaining('exit 3'),
    });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2');
    await expect(run(request('process.exit(3)', { mutates: false }))).rejects.toMatchObject({ effect: 'none' });
  });

  it('that does not end is stopped with all it started, and may have done something', async () => {
    const started = Date.now();
    const hanging = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }); setInterval(() => {}, 1000)`;
    await expect(run(request(hanging, { timeoutSeconds: 0.4 }))).rejects.toMatchObject({
      code: 'command.timeout',
      effect: 'unknown',
    });
    expect(Date.now() - started).toBeLessThan(5000);
  });

  it('that is not there did nothing', async () => {
    await expect(run({ ...request(''), argv: ['/no/such/program'] })).rejects.toMatchObject({
      code: 'command.missing',
      effect: 'none',
    });
  });
});

/** A world of one word, and commands that read and write it. */
const world = (at: string) => {
  const state = { at, performed: 0, undone: 0 };
  const announced: string[] = [];
  const services = {
    secretStore: { current: noStore, copy: noStore, restore: noStore },
    traffic: { read: noStore, swap: noStore, changeStatus: noStore },
    clock: { wall: { now: () => 0, sleep: async () => void arrive() } },
    run: async ({ argv }: { readonly argv: readonly string[] }) => {
      if (argv[0] === 'look') return state.at;
      if (argv[0] === 'go') state.performed += 1;
      else state.undone += 1;
      state.at = argv[0] === 'go' ? 'target' : 'source';
      return '';
    },
    announce: (text: string) => void announced.push(text),
  };
  let arrive = (): void => undefined;
  return { state, announced, services, onSleep: (act: () => void) => (arrive = act) };
};
const noStore = (): Promise<never> => Promise.reject(new Error('not used'));

const command: RepointSpec = { kind: 'command', settings: { observe: ['look'], perform: ['go'], undo: ['back'] } };

describe('by command', () => {
  it('acts once however often it is asked', async () => {
    const { state, services } = world('source');
    const driver = createRepoint(command, services);
    await driver.perform({}, 't');
    await driver.perform({}, 't');
    expect(state).toEqual({ at: 'target', performed: 1, undone: 0 });
    await driver.undo({}, 't');
    await driver.undo({}, 't');
    expect(state).toEqual({ at: 'source', performed: 1, undone: 1 });
  });

  it('overwrites nothing foreign, and does not repeat what the command said instead', async () => {
    const { state, services } = world('password=hunter2');
    const driver = createRepoint(command, services);
    const seen = await driver.observe({});
    expect(seen.at).toBe('foreign');
    expect(JSON.stringify(seen)).not.toContain('hunter2');
    await expect(driver.perform({}, 't')).rejects.toMatchObject({ code: 'repoint.foreign' });
    await expect(driver.undo({}, 't')).rejects.toMatchObject({ code: 'repoint.foreign' });
    expect(state.performed + state.undone).toBe(0);
  });
});

describe('by hand', () => {
  const manual: RepointSpec = {
    kind: 'manual',
    settings: {
      instructions: 'Change the pool.',
      undoInstructions: 'Change it back.',
      observe: ['look'],
      waitSeconds: 5,
    },
  };

  it('is asked for, and done only when it is seen', async () => {
    const { state, announced, services, onSleep } = world('source');
    let looks = 0;
    onSleep(() => {
      looks += 1;
      if (looks === 3) state.at = 'target';
    });
    const driver = createRepoint(manual, services);
    await driver.perform({}, 't');
    expect(announced).toEqual(['Change the pool.']);
    expect(looks).toBe(3);
    await driver.perform({}, 't');
    expect(announced).toHaveLength(1);
  });

  it('holds when nobody does it in time', async () => {
    const { services } = world('source');
    let time = 0;
    const sleep = async (ms: number): Promise<void> => {
      time += ms;
    };
    const clock = { wall: { now: () => time, sleep } };
    const driver = createRepoint(manual, { ...services, clock });
    await expect(driver.perform({}, 't')).rejects.toMatchObject({ code: 'repoint.not-done-by-hand', exitCode: 9 });
  });
});

describe('drivers', () => {
  it.each(repointDrivers.map((driver) => [driver.kind, driver] as const))(
    '%s refuses settings of another',
    (_, driver) => {
      expect(driver.settings.safeParse({ unknown: true }).success).toBe(false);
      expect(() => driver.create({ unknown: true }, world('source').services)).toThrow(
        expect.objectContaining({ code: 'repoint.bad-settings' }),
      );
      expect(z.toJSONSchema(driver.settings, { io: 'input' })).toBeDefined();
    },
  );

  it('keep what a shorthand means in a form that they read again', () => {
    const [secrets] = repointDrivers;
    const meant = secrets?.settings.parse('octank/shop-db');
    expect(meant).toEqual({
      secret: 'octank/shop-db',
      source: 'octank/shop-db-source',
      target: 'octank/shop-db-target',
    });
    expect(secrets?.settings.parse(meant)).toEqual(meant);
  });

  it('are named where the plan names none of them', () => {
    expect(() => createRepoint({ kind: 'telepathy', settings: {} }, world('source').services)).toThrow(
      expect.objectContaining({ code: 'repoint.unknown-kind', hint: expect.stringContaining('secretsManager') }),
    );
  });
});

/** What a run does when it is stopped or fails inside and just after a section: the ways in which nobody could write for long. */
import { describe, expect, it } from 'vitest';
import { makeChangeSet } from '../change/change-set.ts';
import { change } from '../change/testing/changes.ts';
import { openJournal } from '../journal/journal.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Phase, Ports, StepKind } from '../phases/contract.ts';
import type { LiveWaves } from '../phases/live.ts';
import { planOf, planText } from '../plan/testing/plans.ts';
import type { Host, Question } from '../ports/host.ts';
import { virtualClock } from '../ports/testing/clock.ts';
import { createRunner } from './runner.ts';

const memoryStore = () => {
  const texts: string[] = [];
  return {
    location: 'memory',
    numbers: async () => texts.map((_, index) => index + 1),
    read: async (number: number) => texts[number - 1] ?? '',
    append: async (_number: number, text: string) => void texts.push(text),
  };
};

/** One step kind per name; `done` remembers what the world shows. */
const world = (names: readonly string[], given: Readonly<Record<string, Partial<StepKind>>> = {}) => {
  const done = new Set<string>();
  const undone: string[] = [];
  const kinds = names.map(
    (kind): StepKind => ({
      kind,
      limit: { intervalSeconds: 1, deadlineSeconds: 10, timer: 'wall', reason: 'a test' },
      observe: async () => (done.has(kind) ? { state: 'done', evidence: {} } : { state: 'absent' }),
      perform: async () => void done.add(kind),
      undo: async () => {
        done.delete(kind);
        undone.push(kind);
      },
      ...given[kind],
    }),
  );
  return { done, undone, kinds };
};

const start = async (options: {
  readonly kinds: readonly StepKind[];
  readonly section: readonly string[];
  readonly approval?: string;
  readonly host?: Partial<Host>;
}) => {
  const plan = planOf(planText);
  const controller = new AbortController();
  const clock = virtualClock({ auto: true });
  const changes = options.kinds.map(({ kind }) =>
    change(`cutover/shop/${kind}`, {
      phase: 'cutover',
      kind,
      section: options.section.includes(kind) ? 'cutover/shop' : null,
      approval: options.approval === kind ? 'cutover' : null,
    }),
  );
  const journal = await openJournal({ store: memoryStore(), clock, fencing: () => 1 });
  await journal.append({
    type: 'header',
    format: 'octank-journal',
    version: 1,
    lineage: 'l',
    runId: 'r-1',
    planFile: plan.file,
    planText,
    changeSet: makeChangeSet({ plan, changes, basis: {} }),
    startedBy: 'test',
    octankVersion: '0',
    clockRate: 1,
  });
  const phase: Phase = {
    name: 'cutover',
    plan: () => [],
    steps: options.kinds,
    onResume: 'restart',
    unwindsOn: () => true,
  };
  const runner = createRunner({
    plan,
    journal,
    ports: { clock } as unknown as Ports,
    host: { notify: () => undefined, approve: async () => ({ approved: true, by: 'test' }), ...options.host },
    live: {} as unknown as LiveWaves,
    phases: [phase],
    signal: controller.signal,
    until: null,
    wave: null,
  });
  return { runner, controller, journal };
};

const lost = new Fault({ code: 'lock.lost', summary: 'The lock was lost.', exitCode: exitCodes.locked });
const broken = new Fault({ code: 'dms.task-failed', summary: 'A replication task failed.' });

describe('stopping between the point of no return and the first write of an application', () => {
  const names = ['fence', 'turn', 'open', 'after'];
  const stoppedInTurn = async (reason: Fault | undefined) => {
    let abort = (): void => undefined;
    const { done, kinds } = world(names, {
      turn: {
        perform: async () => {
          done.add('turn');
          abort();
        },
      },
      open: { atOnce: true },
    });
    const run = await start({ kinds, section: ['fence', 'turn'] });
    abort = () => run.controller.abort(reason);
    // The last step of the section is done when the interrupt is first looked at.
    return { done, result: await run.runner.run() };
  };

  it('an interrupt does not leave both sides closed: the target opens first', async () => {
    const { done, result } = await stoppedInTurn(undefined);
    expect([...done]).toEqual(['fence', 'turn', 'open']);
    expect(result.exitCode).toBe(exitCodes.interrupted);
  });

  it('a lost lease stops at once all the same', async () => {
    const { done, result } = await stoppedInTurn(lost);
    expect(done.has('open')).toBe(false);
    expect(result.exitCode).toBe(exitCodes.locked);
  });

  it('an interrupt earlier in the section walks it back', async () => {
    let abort = (): void => undefined;
    const { done, undone, kinds } = world(names, {
      fence: {
        perform: async () => {
          done.add('fence');
          abort();
        },
      },
    });
    const run = await start({ kinds, section: ['fence', 'turn'] });
    abort = () => run.controller.abort();
    expect((await run.runner.run()).exitCode).toBe(exitCodes.interrupted);
    expect([done.size, undone]).toEqual([0, ['fence']]);
  });
});

describe('walking back when one step cannot be undone', () => {
  const names = ['fence', 'stop', 'turn'];
  const failing = {
    stop: { undo: async () => Promise.reject(broken) },
    turn: { perform: async () => Promise.reject(broken) },
  };

  it('opens the fence although replication does not start again', async () => {
    const { done, undone, kinds } = world(names, failing);
    const { runner, journal } = await start({ kinds, section: names });
    const result = await runner.run();
    expect(undone).toContain('fence');
    expect(done.has('fence')).toBe(false);
    expect(result.fault?.code).toBe('run.unwind-incomplete');
    expect(journal.state()?.steps.map((step) => step.status)).toEqual(['undone', 'undoing', 'undone']);
  });

  it('the next run completes the way back before it goes forward', async () => {
    let mended = false;
    const { undone, kinds } = world(names, {
      stop: { undo: async () => (mended ? void undone.push('stop') : Promise.reject(broken)) },
      turn: { perform: async () => (mended ? undefined : Promise.reject(broken)), atOnce: true },
    });
    const { runner } = await start({ kinds, section: names });
    await runner.run();
    mended = true;
    undone.length = 0;
    await runner.run();
    expect(undone[0]).toBe('stop');
  });
});

describe('asking for an approval', () => {
  it('shows what was measured just now beside what the plan says', async () => {
    let asked: Question | undefined;
    const { kinds } = world(['recheck'], { recheck: { asks: async () => ['Predicted: 3 s.'] } });
    const { runner } = await start({
      kinds,
      section: ['recheck'],
      approval: 'recheck',
      host: {
        approve: async (question) => {
          asked = question;
          return { approved: true, by: 'test' };
        },
      },
    });
    await runner.run();
    expect(asked?.lines).toEqual(['Predicted: 3 s.']);
  });

  it('asks nobody for what could not be done', async () => {
    let questions = 0;
    const { kinds } = world(['recheck'], { recheck: { asks: async () => Promise.reject(broken) } });
    const { runner } = await start({
      kinds,
      section: ['recheck'],
      approval: 'recheck',
      host: {
        approve: async () => {
          questions += 1;
          return undefined;
        },
      },
    });
    expect((await runner.run()).fault?.code).toBe('dms.task-failed');
    expect(questions).toBe(0);
  });
});

/** The loop under everything that can go wrong around an effect: before it, in it, after it, and on the way back. */
import { describe, expect, it } from 'vitest';
import { exitCodes, Fault } from '../model/fault.ts';
import { approving, collectingHost, nobody } from '../ports/testing/host.ts';
import { runToys, type Toy, toyWorld } from './testing/toy.ts';

const fault = (effect: 'none' | 'done' | 'unknown', code = 'toy.failed'): Fault =>
  new Fault({ code, summary: 'A toy failed.', effect });

const throwing = (error: unknown) => async (): Promise<never> => {
  throw error;
};

describe('an intent without an outcome', () => {
  /** A process that died right after its intent was on disk. */
  const diedAfterIntent = async (toy: Toy) => {
    const world = toyWorld();
    world.store.failAt(4);
    await runToys(world, [toy]);
    world.store.failAt(null);
    world.calls.length = 0;
    expect([...world.store.texts.keys()]).toEqual([1, 2, 3]);
    return world;
  };

  it('is answered by the world: an effect that happened is not repeated', async () => {
    const world = await diedAfterIntent({ id: 'a' });
    expect(world.done.has('a')).toBe(true);
    const { result, records } = await runToys(world, [{ id: 'a' }]);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual([]);
    expect(records.slice(-2)).toEqual(['step-done a', 'finished']);
  });

  it('is performed when the world shows nothing of it, as a new attempt', async () => {
    const world = await diedAfterIntent({ id: 'a' });
    world.done.clear();
    const { result, journal } = await runToys(world, [{ id: 'a' }]);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['do a']);
    expect(journal.state()?.steps[0]?.attempts).toBe(2);
  });

  it('is waited for while it is under way, and performed once it turns out absent', async () => {
    const world = await diedAfterIntent({ id: 'a' });
    world.done.clear();
    let looks = 0;
    const { result } = await runToys(world, [
      {
        id: 'a',
        observe: async () => {
          looks += 1;
          if (looks < 3) return { state: 'in-progress', detail: 'stopping' };
          return world.done.has('a') ? { state: 'done', evidence: {} } : { state: 'absent' };
        },
      },
    ]);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['do a']);
  });

  it('what an earlier attempt captured is told apart from what this one does', async () => {
    const world = toyWorld();
    const tokens: string[] = [];
    const toy = (fails: boolean): Toy => ({
      id: 'a',
      observe: async (context) =>
        context.captured().token === context.token ? { state: 'done', evidence: {} } : { state: 'absent' },
      perform: async (context) => {
        tokens.push(context.token);
        await context.capture({ token: context.token });
        if (fails) throw fault('none');
      },
    });
    expect((await runToys(world, [toy(true)])).result.outcome).toBe('failed');
    expect((await runToys(world, [toy(false)])).result.outcome).toBe('succeeded');
    expect(new Set(tokens).size).toBe(2);
  });
});

describe('an unknown outcome', () => {
  it('is settled by looking: done in the world is done', async () => {
    const world = toyWorld();
    const { result, records } = await runToys(world, [
      {
        id: 'a',
        perform: async () => {
          world.done.add('a');
          throw fault('unknown');
        },
      },
    ]);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['do a']);
    expect(records).toContain('step-unknown a');
  });

  it('is settled by looking: absent in the world is a plain failure, and nothing is tried again', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, [{ id: 'a', perform: throwing(fault('unknown')) }]);
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1, fault: { code: 'toy.failed', effect: 'none' } });
    expect(world.calls).toEqual(['do a']);
  });

  it('also of an error that nobody knows by name', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, [
      {
        id: 'a',
        perform: async () => {
          world.done.add('a');
          throw new Error('socket hang up');
        },
      },
    ]);
    expect(result.outcome).toBe('succeeded');
  });

  it('holds, with exit 9 and the question, when the world cannot be read', async () => {
    const world = toyWorld();
    let isReadable = true;
    const { result, journal } = await runToys(world, [
      {
        id: 'a',
        observe: async () => {
          if (!isReadable) throw fault('none', 'toy.unreadable');
          return { state: 'absent' };
        },
        perform: async () => {
          isReadable = false;
          throw fault('unknown');
        },
      },
    ]);
    expect(result).toMatchObject({
      outcome: 'held',
      exitCode: exitCodes.held,
      fault: { code: 'run.unknown-outcome', effect: 'unknown' },
    });
    expect(result.fault?.hint).toContain('"do a"');
    expect(journal.state()?.holds).toHaveLength(1);
  });
});

describe('a journal that cannot be written', () => {
  const toys: readonly Toy[] = [
    { id: 'a', section: 's' },
    { id: 'b', section: 's' },
    { id: 'c', section: 's' },
  ];

  it('before the intent: the effect does not happen', async () => {
    const world = toyWorld();
    world.store.failAt(3);
    const { result, records } = await runToys(world, toys);
    expect(result).toMatchObject({ outcome: 'failed', fault: { code: 'journal.unwritable' } });
    expect(world.calls).toEqual([]);
    expect(records).toEqual(['header', 'lock-taken']);
  });

  it.each([5, 6, 7, 8])('at record %i: nothing more is performed, nothing undone, nothing written', async (record) => {
    const world = toyWorld();
    world.store.failAt(record);
    const { result, journal } = await runToys(world, toys);
    const performed = world.calls.length;
    expect(result.fault?.code).toBe('journal.unwritable');
    expect(world.calls.every((call) => call.startsWith('do'))).toBe(true);
    expect(journal.records()).toHaveLength(record - 1);
    expect(performed).toBe(Math.floor((record - 2) / 2));
  });

  it('a fault of the step itself does not bring it back to writing', async () => {
    const world = toyWorld();
    world.store.failAt(4);
    const { result, records } = await runToys(world, [{ id: 'a', section: 's', perform: throwing(fault('none')) }]);
    expect(result.fault?.code).toBe('journal.unwritable');
    expect(records).toEqual(['header', 'lock-taken', 'step-intended a']);
  });

  it('while walking back: it stops there, and the next run completes the way back', async () => {
    const world = toyWorld();
    const failing = [...toys.slice(0, 2), { ...toys[2], id: 'c', perform: throwing(fault('none')) }];
    // header, lock, a, a, b, b, c intended, c failed, undo c, undone c, undo b
    world.store.failAt(11);
    const first = await runToys(world, failing);
    expect(first.result.fault?.code).toBe('journal.unwritable');
    expect(world.calls.filter((call) => call.startsWith('undo'))).toEqual(['undo c']);
    world.store.failAt(null);
    world.calls.length = 0;
    const second = await runToys(world, toys);
    expect(second.result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['undo b', 'undo a', 'do a', 'do b', 'do c']);
  });

  it('a record that is durable although its append failed is never written twice', async () => {
    const world = toyWorld();
    world.store.failAt(3, { isWritten: true });
    const first = await runToys(world, [{ id: 'a' }]);
    expect(first.result.fault?.code).toBe('journal.unwritable');
    expect(world.calls).toEqual([]);
    const second = await runToys(world, [{ id: 'a' }]);
    expect(second.result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['do a']);
  });
});

describe('Ctrl-C', () => {
  const reason = new Fault({
    code: 'run.interrupted',
    summary: 'The run was interrupted.',
    hint: 'octank migrate apply toys.yaml',
    exitCode: exitCodes.interrupted,
  });

  it('inside a step: the effect is finished, journaled, exit 130, and the next run goes on', async () => {
    const world = toyWorld();
    const abort = new AbortController();
    const toys = (interrupts: boolean): readonly Toy[] => [
      {
        id: 'a',
        phase: 'preflight',
        perform: async () => {
          if (interrupts) abort.abort(reason);
          world.done.add('a');
        },
      },
      { id: 'b', phase: 'preflight' },
    ];
    const first = await runToys(world, toys(true), { signal: abort.signal });
    expect(first.result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(first.records).toContain('step-done a');
    expect(world.calls).toEqual(['do a']);
    const second = await runToys(world, toys(false));
    expect(second.result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['do a', 'do b']);
  });

  it('while waiting for the world: the wait ends, exit 130', async () => {
    const world = toyWorld();
    const abort = new AbortController();
    const { result, records } = await runToys(
      world,
      [
        {
          id: 'a',
          phase: 'preflight',
          perform: null,
          limit: { deadlineSeconds: 1000 },
          observe: async () => {
            abort.abort(reason);
            return { state: 'in-progress', detail: 'slow' };
          },
        },
      ],
      { signal: abort.signal },
    );
    expect(result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(records.slice(-2)).toEqual(['step-failed a', 'finished']);
  });

  it('inside a section that stands or falls together: it is walked back whole, and not cut short by the same Ctrl-C', async () => {
    const world = toyWorld();
    const abort = new AbortController();
    const { result } = await runToys(
      world,
      [
        { id: 'a', section: 's' },
        {
          id: 'b',
          section: 's',
          perform: async () => {
            world.done.add('b');
            abort.abort(reason);
          },
          undo: async (context) => context.signal.throwIfAborted(),
        },
        { id: 'c', section: 's' },
      ],
      { signal: abort.signal },
    );
    expect(result.exitCode).toBe(130);
    expect(world.calls).toEqual(['do a', 'do b', 'undo b', 'undo a']);
    expect(world.done.size).toBe(0);
  });

  it('a lost lock undoes nothing and writes no last word: another octank acts by now', async () => {
    const world = toyWorld();
    const abort = new AbortController();
    const lost = new Fault({ code: 'lock.lost', summary: 'The lock was lost.', exitCode: exitCodes.locked });
    const { result, records } = await runToys(
      world,
      [
        {
          id: 'a',
          section: 's',
          perform: async () => {
            world.done.add('a');
            abort.abort(lost);
          },
        },
        { id: 'b', section: 's' },
      ],
      { signal: abort.signal },
    );
    expect(result.exitCode).toBe(exitCodes.locked);
    expect(world.calls).toEqual(['do a']);
    expect(records.at(-1)).not.toBe('finished');
  });
});

describe('a section', () => {
  const toys: readonly Toy[] = [
    { id: 'a', section: 's' },
    { id: 'b', section: 's' },
    { id: 'c', section: 's' },
  ];

  it('is undone newest first, the failed step included', async () => {
    const world = toyWorld();
    const failing = [...toys.slice(0, 2), { ...toys[2], id: 'c', perform: throwing(fault('done')) }];
    const { result } = await runToys(world, failing);
    expect(result.outcome).toBe('failed');
    expect(world.calls).toEqual(['do a', 'do b', 'do c', 'undo c', 'undo b', 'undo a']);
  });

  it('whose way back fails holds with exit 9, and completes when run again', async () => {
    const world = toyWorld();
    const first = await runToys(world, [
      { id: 'a', section: 's', undo: throwing(fault('unknown', 'toy.stuck')) },
      { id: 'b', section: 's', perform: throwing(fault('none')) },
    ]);
    expect(first.result).toMatchObject({
      outcome: 'held',
      exitCode: exitCodes.held,
      fault: { code: 'run.unwind-incomplete' },
    });
    expect(first.records).toContain('undo-failed a');
    world.calls.length = 0;
    const second = await runToys(world, [
      { id: 'a', section: 's' },
      { id: 'b', section: 's' },
    ]);
    expect(second.result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['undo a', 'do a', 'do b']);
  });

  it('that another process left half-done is walked back before it starts again', async () => {
    const world = toyWorld();
    world.store.failAt(7);
    await runToys(world, toys);
    world.store.failAt(null);
    world.calls.length = 0;
    const { result } = await runToys(world, toys);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual(['undo b', 'undo a', 'do a', 'do b', 'do c']);
  });

  it('whose last step has happened goes on, even though nobody wrote it down', async () => {
    const world = toyWorld();
    // header, lock, a a, b b, c intended; the outcome of c is not written.
    world.store.failAt(8);
    await runToys(world, toys);
    world.store.failAt(null);
    world.calls.length = 0;
    const { result } = await runToys(world, toys);
    expect(result.outcome).toBe('succeeded');
    expect(world.calls).toEqual([]);
  });

  it('that continues observes each step again instead', async () => {
    const world = toyWorld();
    const options = { onResume: 'continue' } as const;
    world.store.failAt(7);
    await runToys(world, toys, options);
    world.store.failAt(null);
    world.calls.length = 0;
    await runToys(world, toys, options);
    expect(world.calls).toEqual(['do c']);
  });
});

describe('approvals', () => {
  const gated: readonly Toy[] = [
    { id: 'a', section: 's' },
    { id: 'b', section: 's', approval: 'cutover' },
  ];

  it('nobody there: exit 6, what was done of the section is walked back, nothing is performed unapproved', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, gated, { host: collectingHost(nobody) });
    expect(result).toMatchObject({ exitCode: exitCodes.approvalNeeded, fault: { code: 'approval.needed' } });
    expect(world.calls).toEqual(['do a', 'undo a']);
  });

  it('refused: exit 9, and nothing is performed', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, gated, { host: collectingHost(() => ({ approved: false, by: 'ann' })) });
    expect(result).toMatchObject({ exitCode: exitCodes.held, fault: { code: 'approval.refused' } });
    expect(world.calls).not.toContain('do b');
  });

  it('given and journaled is not asked again by the next process', async () => {
    const world = toyWorld();
    const toys: readonly Toy[] = [{ id: 'a', phase: 'traffic', section: 't', approval: 'traffic' }];
    // header, lock, approved; the intent fails.
    world.store.failAt(4);
    await runToys(world, toys);
    world.store.failAt(null);
    const host = collectingHost(nobody);
    const { result } = await runToys(world, toys, { host });
    expect(result.outcome).toBe('succeeded');
    expect(host.questions).toEqual([]);
  });

  it.each([
    ['its own step failed', 'b'],
    ['a step after it failed', 'c'],
  ])('of a section that was walked back is asked again: %s', async (_, failing) => {
    const world = toyWorld();
    const toys = (fails: boolean): readonly Toy[] =>
      ['a', 'b', 'c'].map((id) => ({
        id,
        section: 's',
        ...(id === 'b' ? { approval: 'cutover' } : {}),
        ...(fails && id === failing ? { perform: throwing(fault('none')) } : {}),
      }));
    await runToys(world, toys(true));
    const host = collectingHost(approving);
    const { result } = await runToys(world, toys(false), { host });
    expect(result.outcome).toBe('succeeded');
    expect(host.questions.map((question) => question.stepId)).toEqual(['b']);
  });

  it('given right before the process died does not outlive the walking back of its section', async () => {
    const world = toyWorld();
    // header, lock, a, a, approved; the intent of b fails.
    world.store.failAt(6);
    await runToys(world, gated);
    world.store.failAt(null);
    const host = collectingHost(approving);
    await runToys(world, gated, { host });
    expect(host.questions).toHaveLength(1);
  });

  const ladder = (unattended: boolean): readonly Toy[] =>
    [5, 25, 50].map((share) => ({
      id: `${share}`,
      phase: 'traffic',
      section: 't',
      inputs: { sharePercent: share, unattended: unattended && share === 50 },
      ...(share === 25 ? {} : { approval: 'traffic' }),
    }));
  const onlyFirst = () =>
    collectingHost((question) => (question.stepId === '5' ? { approved: true, by: 'ann' } : undefined));

  it('missing in the middle of the ladder: traffic returns to the last approved share', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, ladder(false), { host: onlyFirst() });
    expect(result.exitCode).toBe(exitCodes.approvalNeeded);
    expect(world.calls).toEqual(['do 5', 'do 25', 'undo 25']);
  });

  it('a return to the last approved share that was cut short is completed to there, not to nothing', async () => {
    const world = toyWorld();
    const toys = [5, 10, 25, 50].map(
      (share): Toy => ({
        id: `${share}`,
        phase: 'traffic',
        section: 't',
        inputs: { sharePercent: share },
        ...(share === 5 || share === 50 ? { approval: 'traffic' } : {}),
      }),
    );
    // header, lock, approved, 5 5, 10 10, 25 25, undo 25, undone 25: between two steps of the way back.
    world.store.failAt(12);
    await runToys(world, toys, { host: onlyFirst() });
    world.store.failAt(null);
    expect(world.calls.splice(0)).toEqual(['do 5', 'do 10', 'do 25', 'undo 25']);
    await runToys(world, toys, { host: onlyFirst() });
    expect(world.calls).toEqual(['undo 10', 'do 10', 'do 25', 'undo 25', 'undo 10']);
  });

  it('missing where the plan says unattended: traffic stays', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, ladder(true), { host: onlyFirst() });
    expect(result.exitCode).toBe(exitCodes.approvalNeeded);
    expect(world.calls).toEqual(['do 5', 'do 25']);
  });
});

describe('what the world shows', () => {
  it('drift before a step holds with exit 9, and nothing is performed', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, [
      { id: 'a', phase: 'preflight', observe: async () => ({ state: 'drifted', detail: 'foreign', hint: 'mend it' }) },
    ]);
    expect(result).toMatchObject({ outcome: 'held', exitCode: 9, fault: { code: 'run.drifted', hint: 'mend it' } });
    expect(world.calls).toEqual([]);
  });

  it('not done in time is a fault that names the last thing seen and why there is a limit', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, [
      {
        id: 'a',
        phase: 'preflight',
        perform: async () => undefined,
        observe: async () =>
          world.calls.length === 0 ? { state: 'absent' } : { state: 'in-progress', detail: 'half way' },
      },
    ]);
    expect(result.fault).toMatchObject({ code: 'run.deadline', effect: 'done' });
    expect(result.fault?.detail).toContain('half way');
    expect(result.fault?.detail).toContain('toys are quick');
  });

  it('done already is not performed, and journaled as skipped', async () => {
    const world = toyWorld();
    world.done.add('a');
    const { journal } = await runToys(world, [{ id: 'a', phase: 'preflight' }]);
    expect(world.calls).toEqual([]);
    expect(journal.state()?.steps[0]).toMatchObject({ status: 'done', skipped: true, attempts: 0 });
  });

  it('a call that returned is no success: the step ends only when it is seen', async () => {
    const world = toyWorld();
    const { result } = await runToys(world, [{ id: 'a', phase: 'preflight', perform: async () => undefined }]);
    expect(result.fault?.code).toBe('run.deadline');
  });
});

describe('a part of the run', () => {
  const toys: readonly Toy[] = [
    { id: 'a1', wave: 'a' },
    { id: 'b1', wave: 'b' },
    { id: 't', phase: 'traffic', section: 't', inputs: { after: ['a', 'b'] } },
  ];

  it('with --wave, traffic waits for the waves it follows', async () => {
    const world = toyWorld();
    const first = await runToys(world, toys, { wave: 'a' });
    expect(world.calls).toEqual(['do a1']);
    expect(first.result).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect(first.journal.state()?.outcome).toBe('running');
    expect(first.host.messages).toContainEqual({ type: 'note', text: 'traffic waits: wave b is not through yet.' });
    const second = await runToys(world, toys);
    expect(world.calls).toEqual(['do a1', 'do b1', 'do t']);
    expect(second.journal.state()?.outcome).toBe('succeeded');
  });

  it('with --wave, a wave waits for those it needs', async () => {
    const world = toyWorld();
    const needing: readonly Toy[] = [
      { id: 'a1', wave: 'a' },
      { id: 'b1', wave: 'b', inputs: { after: ['a'] } },
    ];
    await runToys(world, needing, { wave: 'b' });
    expect(world.calls).toEqual([]);
  });

  it('with --until, what comes after it is left', async () => {
    const world = toyWorld();
    await runToys(world, toys, { until: 'cutover' });
    expect(world.calls).toEqual(['do a1', 'do b1']);
  });
});

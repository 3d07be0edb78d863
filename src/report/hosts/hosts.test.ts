import { describe, expect, it } from 'vitest';
import type { Host, HostMessage, Progress, Question } from '../../ports/host.ts';
import { change, sampleChanges, verdict } from '../testing/sample-run.ts';
import { createJsonHost } from './json.ts';
import { createPlainHost } from './plain.ts';
import { progressText } from './progress.ts';
import { createRateMeter } from './rate.ts';
import { createTee } from './tee.ts';

const fence = change('cutover/shop/fence', 'refuse writes');
const question: Question = { approval: 'cutover', stepId: fence.id, title: 'Move the writers?', lines: ['one', 'two'] };

/** One of each kind, with line ends where people's text may have them. */
const everyMessage: readonly HostMessage[] = [
  { type: 'run-started', runId: '1', plan: 'p', resumed: true, clockRate: 60, endpoints: {}, changes: sampleChanges },
  { type: 'step-started', change: fence },
  { type: 'step-progress', progress: { stepId: fence.id, text: 'ending\nsessions' } },
  { type: 'step-done', change: fence, seconds: 0.3, skipped: false, evidence: { epoch: 2 } },
  { type: 'step-failed', change: fence, code: 'fence.open', summary: 'S.', detail: 'a\nb', hint: 'octank x' },
  { type: 'step-undone', change: fence },
  { type: 'verdict', stepId: 's', verdict: verdict('latency', 1, [9, 9, 9]) },
  { type: 'approved', stepId: 's', approval: 'cutover', by: 'maria' },
  { type: 'held', stepId: 's', reason: 'r', hint: 'h' },
  {
    type: 'diagnostic',
    diagnostic: { severity: 'warning', code: 'c', summary: 's', detail: 'd\ne', hint: 'h', range: null },
  },
  { type: 'note', text: 'a note\nof two lines' },
];

const collect = () => {
  const lines: string[] = [];
  return { lines, write: (line: string): void => void lines.push(line) };
};

describe('without a person', () => {
  it.each(['plain', 'json'] as const)(
    'the %s host never prompts: it answers at once, or says nobody is there',
    async (kind) => {
      const { write, lines } = collect();
      const create = kind === 'plain' ? createPlainHost : createJsonHost;
      const options = { write, now: () => 0 };
      expect(await create({ ...options, approver: null }).approve(question)).toBeUndefined();
      expect(await create({ ...options, approver: 'ci' }).approve(question)).toEqual({ approved: true, by: 'ci' });
      expect(lines.join('\n')).toContain('Move the writers?');
    },
  );
});

describe('the JSON host', () => {
  it('writes one object per line, whatever the messages contain', async () => {
    const { write, lines } = collect();
    const host = createJsonHost({ write, now: () => 0, approver: null });
    for (const message of everyMessage) host.notify(message);
    await host.approve(question);
    expect(lines).toHaveLength(everyMessage.length + 1);
    for (const line of lines) {
      expect(line).not.toContain('\n');
      expect(JSON.parse(line)).toMatchObject({ at: '1970-01-01T00:00:00.000Z', type: expect.any(String) });
    }
  });

  it('does not repeat whole change sets', () => {
    const { write, lines } = collect();
    const host = createJsonHost({ write, now: () => 0, approver: null });
    for (const message of everyMessage) host.notify(message);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'run-started', changes: sampleChanges.length, done: 0 });
    expect(lines.join('')).not.toContain('"inputs"');
  });
});

describe('the plain host', () => {
  const say = (messages: readonly HostMessage[], now: () => number = () => 0): readonly string[] => {
    const { write, lines } = collect();
    const host = createPlainHost({ write, now, approver: null });
    for (const message of messages) host.notify(message);
    return lines;
  };

  it('says what failed with the command to type next', () => {
    const text = say(everyMessage).join('\n');
    expect(text).toContain('fence.open');
    expect(text).toContain('-> octank x');
  });

  it('says nothing of a gate that passes, and everything of one that does not', () => {
    const passing: HostMessage = { type: 'verdict', stepId: 's', verdict: verdict('latency', 1, [0.1]) };
    expect(say([passing])).toEqual([]);
    expect(say(everyMessage).some((line) => line.includes('gate latency at s: failure (over-limit)'))).toBe(true);
  });

  it('does not drown a log in progress', () => {
    let now = 0;
    const progress = (): HostMessage => ({ type: 'step-progress', progress: { stepId: fence.id, text: 'x' } });
    const { write, lines } = collect();
    const host = createPlainHost({ write, now: () => now, approver: null });
    for (now = 10_000; now < 19_000; now += 100) host.notify(progress());
    expect(lines).toHaveLength(3);
  });
});

describe('several hosts at once', () => {
  const host = (answer: { approved: boolean; by: string } | undefined): Host & { asked: number } => {
    const own = {
      asked: 0,
      notify: () => undefined,
      approve: async () => {
        own.asked += 1;
        return answer;
      },
    };
    return own;
  };

  it('take the first answer, and ask nobody after it', async () => {
    const [silent, yes, no] = [host(undefined), host({ approved: true, by: 'a' }), host({ approved: false, by: 'b' })];
    expect(await createTee(silent, yes, no).approve(question)).toEqual({ approved: true, by: 'a' });
    expect([silent.asked, yes.asked, no.asked]).toEqual([1, 1, 0]);
    expect(await createTee(silent).approve(question)).toBeUndefined();
  });
});

describe('rate and time left', () => {
  const at = (points: readonly (readonly [ms: number, done: number])[]): Progress | undefined => {
    let now = 0;
    const meter = createRateMeter(() => now);
    let last: Progress | undefined;
    for (const [ms, done] of points) {
      now = ms;
      const message = meter({ type: 'step-progress', progress: { stepId: 's', text: 'x', done, total: 1000 } });
      if (message.type === 'step-progress') last = message.progress;
    }
    return last;
  };

  it('come from the last seconds, so that a stall shows', () => {
    expect(
      at([
        [0, 0],
        [1000, 100],
      ]),
    ).toMatchObject({ ratePerSecond: 100, secondsLeft: 9 });
    expect(
      at([
        [0, 0],
        [1000, 900],
        [20_000, 900],
      ])?.ratePerSecond,
    ).toBeUndefined();
  });

  it('are not made up from one point, nor when the count goes back', () => {
    expect(at([[0, 500]])?.ratePerSecond).toBeUndefined();
    expect(
      at([
        [0, 500],
        [1000, 100],
      ])?.ratePerSecond,
    ).toBeUndefined();
  });

  it('never divides by a total of nothing', () => {
    expect(progressText({ stepId: 's', text: 'x', done: 0, total: 0, unit: 'rows' })).toBe('x');
    expect(progressText({ stepId: 's', text: 'x', done: 999, total: 1000, unit: 'rows', secondsLeft: 3 })).toBe(
      'x, 999 of 1,000 rows (99 %), 3.0 s left',
    );
  });
});

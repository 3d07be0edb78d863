import { describe, expect, it } from 'vitest';
import { clockWords, headline, keyFigures, outcomeTone } from './story.ts';
import {
  abortedCutover,
  cutover,
  failedRun,
  heldRun,
  inputOf,
  measured,
  untilCutover,
  wholeRun,
} from './testing/sample-run.ts';

describe('the headline', () => {
  it('claims "none was lost" only where somebody counted', () => {
    expect(headline(inputOf(wholeRun, { measured }))).toContain('none was lost and none duplicated');
    expect(headline(inputOf(wholeRun))).not.toContain('lost');
  });

  it('says loudly what was lost', () => {
    const lossy = { ...measured, writes: { ...measured.writes, lost: 3, duplicated: 1 } };
    expect(headline(inputOf(wholeRun, { measured: lossy }))).toContain('3 were LOST and 1 DUPLICATED');
  });

  it('begins with a broken promise', () => {
    const violations = [{ code: 'c', detail: 'd', at: '2026-11-24T17:00:00Z' }];
    const input = inputOf(wholeRun, { measured: { ...measured, violations } });
    expect(headline(input)).toMatch(/^1 promise of octank was broken/);
    expect(outcomeTone(input)).toBe('bad');
  });

  it.each([
    ['who writes after the cutover', wholeRun, 'The target is now the writer of shop.'],
    ['that the source still writes', abortedCutover, 'The source is the writer, as before.'],
    ['that nobody may write', [...untilCutover, ...cutover.slice(0, 1)], 'Nobody may write shop at this moment'],
    ['where traffic is', failedRun, 'www.octank.com sends 0 % of its traffic to the target.'],
    ['why it is held', heldRun, 'A long transaction is open on the source.'],
    ['how many rows differ', abortedCutover, '2 rows of 513,557 differed'],
    ['that it goes on', untilCutover, 'the same command continues it'],
  ] as const)('says %s', (_, timed, words) => expect(headline(inputOf(timed))).toContain(words));
});

describe('the key figures', () => {
  const figure = (input: Parameters<typeof keyFigures>[0], label: string) =>
    keyFigures(input).find((entry) => entry.label === label);

  it('show a zero as good and a loss as bad, and neither where it was not measured', () => {
    expect(figure(inputOf(wholeRun, { measured }), 'Writes lost')).toMatchObject({ value: '0', tone: 'good' });
    const lossy = { ...measured, writes: { ...measured.writes, lost: 1 } };
    expect(figure(inputOf(wholeRun, { measured: lossy }), 'Writes lost')).toMatchObject({ value: '1', tone: 'bad' });
    expect(figure(inputOf(wholeRun), 'Writes lost, duplicated')).toMatchObject({
      value: 'not measured',
      tone: 'plain',
    });
  });

  it('say where the downtime was measured', () => {
    expect(figure(inputOf(wholeRun, { measured }), 'Downtime')?.note).toContain('last write on the source');
    expect(figure(inputOf(wholeRun), 'Downtime')?.note).toContain('by the journal');
  });
});

describe('the clock in words', () => {
  it('claims real time only when it was', () => {
    expect(clockWords(1)).toBe('Everything ran in real time.');
    expect(clockWords(60)).toContain('60 times as fast');
    expect(clockWords(60)).toContain('Databases, replication, fence and budgets ran in real time.');
  });
});

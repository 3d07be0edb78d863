/** Arithmetic that would flatter octank if it were wrong. */
import { describe, expect, it } from 'vitest';
import { bounded, compared, inTurns, median, table } from './figures.ts';

describe('figures', () => {
  it('takes the middle, not the mean', () => {
    expect(median([9, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(() => median([])).toThrow();
  });

  it('compares within a round, so that a machine that grows slower slows both', () => {
    const rounds = [
      { own: 1, peer: 1 },
      { own: 30, peer: 20 },
      { own: 3, peer: 2 },
    ];
    expect(compared({ name: 'x', rounds, limit: 1.5 })).toMatchObject({ ratio: 1.5, isMet: true });
    expect(compared({ name: 'x', rounds, limit: 1.4 }).isMet).toBe(false);
    expect(compared({ name: 'x', rounds, limit: null }).isMet).toBeNull();
  });

  it('lets nobody always go second', async () => {
    const order: string[] = [];
    const side = (name: string) => async () => {
      order.push(name);
      return 1;
    };
    await inTurns(3, { own: side('own'), peer: side('peer') });
    expect(order).toEqual(['own', 'peer', 'peer', 'own', 'own', 'peer']);
  });

  it('does not call met what was not measured', () => {
    expect(bounded({ name: 'gap', value: Number.NaN, most: 2, unit: 's' }).isMet).toBe(false);
    expect(table([bounded({ name: 'gap', value: 3, most: 2, unit: 's' })])).toContain('NOT MET');
  });
});

/** A fallback must not look cheaper than it is: what nobody measures is unknown, not nothing. */
import { describe, expect, it } from 'vitest';
import type { RunState } from '../journal/run-state.ts';
import type { Ports } from '../phases/contract.ts';
import { planOf, planText } from '../plan/testing/plans.ts';
import { virtualClock } from '../ports/testing/clock.ts';
import { measureWayBack, rowsWithin, tailOf } from './way-back.ts';

describe('the tail of the way back', () => {
  it.each([
    ['both fresh', 0.5, 1.7, 1.7],
    ['the source is far behind', 0.5, 300, 300],
    ['nothing has ever come back', 0.5, null, null],
    ['octank is gone: the age is its absence', 7200, 7200, null],
    ['nobody ever wrote one', null, null, null],
  ])('%s', (_, onTarget, onSource, tail) => {
    expect(tailOf({ onTarget, onSource })).toBe(tail);
  });
});

describe('rows at risk', () => {
  it.each([
    [150, 1.5, 2, 200],
    [1, 2, 0.1, 1],
    [0, 1.5, 60, 0],
  ])('%s rows in %s s, a tail of %s s: %s', (rows, seconds, tailSeconds, expected) => {
    expect(rowsWithin({ rows, seconds, tailSeconds })).toBe(expected);
  });

  const measured = (given: { readonly status: string; readonly onTarget: number }) => {
    const plan = planOf(planText);
    const [wave] = plan.waves;
    if (!wave) throw new Error('the plan has a wave');
    let count = 1000;
    const database = async (name: string) => ({
      signals: { heartbeatAge: async () => (name === wave.target ? given.onTarget : 2) },
      sessions: {
        writeCount: async () => {
          count += 15;
          return count;
        },
      },
    });
    const ports = {
      clock: virtualClock({ auto: true }),
      replication: { findTask: async () => ({ status: given.status }) },
      database,
    } as unknown as Ports;
    const state = {
      changeSet: { changes: [{ id: 'preflight/shop/checks', inputs: { pairs: [] } }] },
    } as unknown as RunState;
    return measureWayBack(ports, plan, wave, state);
  };

  it('are what changes within the tail', async () => {
    expect(await measured({ status: 'running', onTarget: 1 })).toEqual({
      running: true,
      tailSeconds: 2,
      rowsAtRisk: 20,
    });
  });

  it('are unknown, not none, where the reverse task does not run', async () => {
    expect(await measured({ status: 'stopped', onTarget: 1 })).toMatchObject({ running: false, rowsAtRisk: null });
  });

  it('are unknown where octank is gone and nobody beats', async () => {
    expect(await measured({ status: 'running', onTarget: 999 })).toMatchObject({ tailSeconds: null, rowsAtRisk: null });
  });
});

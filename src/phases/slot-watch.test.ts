/** Slots must not fill a production disk, and a way back that has died must not be found out when it is needed. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../model/fault.ts';
import type { Position } from '../model/position.ts';
import { planOf, planText } from '../plan/testing/plans.ts';
import type { SlotState } from '../ports/change-streams.ts';
import type { Database } from '../ports/database.ts';
import { virtualClock } from '../ports/testing/clock.ts';
import type { Measurement, Ports } from './contract.ts';
import { createLiveWaves } from './live.ts';
import { judgeSlot } from './slot-watch.ts';

const slot = (name: string, retainedBytes: number, walStatus = 'reserved'): SlotState => ({
  name,
  plugin: 'test_decoding',
  active: true,
  confirmed: '0/1' as Position,
  retainedBytes,
  walStatus,
});

describe('judging one slot', () => {
  const at = 10_000;
  it.each([
    ['empty', slot('s', 0), undefined, 'fine', null],
    ['below half', slot('s', 499), { at: 0, retainedBytes: 499 }, 'fine', null],
    ['half full and growing', slot('s', 500), { at: 0, retainedBytes: 400 }, 'filling', 50],
    ['half full and shrinking', slot('s', 600), { at: 0, retainedBytes: 700 }, 'filling', null],
    ['exactly at the budget', slot('s', 1000), { at: 0, retainedBytes: 900 }, 'over', 0],
    ['lost, whatever it holds', slot('s', 0, 'lost'), undefined, 'lost', 0],
  ] as const)('%s', (_, given, before, state, secondsToFull) => {
    expect(judgeSlot({ slot: given, at, before, budgetBytes: 1000 })).toEqual({ state, secondsToFull });
  });
});

const settled = async (condition: () => boolean): Promise<void> => {
  for (let turns = 0; turns < 500 && !condition(); turns += 1) await new Promise((resolve) => setImmediate(resolve));
};

const rig = (given: { readonly slots?: () => readonly SlotState[]; readonly age?: () => number | null }) => {
  const plan = planOf(planText);
  const [wave] = plan.waves;
  if (!wave) throw new Error('the plan of the tests has a wave');
  const clock = virtualClock({ auto: true });
  const beats: string[] = [];
  const recorded: Measurement[] = [];
  const faults: Fault[] = [];
  const database = async (name: string): Promise<Database> =>
    ({
      streams: { slots: async () => given.slots?.() ?? [] },
      signals: {
        beat: async (direction: string) => void beats.push(`${direction} on ${name}`),
        heartbeatAge: async () => given.age?.() ?? null,
      },
    }) as unknown as Database;
  const live = createLiveWaves({
    ports: { clock, database } as unknown as Ports,
    record: async (measurement) => void recorded.push(measurement),
    stopRun: (fault) => faults.push(fault),
  });
  return { wave, live, beats, recorded, faults, clock };
};

describe('watching slots', () => {
  const budget = 10 * 2 ** 30;

  it('stops the run once, naming slot, bytes and the command', async () => {
    const { wave, live, faults } = rig({ slots: () => [slot('octank_feed_x', budget + 1)] });
    live.watchSlots(wave, 'source', () => true);
    await settled(() => faults.length > 0);
    await live.stop();
    expect(faults.map((fault) => [fault.code, fault.exitCode, fault.effect])).toEqual([
      ['slot.over-budget', 9, 'none'],
    ]);
    expect(faults[0]?.detail).toContain('octank_feed_x on monolith');
    expect(faults[0]?.hint).toContain("pg_drop_replication_slot('octank_feed_x')");
  });

  it("leaves other people's slots alone", async () => {
    let looks = 0;
    const { wave, live, faults } = rig({
      slots: () => {
        looks += 1;
        return [slot('debezium', 2 * budget)];
      },
    });
    live.watchSlots(wave, 'source', (candidate) => candidate.name !== 'debezium');
    await settled(() => looks > 2);
    await live.stop();
    expect(faults).toEqual([]);
  });

  it('warns once on the way, with the time that is left', async () => {
    let held = budget / 2;
    const { wave, live, recorded, faults } = rig({
      slots: () => {
        held += 2 ** 20;
        return [slot('s', held)];
      },
    });
    live.watchSlots(wave, 'target', () => true);
    await settled(() => held > budget / 2 + 6 * 2 ** 20);
    await live.stop();
    expect(recorded.map((m) => (m.type === 'diagnostic' ? m.diagnostic.code : m.type))).toEqual(['slot.filling']);
    expect(faults).toEqual([]);
  });

  it('sees a slot that the server gave up', async () => {
    const { wave, live, faults } = rig({ slots: () => [slot('s', 0, 'lost')] });
    live.watchSlots(wave, 'target', () => true);
    await settled(() => faults.length > 0);
    await live.stop();
    expect(faults[0]?.code).toBe('slot.lost');
  });
});

describe('the heartbeat of the way back', () => {
  it('is written on the target, journaled as lag, and goes on after the wave stopped', async () => {
    const { wave, live, beats, recorded } = rig({ age: () => 0.4 });
    live.reverse(wave);
    live.reverse(wave);
    await settled(() => recorded.length > 0);
    await live.stop(wave.name);
    const before = beats.length;
    await settled(() => beats.length > before + 2);
    await live.stop();
    expect(new Set(beats)).toEqual(new Set(['reverse on accounts']));
    expect(recorded[0]).toEqual({ type: 'lag', wave: 'shop', seconds: 0.4 });
    expect(beats.length).toBeGreaterThan(before);
  });

  it('tells once when nothing comes back any more', async () => {
    const { wave, live, beats, recorded } = rig({ age: () => 61 });
    live.reverse(wave);
    await settled(() => beats.length > 5);
    await live.stop();
    const told = recorded.filter((m) => m.type === 'diagnostic');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ diagnostic: { code: 'reverse.stalled', severity: 'warning' } });
  });
});

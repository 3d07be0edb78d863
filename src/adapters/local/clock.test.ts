/** Dangers of the clock: a scaled wait that waits in real time, a wait that ends early, one that cannot be interrupted. */
import { expect, it } from 'vitest';
import { createClock, wallClock } from './clock.ts';

it('runs at its rate from the origin on, and keeps the wall', async () => {
  const originMs = Date.now() - 1000;
  const clock = createClock({ rate: 100, originMs });
  expect(clock.now() - originMs).toBeGreaterThanOrEqual(100_000);
  expect(Math.abs(clock.wall.now() - Date.now())).toBeLessThan(50);
  const before = { scaled: clock.now(), wall: Date.now() };
  await clock.sleep(3000);
  expect(clock.now() - before.scaled).toBeGreaterThanOrEqual(3000);
  expect(Date.now() - before.wall).toBeLessThan(1000);
});

it('is the wall at rate 1, whatever the origin', () => {
  const clock = createClock({ rate: 1, originMs: 12 });
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(50);
  expect(wallClock().rate).toBe(1);
});

it('never wakes before its time', async () => {
  const clock = wallClock();
  for (let round = 0; round < 10; round += 1) {
    const until = clock.now() + 3;
    await clock.sleep(3);
    expect(clock.now()).toBeGreaterThanOrEqual(until);
  }
});

it('rejects with the reason of the signal, also when it came before', async () => {
  const clock = wallClock();
  const abort = new AbortController();
  const waiting = clock.sleep(60_000, abort.signal);
  abort.abort(new Error('interrupted'));
  await expect(waiting).rejects.toThrow('interrupted');
  await expect(clock.wall.sleep(1, abort.signal)).rejects.toThrow('interrupted');
});

it('refuses a rate that is no rate', () => {
  expect(() => createClock({ rate: 0, originMs: 0 })).toThrow('rate 0');
});

/** A process of its own for the tests: appends records until it is killed, or holds the lock and says its number. */
import { createJournalStore } from '../journal-store.ts';
import { createLock } from '../lock.ts';

const [mode, folder = ''] = process.argv.slice(2);

const say = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

if (mode === 'append') {
  const store = createJournalStore({ folder });
  const numbers = await store.numbers();
  for (let number = numbers.length + 1; ; number += 1) {
    await store.append(number, `${JSON.stringify({ number, filler: 'x'.repeat(20_000) })}\n`);
    say(number);
  }
} else {
  try {
    const lease = await createLock({ folder, planFile: 'plan.yaml' }).acquire({ command: 'test' });
    say({ fencing: lease.fencing });
    // Holds until it is killed or told to let go.
    process.stdin.once('data', () => void lease.release().then(() => process.exit(0)));
  } catch (error) {
    say({ code: error instanceof Error && 'code' in error ? error.code : String(error) });
  }
}

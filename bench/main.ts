/** `npm run bench`: octank's figures side by side with their peers'. Prints what is met and what is not; its exit code judges nothing. */
import { parseArgs } from 'node:util';
import { changesBench } from './changes.ts';
import { cutoverBench } from './cutover.ts';
import { type Bench, type Figure, table } from './figures.ts';
import { fullLoadBench } from './full-load.ts';
import { parityBench } from './parity.ts';
import { startUpBench } from './start-up.ts';

const benches: readonly Bench[] = [startUpBench, parityBench, fullLoadBench, changesBench, cutoverBench];

const usage = [
  'npm run bench -- [--only NAME]... [--rows N] [--rounds N]',
  ...benches.map(({ name, says }) => `  ${name.padEnd(8)} ${says}`),
].join('\n');

const wholeNumber = (text: string | undefined, least: number): number | null => {
  if (text === undefined) return null;
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`${text} is not a whole number of at least ${least}`);
  return number;
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rows: { type: 'string' },
    rounds: { type: 'string' },
    help: { type: 'boolean' },
  },
});

const unknown = (values.only ?? []).find((name) => !benches.some((bench) => bench.name === name));
if (values.help === true || unknown !== undefined) {
  process.stdout.write(`${unknown === undefined ? '' : `no bench is named ${unknown}\n`}${usage}\n`);
  process.exitCode = unknown === undefined ? 0 : 3;
} else {
  const figures: Figure[] = [];
  const options = { rows: wholeNumber(values.rows, 100), rounds: wholeNumber(values.rounds, 1) ?? 3 };
  for (const bench of benches.filter(({ name }) => values.only === undefined || values.only.includes(name))) {
    const log = (line: string): void => void process.stderr.write(`${bench.name}: ${line}\n`);
    log(bench.says);
    try {
      figures.push(...(await bench.run({ ...options, log })));
    } catch (error) {
      // One that cannot be measured says so in its place; the others still count.
      log(error instanceof Error ? error.message : String(error));
      figures.push({ name: bench.says, own: 'not measured', peer: '-', ratio: null, limit: '-', isMet: null });
    }
  }
  process.stdout.write(`${table(figures)}\n`);
}

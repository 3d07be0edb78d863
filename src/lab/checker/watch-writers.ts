/** One writer, watched: source, target, and the source again; both accepting around one moment is two writers. */
import type { Report } from './violation.ts';
import type { ProbedTable, WriteProbe } from './write-probe.ts';

export interface TablePairNames {
  readonly source: ProbedTable;
  readonly target: ProbedTable;
}

export interface WriterLook {
  /** Tables that each side accepted writes for. */
  readonly source: number;
  readonly target: number;
  readonly at: number;
}

/**
 * The source is asked on both sides of the target's answer: had it merely closed in between, the second answer would
 * be a refusal. Reopening within that moment would need a whole fallback.
 */
export const lookForWriters = async (options: {
  readonly source: WriteProbe;
  readonly target: WriteProbe;
  readonly pairs: readonly TablePairNames[];
  readonly report: Report;
}): Promise<WriterLook> => {
  const before = await options.source();
  const target = await options.target();
  const both = options.pairs.filter((_, index) => before[index] === 'accepted' && target[index] === 'accepted');
  if (both.length > 0) {
    const after = await options.source();
    for (const [index, pair] of options.pairs.entries())
      if (before[index] === 'accepted' && target[index] === 'accepted' && after[index] === 'accepted')
        options.report(
          'two-writers',
          `both databases accept application writes to ${pair.source.schema}.${pair.source.table}`,
        );
  }
  const count = (states: readonly string[]): number => states.filter((state) => state === 'accepted').length;
  return { source: count(before), target: count(target), at: Date.now() };
};

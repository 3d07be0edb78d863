/** Use case: compares every row of the plan's tables on both sides, whoever moved them. Changes nothing. */
import { exitCodes, Fault } from '../model/fault.ts';
import type { ParityReport } from '../model/parity.ts';
import { type TablePair, tableKey } from '../model/table.ts';
import { gatherWave } from '../phases/gather.ts';
import { rowPairs } from '../phases/wave.ts';
import { matchTables } from '../plan/index.ts';
import type { Progress } from '../ports/host.ts';
import { verifyTables } from '../verify/verify-tables.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import type { Settings } from './settings.ts';
import { noCheckpoints, openWorld, readOnly } from './world.ts';

export interface VerifyOptions {
  readonly file: string;
  /** Only tables that match; null for all. */
  readonly table: string | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Omit<Progress, 'stepId'>) => void;
}

const selected = (pairs: readonly TablePair[], glob: string | null): readonly TablePair[] => {
  if (glob === null) return pairs;
  const { matched } = matchTables(
    [glob],
    [],
    pairs.map((pair) => tableKey(pair.source)),
  );
  if (matched.length > 0) return pairs.filter((pair) => matched.includes(tableKey(pair.source)));
  throw new Fault({
    code: 'verify.no-tables',
    summary: 'No table of the plan matches.',
    detail: glob,
    hint: `The plan's tables are ${pairs
      .slice(0, 8)
      .map((pair) => tableKey(pair.source))
      .join(', ')}.`,
    exitCode: exitCodes.invalid,
  });
};

const worst = (reports: readonly ParityReport[]): ParityReport['verdict'] => {
  if (reports.some((report) => report.verdict === 'different')) return 'different';
  return reports.some((report) => report.verdict === 'inconclusive') ? 'inconclusive' : 'equal';
};

export const verifyMigration = async (options: VerifyOptions, settings: Settings): Promise<ParityReport> => {
  const plan = requirePlan(await openPlan(options.file));
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const reports: ParityReport[] = [];
    for (const wave of plan.waves) {
      const { observed } = await gatherWave(plan, wave, world.ports);
      const [source, target] = await Promise.all([
        world.ports.database(wave.source),
        world.ports.database(wave.target),
      ]);
      const { report } = await verifyTables({
        source: source.rows,
        target: target.rows,
        pairs: selected(rowPairs(observed), options.table),
        clock: world.ports.clock,
        // Whether anything writes meanwhile is not known here: differences are asked again before they are believed.
        live: true,
        signal: options.signal,
        onProgress: options.onProgress,
      });
      reports.push(report);
    }
    return {
      formatVersion: 1,
      verdict: worst(reports),
      tables: reports.flatMap((report) => report.tables),
      notes: [...new Set(reports.flatMap((report) => report.notes))],
    };
  } finally {
    await world.close();
  }
};

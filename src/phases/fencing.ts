/** What the fence steps of several phases share: its status, and the judgement of probes. */
import { Fault } from '../model/fault.ts';
import type { Wave } from '../model/plan.ts';
import { type TableName, tableKey } from '../model/table.ts';
import type { Database } from '../ports/database.ts';
import type { FenceStatus, ProbeResult } from '../ports/fence.ts';

export const fenceStatusOf = (database: Database, wave: Wave, tables: readonly TableName[]): Promise<FenceStatus> =>
  database.fence.status({ wave: wave.name, tables });

/** One accepted write means that the fence does not hold. Faults: `fence.probe-accepted`. */
export const assertProbed = (results: readonly ProbeResult[], side: string): void => {
  const through = results.filter((result) => result.outcome === 'accepted');
  if (through.length === 0) return;
  const first = through[0];
  throw new Fault({
    code: 'fence.probe-accepted',
    summary: 'A write went through the fence.',
    detail: `On the ${side}: ${through
      .map((r) => `${r.operation} on ${tableKey(r.table)} as ${r.role}`)
      .slice(0, 5)
      .join('; ')}.`,
    hint: first ? `Look at the triggers of ${tableKey(first.table)}: one is missing or disabled.` : '',
  });
};

/** What a report is made from: the fold of a journal, and what only the command knows that writes it. */
import type { JournalRecord } from '../journal/record.ts';
import type { RunState } from '../journal/run-state.ts';
import type { GateSpec } from '../model/plan.ts';
import type { ResultJson, RollbackCost } from './json-types.ts';
import type { Measured } from './summary.ts';

export interface ReportInput {
  readonly state: RunState;
  /** With them the report also shows faults that a later attempt mended; the state keeps each step's last one only. */
  readonly records?: readonly JournalRecord[] | undefined;
  /** With them the datapoints of gates are drawn against their limits. */
  readonly gates?: readonly Pick<GateSpec, 'name' | 'failWhen'>[] | undefined;
  readonly planName: string;
  readonly result: ResultJson | null;
  readonly measured: Measured | null;
  readonly rollback: RollbackCost;
  /** Epoch ms. */
  readonly generatedAt: number;
  readonly octankVersion: string;
}

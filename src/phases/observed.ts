/** The world as it was seen for planning: plain data, nothing is asked again while changes are computed. */
import type { Diagnostic } from '../model/diagnostic.ts';
import type { SchemaModel } from '../model/schema.ts';
import type { TablePair } from '../model/table.ts';
import type { ServerFacts, TableFacts } from '../ports/database.ts';
import type { WeightedRecord } from '../ports/traffic.ts';

export interface WaveObserved {
  /** All tables of the wave, partitioned parents included. */
  readonly pairs: readonly TablePair[];
  readonly source: ServerFacts;
  readonly target: ServerFacts;
  readonly sourceTables: readonly TableFacts[];
  readonly sourceModel: SchemaModel;
  readonly targetModel: SchemaModel;
  /** Role that replication connects as, on each side. */
  readonly replicationRoles: { readonly source: string; readonly target: string };
  /** Roles whose writes the fence must refuse and is probed with. */
  readonly writerRoles: readonly string[];
}

export interface Observed {
  readonly waves: Readonly<Record<string, WaveObserved>>;
  /** Record name -> its live sets. */
  readonly traffic: Readonly<Record<string, readonly WeightedRecord[]>>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Row parity as it is reported: per table exact counts, capped samples. `verify --json` prints this. */
export type RowDifferenceKind = 'missing' | 'extraneous' | 'mismatched' | 'inFlight';

export interface RowSample {
  /** Key columns as text, in key order; for tables without a key the whole row's text. */
  readonly key: Readonly<Record<string, string | null>>;
  readonly kind: RowDifferenceKind;
  readonly columns: readonly {
    readonly name: string;
    readonly source: string | null;
    readonly target: string | null;
  }[];
}

export interface TableParity {
  /** Source name, `schema.table`. */
  readonly name: string;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly missing: number;
  readonly extraneous: number;
  readonly mismatched: number;
  readonly inFlight: number;
  readonly chunks: number;
  readonly seconds: number;
  readonly samples: readonly RowSample[];
}

export interface ParityReport {
  readonly formatVersion: 1;
  readonly verdict: 'equal' | 'different' | 'inconclusive';
  readonly tables: readonly TableParity[];
  /** What the checksum cannot see, tables and columns left out and why. */
  readonly notes: readonly string[];
}

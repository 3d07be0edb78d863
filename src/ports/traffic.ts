/** Weighted DNS records, read back and changed by compare-and-swap. */
export interface WeightedRecord {
  readonly zone: string;
  /** Fully qualified, without the trailing dot. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  readonly setIdentifier: string | null;
  /** Null for a simple record. */
  readonly weight: number | null;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
  /** Null without a health check. */
  readonly healthCheckId: string | null;
}

export interface Traffic {
  /** Every record of that name in the zone, all types, all identifiers. Faults: `route53.zone-missing`. */
  read(options: { readonly zone: string; readonly name: string }): Promise<readonly WeightedRecord[]>;
  /**
   * One atomic batch: DELETE of exactly `expected`, CREATE of `wanted`. Faults: `route53.moved` (effect none)
   * when the live records are not `expected`; `route53.unknown` (effect unknown) when the answer was lost.
   */
  swap(options: {
    readonly expected: readonly WeightedRecord[];
    readonly wanted: readonly WeightedRecord[];
    readonly comment: string;
  }): Promise<{ readonly changeId: string }>;
  changeStatus(changeId: string): Promise<'PENDING' | 'INSYNC'>;
}

/** Secrets by reference. Values are never journaled, logged or put into faults. */
import type { SecretRef } from '../model/plan.ts';

export interface Secrets {
  /** The secret's text. Faults: `secret.missing`, `secret.denied`. */
  read(ref: SecretRef): Promise<string>;
}

/** A secret that applications read, repointed by octank. */
export interface SecretStore {
  /** `versionId` changes with every put; `fingerprint` is a sha256 of the text, safe to journal. */
  current(id: string): Promise<{ readonly versionId: string; readonly fingerprint: string } | undefined>;
  /** Copies the current value of one secret into another, and returns the new version. Values never pass through callers. */
  copy(options: {
    readonly from: string;
    readonly to: string;
    readonly token: string;
  }): Promise<{ readonly versionId: string; readonly fingerprint: string }>;
  /** Makes an earlier version current again. */
  restore(options: { readonly id: string; readonly versionId: string }): Promise<void>;
}

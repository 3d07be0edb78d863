/** How applications are told where their database is: each driver looks, acts and undoes. */
import type { JsonObject } from '../model/json.ts';

export interface RepointState {
  /** `source` before, `target` after, `foreign` when it is neither. */
  readonly at: 'source' | 'target' | 'foreign';
  readonly detail: string;
  /** What undo needs, safe to journal; captured before perform. */
  readonly before: JsonObject;
}

export interface Repoint {
  readonly kind: string;
  /** Looks; `captured` is the state journaled before perform, empty on the first look. */
  observe(captured: JsonObject): Promise<RepointState>;
  /** Points applications at the target. */
  perform(captured: JsonObject, token: string): Promise<void>;
  /** Points them back at the source. */
  undo(captured: JsonObject, token: string): Promise<void>;
  /** Seconds until clients follow (TTL, secret cache); null where nobody can know. */
  tailSeconds(): Promise<number | null>;
}

/** Slots and octank's own change feed of keys. Positions are opaque outside the engine. */
import type { Position } from '../model/position.ts';
import type { TableName } from '../model/table.ts';

export interface SlotState {
  readonly name: string;
  readonly plugin: string;
  readonly active: boolean;
  readonly confirmed: Position | null;
  readonly retainedBytes: number;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string;
}

export type FeedEvent =
  /** A row of a wave's table changed; `key` are the key columns' text, old and new where the key itself moved; null without a key. */
  | {
      readonly type: 'row';
      readonly position: Position;
      readonly table: TableName;
      readonly operation: 'insert' | 'update' | 'delete';
      readonly keys: readonly Readonly<Record<string, string>>[] | null;
    }
  | { readonly type: 'truncate'; readonly position: Position; readonly tables: readonly TableName[] }
  | { readonly type: 'marker'; readonly position: Position; readonly token: string }
  /** Everything before this position has been delivered. Sent on commits and keepalives. */
  | { readonly type: 'progress'; readonly position: Position };

export interface Feed {
  /** Ends when closed; rejects with `feed.broken` when the stream fails (it may be opened again: it continues after the last acknowledged position). */
  readonly events: AsyncIterable<FeedEvent>;
  /** The server may forget everything before this. Call once the consequence is durable. */
  acknowledge(position: Position): void;
  close(): Promise<void>;
}

export interface ChangeStreams {
  /** Where the database's log ends now (flushed). */
  currentPosition(): Promise<Position>;
  /** Negative, zero, positive. */
  compare(a: Position, b: Position): number;
  slots(): Promise<readonly SlotState[]>;
  /** Creates a logical slot; an existing one of that name and plugin is left as it is. */
  createSlot(options: {
    readonly name: string;
    readonly plugin: 'test_decoding' | 'pgoutput' | 'pglogical_output';
  }): Promise<Position>;
  /** Moves a slot's start to the log's end now. Only of a slot that nobody reads. */
  advanceSlot(name: string): Promise<Position>;
  dropSlot(name: string): Promise<void>;
  /** Publication and slot of octank's key feed for a wave; idempotent. */
  createFeed(options: {
    readonly wave: string;
    readonly tables: readonly TableName[];
  }): Promise<{ readonly slot: string; readonly position: Position }>;
  feedExists(wave: string): Promise<boolean>;
  openFeed(options: { readonly wave: string }): Promise<Feed>;
  dropFeed(wave: string): Promise<void>;
}

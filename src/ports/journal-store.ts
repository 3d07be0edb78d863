/** Durable, exclusive append of journal records. Mechanics only; meaning is in src/journal. */
export interface JournalStore {
  /** Numbers of all records present, ascending. Empty only when there is no journal at all. */
  numbers(): Promise<readonly number[]>;
  read(number: number): Promise<string>;
  /** Creates record `number` exclusively and makes it durable. Faults: `journal.taken`, `journal.unwritable`. */
  append(number: number, text: string): Promise<void>;
  /** Where it is, for people. */
  readonly location: string;
}

/** A file kept next to the journal, too large for a record (parity chunks); replaced atomically. */
export interface CheckpointStore {
  load(name: string): Promise<string | undefined>;
  save(name: string, text: string): Promise<void>;
}

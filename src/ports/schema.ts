/** Reads a schema as a model and runs DDL that octank rendered. */
import type { SchemaModel } from '../model/schema.ts';

export interface SchemaPort {
  /** Everything outside system schemas and octank's own: types, tables, constraints, indexes, views, routines, triggers, roles, grants. */
  inspect(): Promise<SchemaModel>;
  /** Runs statements one by one as effects, each in its own transaction with a lock timeout; the first failure stops with `schema.statement-failed`. */
  execute(
    statements: readonly { readonly object: string; readonly sql: string }[],
    onDone?: (object: string) => void,
  ): Promise<void>;
}

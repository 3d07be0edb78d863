/** One rendered statement before it is compared: what it makes, what it needs, when its kind is due. */
import { type ObjectId, objectId } from '../model/schema.ts';
import { parseTableKey, type TableName, tableKey } from '../model/table.ts';

/** tables: before any row. indexes: after the load. late: not yet valid for old rows. validate: right before the cutover. */
export type Stage = 'tables' | 'indexes' | 'late' | 'validate';

export interface Statement {
  /** What is made, by its name on the target; unique. */
  readonly object: string;
  readonly sql: string;
  readonly stage: Stage;
  readonly needs: readonly string[];
  /** The object of the model that this says something about. */
  readonly of: ObjectId;
  /** The server writes it back as text, and not every major version in the same words. */
  readonly isDeparsed: boolean;
}

/** What rendering knows besides the model. */
export interface RenderContext {
  /** Where a table stands on the target. */
  readonly place: (name: TableName) => TableName;
  /** Version of the server that runs the statements. */
  readonly version: number;
}

export const renderContext = (rename: Readonly<Record<string, string>>, version: number): RenderContext => ({
  version,
  place: (name) => {
    const wanted = rename[tableKey(name)];
    return wanted === undefined ? name : parseTableKey(wanted);
  },
});

export const placedId = (kind: string, table: TableName, ...more: readonly string[]): string =>
  objectId(kind, table.schema, table.table, ...more);

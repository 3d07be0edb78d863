/** pgoutput messages as feed events: keys as text, markers by their table, commits as progress. */
import type { Pgoutput } from 'pg-logical-replication';
import type { Position } from '../../../model/position.ts';
import { type TableName, tableKey } from '../../../model/table.ts';
import type { FeedEvent } from '../../../ports/change-streams.ts';
import { markerTable } from './control.ts';
import { lsnOf, positionOf } from './lsn.ts';

type Tuple = Readonly<Record<string, unknown>>;
type Key = Readonly<Record<string, string>>;

const markers = new Set([tableKey(markerTable('forward')), tableKey(markerTable('reverse'))]);

const normal = (lsn: string | null): Position => positionOf(lsnOf(lsn ?? '0/0'));

/** Undefined where the log does not carry the whole key, such as a key column stored out of line that did not change. */
const keyOf = (columns: readonly string[], ...tuples: readonly (Tuple | null)[]): Key | undefined => {
  const key: Record<string, string> = {};
  for (const column of columns) {
    const value = tuples.map((tuple) => tuple?.[column]).find((candidate) => typeof candidate === 'string');
    if (typeof value !== 'string') return undefined;
    key[column] = value;
  }
  return key;
};

const sameKey = (a: Key, b: Key): boolean => Object.entries(a).every(([column, value]) => b[column] === value);

const keysOfUpdate = (columns: readonly string[], message: Pgoutput.MessageUpdate): readonly Key[] | null => {
  const before = message.key ?? message.old;
  const after = keyOf(columns, message.new, before);
  if (!after) return null;
  if (!before) return [after];
  const old = keyOf(columns, before);
  if (!old) return null;
  return sameKey(old, after) ? [after] : [old, after];
};

export interface FeedDecoder {
  decode(message: Pgoutput.Message): readonly FeedEvent[];
}

/** `keyColumns`: by `schema.table`, what names a row there; a table that is not in it has no key. */
export const feedDecoder = (keyColumns: ReadonlyMap<string, readonly string[]>): FeedDecoder => {
  let commit = '0/0' as Position;

  const row = (
    relation: Pgoutput.MessageRelation,
    operation: 'insert' | 'update' | 'delete',
    keysWith: (columns: readonly string[]) => readonly (Key | undefined)[] | null,
  ): readonly FeedEvent[] => {
    const table: TableName = { schema: relation.schema, table: relation.name };
    const columns = keyColumns.get(tableKey(table)) ?? [];
    const keys = columns.length === 0 ? null : keysWith(columns);
    const known = keys?.filter((key): key is Key => key !== undefined) ?? [];
    const whole = keys !== null && known.length === keys.length;
    return [{ type: 'row', position: commit, table, operation, keys: whole ? known : null }];
  };

  const insert = (message: Pgoutput.MessageInsert): readonly FeedEvent[] => {
    const { relation } = message;
    if (markers.has(`${relation.schema}.${relation.name}`))
      return [{ type: 'marker', position: commit, token: String(message.new.token) }];
    return row(relation, 'insert', (columns) => [keyOf(columns, message.new)]);
  };

  return {
    decode: (message) => {
      switch (message.tag) {
        case 'begin':
          commit = normal(message.commitLsn);
          return [];
        case 'relation':
          // The library would parse values; octank compares text.
          for (const column of message.columns) column.parser = (text: unknown) => text;
          return [];
        case 'insert':
          return insert(message);
        case 'update':
          return row(message.relation, 'update', (columns) => keysOfUpdate(columns, message));
        case 'delete':
          return row(message.relation, 'delete', (columns) => [keyOf(columns, message.key ?? message.old)]);
        case 'truncate': {
          const tables = message.relations.map(({ schema, name }) => ({ schema, table: name }));
          return [{ type: 'truncate', position: commit, tables }];
        }
        case 'commit':
          return [{ type: 'progress', position: normal(message.commitEndLsn) }];
        case 'message':
        case 'origin':
        case 'type':
          return [];
      }
    },
  };
};

/** Which keys of a table have changed since somebody began to look: what lets "it did not change" be proven, not guessed. */
import { type TableName, tableKey } from '../model/table.ts';

export interface Watch {
  /** By the row's key; a change of which the key is unknown counts for every row. */
  sawChange(key: Readonly<Record<string, string>>): boolean;
  close(): void;
}

/** More changed keys than this are kept as "any". */
const mostKeys = 200_000;

interface OpenWatch {
  readonly table: string;
  readonly keys: Set<string>;
  any: boolean;
}

/** Keys come as records whose columns may be in any order. */
const textOf = (key: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));

export const createWatches = () => {
  const open = new Set<OpenWatch>();
  return {
    see: (table: TableName, keys: readonly Readonly<Record<string, string>>[] | null): void => {
      if (open.size === 0) return;
      const name = tableKey(table);
      for (const watch of open) {
        if (watch.table !== name || watch.any) continue;
        if (keys === null || keys.length === 0 || watch.keys.size >= mostKeys) watch.any = true;
        else for (const key of keys) watch.keys.add(textOf(key));
      }
    },
    open: (table: TableName): Watch => {
      const watch: OpenWatch = { table: tableKey(table), keys: new Set(), any: false };
      open.add(watch);
      return {
        sawChange: (key) => watch.any || watch.keys.has(textOf(key)),
        close: () => {
          open.delete(watch);
        },
      };
    },
  };
};

/** Turns decoded changes into rows of the target: routing, filters, column order, LOB cuts, and what AWS ignores. */
import type { Mappings } from '../mappings.ts';
import { selects } from '../mappings.ts';
import { newTable, type TableProgress, tableId } from '../records.ts';
import type { LobPolicy } from '../settings.ts';
import type { Route, RowChange } from './buffer.ts';
import { mapTable, tableNamed, targetOf } from './catalog.ts';
import type { LogMessage, Tuple, Value } from './decode.ts';
import { passes } from './filter.ts';
import { cutValue } from './lob.ts';
import type { Client } from './sql.ts';

type RowMessage = Extract<LogMessage, { type: 'row' }>;

export interface RouterOptions {
  readonly source: Client;
  readonly target: Client;
  readonly mappings: Mappings;
  readonly lob: LobPolicy;
  readonly progress: Record<string, TableProgress>;
  readonly log: (line: string) => void;
}

interface Routed {
  readonly route: Route;
  /** Position of each mapped column in tuples whose names are this very array. */
  readonly positions: WeakMap<readonly string[], readonly number[]>;
}

export interface Router {
  /** The change to apply, or undefined where the task does not carry it. `xid` decides what the full load already holds. */
  route(message: RowMessage, xid: number): Promise<RowChange | undefined>;
}

/** Transaction ids wrap around; the difference does not. */
const isBefore = (xid: number, limit: number): boolean => ((xid - limit) | 0) < 0;

const valueIn = (tuple: Tuple, name: string): Value => {
  const index = tuple.names.indexOf(name);
  return index < 0 ? undefined : tuple.values[index];
};

class ChangeRouter implements Router {
  readonly #options: RouterOptions;
  readonly #routes = new Map<string, Routed | null>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  async #open(schema: string, table: string): Promise<Routed | null> {
    const { mappings, source, target, progress } = this.#options;
    const selected = schema.startsWith('pg_') ? undefined : selects(mappings, schema, table);
    if (!selected || table.startsWith('awsdms_')) return null;
    const id = tableId(schema, table);
    // A table made after the start of the task is carried from its first change on.
    const entry = progress[id] ?? newTable(schema, table);
    progress[id] = entry;
    if (entry.state === 'Before load') entry.state = 'Table completed';
    const from = await tableNamed(source, schema, table);
    const wanted = targetOf(mappings, { schema, table });
    const to = await tableNamed(target, wanted.schema, wanted.table);
    if (!from) return null;
    if (!to) {
      entry.state = 'Table error';
      this.#options.log(`table ${schema}.${table}: ${wanted.schema}.${wanted.table} is not on the target`);
      return null;
    }
    const mapped = mapTable(mappings, { source: from, ...selected }, to);
    return { route: { table: mapped, progress: entry }, positions: new WeakMap() };
  }

  async #find(schema: string, table: string): Promise<Routed | null> {
    const id = tableId(schema, table);
    const known = this.#routes.get(id);
    if (known !== undefined) return known;
    const opened = await this.#open(schema, table);
    this.#routes.set(id, opened);
    return opened;
  }

  async route(message: RowMessage, xid: number): Promise<RowChange | undefined> {
    const known = this.#routes.get(tableId(message.schema, message.table));
    const found = known === undefined ? await this.#find(message.schema, message.table) : known;
    if (!found || message.tuple === null) return undefined;
    const { route } = found;
    const { progress, table } = route;
    if (progress.state === 'Table error') return undefined;
    if (progress.loadXmin !== null && isBefore(xid, progress.loadXmin)) return undefined;
    if (message.operation !== 'insert' && table.key.length === 0) return undefined;
    if (message.oldKey && this.#movesKey(route, message.oldKey, message.tuple)) return undefined;
    const { tuple } = message;
    if (table.rule.filters.length > 0 && !passes(table.rule, (column) => valueIn(tuple, column))) return undefined;
    return { route, operation: message.operation, row: this.#row(found, tuple, message.operation === 'delete') };
  }

  #movesKey({ table }: Route, old: Tuple, fresh: Tuple): boolean {
    return table.key.some((index) => {
      const name = table.columns[index]?.source.name ?? '';
      const before = valueIn(old, name);
      return before !== undefined && before !== valueIn(fresh, name);
    });
  }

  #row({ route, positions }: Routed, tuple: Tuple, keyOnly: boolean): readonly Value[] {
    let order = positions.get(tuple.names);
    if (!order) {
      order = route.table.columns.map((column) => tuple.names.indexOf(column.source.name));
      positions.set(tuple.names, order);
    }
    const { columns, key } = route.table;
    const row: Value[] = new Array(columns.length);
    for (let i = 0; i < columns.length; i += 1) {
      const position = order[i] as number;
      const value = position < 0 || (keyOnly && !key.includes(i)) ? undefined : tuple.values[position];
      const column = columns[i]?.source;
      row[i] = typeof value === 'string' && column?.isLob ? cutValue(value, column, this.#options.lob) : value;
    }
    return row;
  }
}

export const createRouter = (options: RouterOptions): Router => new ChangeRouter(options);

/** Collects row changes until they are written: in order as runs of one kind, or as net changes per table. */
import type { TableProgress } from '../records.ts';
import type { MappedTable } from './catalog.ts';
import { keyOf, type Row, signature } from './rows-sql.ts';

export type Operation = 'insert' | 'update' | 'delete';

/** A table of the task as changes are routed to it. */
export interface Route {
  readonly table: MappedTable;
  readonly progress: TableProgress;
}

export interface RowChange {
  readonly route: Route;
  readonly operation: Operation;
  readonly row: Row;
}

/** Changes of one table, one operation and one set of columns, each key once: one statement writes them. */
export interface Run {
  readonly route: Route;
  readonly operation: Operation;
  readonly rows: Row[];
  /** A row that the same batch removed before: its absence or presence tells nothing. */
  readonly certain: boolean;
}

export interface Drained {
  /** The runs to write, in the order to write them. */
  readonly runs: readonly Run[];
  /** The same changes for when one of the runs was refused. */
  readonly inOrder: () => readonly Run[];
}

export interface ChangeBuffer {
  readonly size: number;
  add(change: RowChange): void;
  /** What is to be written; the buffer is empty afterwards. */
  drain(): Drained;
}

const inOrder = (changes: readonly RowChange[]): readonly Run[] => {
  const runs: Run[] = [];
  let keys = new Set<string>();
  let shape = '';
  for (const { route, operation, row } of changes) {
    const last = runs.at(-1);
    const rowShape = signature(row);
    const key = route.table.key.length === 0 ? '' : keyOf(route.table, row);
    const isNew = route.table.key.length === 0 || !keys.has(key);
    if (last && last.route === route && last.operation === operation && shape === rowShape && isNew) {
      last.rows.push(row);
      keys.add(key);
      continue;
    }
    runs.push({ route, operation, rows: [row], certain: true });
    keys = new Set([key]);
    shape = rowShape;
  }
  return runs;
};

/** Changes of one key stay in their order; rows of different keys change places, so that a few statements write them all. */
const regrouped = (changes: readonly RowChange[]): readonly Run[] => {
  const runs: Run[] = [];
  /** Per table: the newest run of each kind, and the run that touched each key last. */
  const tables = new Map<Route, { readonly kinds: Map<string, number>; readonly touched: Map<string, number> }>();
  for (const { route, operation, row } of changes) {
    const table = tables.get(route) ?? { kinds: new Map<string, number>(), touched: new Map<string, number>() };
    tables.set(route, table);
    const kind = `${operation} ${signature(row)}`;
    const key = route.table.key.length === 0 ? null : keyOf(route.table, row);
    const known = table.kinds.get(kind) ?? -1;
    const run = known > (key === null ? -1 : (table.touched.get(key) ?? -1)) ? runs[known] : undefined;
    if (run) run.rows.push(row);
    else {
      table.kinds.set(kind, runs.length);
      runs.push({ route, operation, rows: [row], certain: true });
    }
    if (key !== null) table.touched.set(key, run ? known : runs.length - 1);
  }
  return runs;
};

/**
 * Keeps the order of the source: a run ends where another table, operation, column set or the same key comes. `isRegrouped`: what is
 * tried first has lost the order between different keys, which nobody sees inside one transaction on a target whose foreign keys and
 * triggers do not fire; what a constraint refuses is then written in order.
 */
export const orderedBuffer = ({ isRegrouped = false } = {}): ChangeBuffer => {
  let changes: RowChange[] = [];
  return {
    get size() {
      return changes.length;
    },
    add: (change) => {
      changes.push(change);
    },
    drain: () => {
      const drained = changes;
      changes = [];
      return { runs: isRegrouped ? regrouped(drained) : inOrder(drained), inOrder: () => inOrder(drained) };
    },
  };
};

type NetKind = 'insert' | 'update' | 'delete' | 'replace' | 'vanished';

interface Net {
  kind: NetKind;
  row: Row;
}

const over = (older: Row, newer: Row): Row => newer.map((value, index) => (value === undefined ? older[index] : value));

/** What remains of two changes of one key. */
const merge = (older: Net, operation: Operation, row: Row): Net => {
  if (operation === 'insert')
    return { kind: older.kind === 'delete' || older.kind === 'replace' ? 'replace' : 'insert', row };
  if (operation === 'delete')
    return { kind: older.kind === 'insert' || older.kind === 'vanished' ? 'vanished' : 'delete', row };
  return {
    kind: older.kind === 'delete' || older.kind === 'vanished' ? 'update' : older.kind,
    row: over(older.row, row),
  };
};

const grouped = (route: Route, operation: Operation, rows: readonly Row[], certain: boolean): readonly Run[] => {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const shape = operation === 'delete' ? '' : signature(row);
    const group = groups.get(shape);
    if (group) group.push(row);
    else groups.set(shape, [row]);
  }
  return [...groups.values()].map((group) => ({ route, operation, rows: group, certain }));
};

const runsOf = (route: Route, nets: ReadonlyMap<string, Net>): readonly Run[] => {
  const of = (kind: NetKind): Row[] => {
    const rows: Row[] = [];
    for (const net of nets.values()) if (net.kind === kind) rows.push(net.row);
    return rows;
  };
  const replaced = of('replace');
  return [
    ...grouped(route, 'delete', of('delete'), true),
    ...grouped(route, 'delete', [...of('vanished'), ...replaced], false),
    ...grouped(route, 'insert', [...of('insert'), ...replaced], true),
    ...grouped(route, 'update', of('update'), true),
  ].filter((run) => run.rows.length > 0);
};

/** Keeps the last state of each key only: order between tables and rows is gone, as with AWS's batch apply. */
export const netBuffer = (): ChangeBuffer => {
  let tables = new Map<Route, Map<string, Net>>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    add: ({ route, operation, row }) => {
      let nets = tables.get(route);
      if (!nets) {
        nets = new Map();
        tables.set(route, nets);
      }
      // Without a key nothing can be merged: every insert stays one.
      const key = route.table.key.length === 0 ? `#${nets.size}` : keyOf(route.table, row);
      const older = nets.get(key);
      nets.set(key, older ? merge(older, operation, row) : { kind: operation, row });
      size += 1;
    },
    drain: () => {
      const runs = [...tables].flatMap(([route, nets]) => runsOf(route, nets));
      tables = new Map();
      size = 0;
      return { runs, inOrder: () => runs };
    },
  };
};

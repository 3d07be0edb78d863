/** How two readings of the same rows differ: which keys, of what kind, in which columns. */
import type { RowDifferenceKind, RowSample } from '../model/parity.ts';
import type { RowText } from '../ports/rows.ts';

/** State of a row as one text: its hash, or for a table without a key how often that row is there; null where it is absent. */
export type RowState = string | null;

export interface Suspect {
  readonly key: readonly string[];
  readonly source: RowState;
  readonly target: RowState;
}

export const kindOf = (suspect: Pick<Suspect, 'source' | 'target'>): Exclude<RowDifferenceKind, 'inFlight'> => {
  if (suspect.target === null) return 'missing';
  return suspect.source === null ? 'extraneous' : 'mismatched';
};

export interface KeyedState {
  readonly key: readonly string[];
  readonly state: string;
}

/** Keys whose state is not the same on both sides. Order does not matter: the two may sort text differently. */
export const differingKeys = (
  source: ReadonlyMap<string, KeyedState>,
  target: ReadonlyMap<string, KeyedState>,
): readonly Suspect[] => {
  const suspects: Suspect[] = [];
  for (const [text, row] of source) {
    const other = target.get(text)?.state ?? null;
    if (other !== row.state) suspects.push({ key: row.key, source: row.state, target: other });
  }
  for (const [text, row] of target)
    if (!source.has(text)) suspects.push({ key: row.key, source: null, target: row.state });
  return suspects;
};

/** Values longer than this are cut in reports, after they were compared. */
const longestValue = 200;

const shown = (value: string | null): string | null =>
  value === null || value.length <= longestValue
    ? value
    : `${value.slice(0, longestValue)}... (${value.length} characters)`;

/** A row named with the columns that differ and both values; all columns where one side lacks the row. */
export const sampleOf = (options: {
  readonly kind: RowDifferenceKind;
  readonly keyColumns: readonly string[];
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly source: RowText | undefined;
  readonly target: RowText | undefined;
}): RowSample => {
  const { kind, keyColumns, key, columns, source, target } = options;
  const cells = columns.map((name, index) => ({
    name,
    source: source?.values[index] ?? null,
    target: target?.values[index] ?? null,
  }));
  const isWhole = source === undefined || target === undefined;
  return {
    key: Object.fromEntries(keyColumns.map((column, index) => [column, key[index] ?? null])),
    kind,
    columns: (isWhole ? cells : cells.filter((cell) => cell.source !== cell.target)).map((cell) => ({
      name: cell.name,
      source: shown(cell.source),
      target: shown(cell.target),
    })),
  };
};

/** Differing rows by name: the key, what kind of difference, and the columns with both values. */
import type { RowDifferenceKind, RowSample } from '../model/parity.ts';
import { kindOf, sampleOf } from '../parity/difference.ts';
import { keyText } from '../parity/ledger.ts';
import type { KeyRange, RowText } from '../ports/rows.ts';
import type { Side, Sides } from './sides.ts';
import type { SuspectPage, SuspectRow } from './suspects.ts';

/** In a bucket the side that has a row more often has the extra rows. */
export const differenceKind = (page: SuspectPage, row: SuspectRow): Exclude<RowDifferenceKind, 'inFlight'> => {
  if (page.place.kind === 'range') return kindOf(row);
  return Number(row.source ?? 0) > Number(row.target ?? 0) ? 'missing' : 'extraneous';
};

const shownKind = (page: SuspectPage, row: SuspectRow): RowDifferenceKind =>
  row.outcome === 'inFlight' ? 'inFlight' : differenceKind(page, row);

const rowsByKey = async (
  sides: Sides,
  side: Side,
  page: SuspectPage,
  range: KeyRange,
): Promise<ReadonlyMap<string, RowText>> => {
  // A page may have grown since it was cut; rows beyond twice its size are then named by their key alone.
  const rows = await sides[side].rows(page.table[side], range, 2 * sides.sizes.rowsPerPage);
  return new Map(rows.map((row) => [keyText(row.key), row]));
};

const fromRange = async (sides: Sides, page: SuspectPage, rows: readonly SuspectRow[], range: KeyRange) => {
  const [source, target] = await Promise.all([
    rowsByKey(sides, 'source', page, range),
    rowsByKey(sides, 'target', page, range),
  ]);
  return rows.map((row) =>
    sampleOf({
      kind: shownKind(page, row),
      keyColumns: page.table.source.key,
      key: row.key,
      columns: page.table.source.columns,
      source: source.get(keyText(row.key)),
      target: target.get(keyText(row.key)),
    }),
  );
};

/** Without a key the row's own text is its name. */
const fromBucket = async (
  sides: Sides,
  page: SuspectPage,
  rows: readonly SuspectRow[],
  place: Extract<SuspectPage['place'], { kind: 'bucket' }>,
): Promise<readonly RowSample[]> => {
  const { columns } = page.table.source;
  const texts = new Map<string, readonly (string | null)[]>();
  for (const side of ['source', 'target'] as const)
    for (const found of await sides[side].multiset(page.table[side], place.bucket, place.buckets))
      texts.set(found.hash, found.sample);
  return rows.map((row) => {
    const text = texts.get(row.key[0] ?? '') ?? [];
    return {
      key: Object.fromEntries(columns.map((column, index) => [column, text[index] ?? null])),
      kind: shownKind(page, row),
      columns: [{ name: 'number of such rows', source: row.source ?? '0', target: row.target ?? '0' }],
    };
  });
};

export const samplesOf = async (
  sides: Sides,
  page: SuspectPage,
  rows: readonly SuspectRow[],
): Promise<readonly RowSample[]> =>
  page.place.kind === 'range'
    ? fromRange(sides, page, rows, page.place.range)
    : fromBucket(sides, page, rows, page.place);

/** Sequences that a wave's tables draw from: owned, identity, or named in a default; read as they stand and set as one effect. */
import { quoteIdent, quoteTable } from '../../../model/postgres-quote.ts';
import type { TableName } from '../../../model/table.ts';
import type { SequenceState, Sequences } from '../../../ports/signals.ts';
import type { Connections } from './connections.ts';
import { nameArrays, treeCte } from './relations.ts';

// Owned and identity sequences depend on the column; a default depends on the sequence it names.
const usesQuery = `
  WITH RECURSIVE ${treeCte},
  uses AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attnum, 0 AS preference
    FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION ALL
    SELECT d.refobjid, f.adrelid, f.adnum, 1
    FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass)
  SELECT sn.nspname AS sequence_schema, s.relname AS sequence_name, q.seqincrement::text AS increment,
    tn.nspname AS table_schema, c.relname AS table_name, a.attname AS column, t.typcategory = 'N' AND b.typname IN ('int2', 'int4', 'int8', 'numeric') AS is_number
  FROM uses JOIN pg_class s ON s.oid = uses.sequence AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
  JOIN pg_sequence q ON q.seqrelid = s.oid
  JOIN pg_class c ON c.oid = uses.relation JOIN pg_namespace tn ON tn.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = uses.attnum AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  WHERE uses.relation IN (SELECT oid FROM tree)
  ORDER BY 1, 2, uses.preference, c.relispartition, 4, 5, 6`;

interface Use {
  readonly sequence_schema: string;
  readonly sequence_name: string;
  readonly increment: string;
  readonly table_schema: string;
  readonly table_name: string;
  readonly column: string;
  readonly is_number: boolean;
}

const nameOf = (use: Use): TableName => ({ schema: use.sequence_schema, table: use.sequence_name });

/** The farthest value that any of the columns has reached. */
const extremeOf = async (connections: Connections, uses: readonly Use[]): Promise<bigint | null> => {
  const falling = uses[0]?.increment.startsWith('-') === true;
  const numbers = uses.filter((use) => use.is_number);
  if (numbers.length === 0) return null;
  const parts = numbers.map((use) => {
    const table = quoteTable({ schema: use.table_schema, table: use.table_name });
    return `SELECT ${falling ? 'min' : 'max'}(${quoteIdent(use.column)})::numeric AS value FROM ${table}`;
  });
  const [row] = await connections.query<{ value: string | null }>(
    `SELECT trunc(${falling ? 'min' : 'max'}(value))::text AS value FROM (${parts.join(' UNION ALL ')}) AS every`,
    undefined,
    { timeoutMs: 0 },
  );
  return row?.value == null ? null : BigInt(row.value);
};

const readOne = async (connections: Connections, uses: readonly Use[]): Promise<SequenceState> => {
  const first = uses[0];
  if (!first) throw new Error('a sequence is listed by what uses it');
  const name = nameOf(first);
  const [[state], extreme] = await Promise.all([
    connections.query<{ last: string; called: boolean }>(
      `SELECT last_value::text AS last, is_called AS called FROM ${quoteTable(name)}`,
    ),
    extremeOf(connections, uses),
  ]);
  return {
    name,
    lastValue: BigInt(state?.last ?? 0),
    isCalled: state?.called ?? false,
    increment: BigInt(first.increment),
    column: {
      table: { schema: first.table_schema, table: first.table_name },
      column: first.column,
      extreme,
    },
  };
};

export const postgresSequences = (connections: Connections): Sequences => ({
  read: async (tables) => {
    const groups = new Map<string, Use[]>();
    for (const use of await connections.query<Use>(usesQuery, nameArrays(tables))) {
      const key = quoteTable(nameOf(use));
      groups.set(key, [...(groups.get(key) ?? []), use]);
    }
    const states: SequenceState[] = [];
    for (const uses of groups.values()) states.push(await readOne(connections, uses));
    return states;
  },
  set: (values) =>
    connections.effect(async (tx) => {
      for (const { name, value } of values)
        await tx.query('SELECT setval($1::regclass, $2::bigint, true)', [quoteTable(name), value.toString()]);
    }),
});

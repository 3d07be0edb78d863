/** Would this database accept an application's write to these tables now? Really tried, as the application, touching no row. */
import pg from 'pg';
import type { Session } from './session.ts';

export interface ProbedTable {
  readonly schema: string;
  readonly table: string;
}

export type ProbeState = 'accepted' | 'refused' | 'unknown';

const literal = pg.escapeLiteral;
const identifier = pg.escapeIdentifier;

/** A column that an update may name; generated ones refuse for a reason that is not the fence. */
const columnSql = `
  select a.attname as column from pg_attribute a
  where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a'
  order by a.attnum limit 1`;

/**
 * Statement triggers fire and privileges are checked although no row qualifies. A lock that is not free within the
 * moment says nothing, so it counts as unknown, never as refused.
 */
const probeSql = (tables: readonly { readonly name: string; readonly column: string }[]): string =>
  `do $octank$ declare accepted text := ''; unknown text := ''; begin ${tables
    .map(({ name, column }, index) =>
      [
        `update ${name} set ${identifier(column)} = ${identifier(column)} where false`,
        `delete from ${name} where false`,
      ]
        .map(
          (statement) => `begin ${statement}; accepted := accepted || ' ${index}';
            exception when lock_not_available then unknown := unknown || ' ${index}'; when others then null; end;`,
        )
        .join('\n'),
    )
    .join('\n')} raise notice 'octank-lab:%:%', accepted, unknown; end $octank$`;

/** By index of the tables given. Rejects when the database cannot be asked. */
export type WriteProbe = () => Promise<readonly ProbeState[]>;

const numbers = (text: string): ReadonlySet<number> =>
  new Set(
    text
      .trim()
      .split(' ')
      .filter((part) => part !== '')
      .map(Number),
  );

export const createWriteProbe = (options: {
  readonly session: Session;
  readonly role: string;
  readonly tables: readonly ProbedTable[];
}): WriteProbe => {
  const columns = new Map<number, string>();

  const known = async (client: pg.Client) => {
    for (const [index, { schema, table }] of options.tables.entries()) {
      if (columns.has(index)) continue;
      const { rows } = await client.query<{ column: string }>(columnSql, [
        `${identifier(schema)}.${identifier(table)}`,
      ]);
      // Absent now, on a target before its schema is there: asked again next time.
      if (rows[0]) columns.set(index, rows[0].column);
    }
    return options.tables.flatMap(({ schema, table }, index) => {
      const column = columns.get(index);
      return column === undefined ? [] : [{ index, name: `${identifier(schema)}.${identifier(table)}`, column }];
    });
  };

  return () =>
    options.session.with(async (client) => {
      const tables = await known(client);
      const states: ProbeState[] = options.tables.map(() => 'refused');
      const { rows } = await client.query<{ exists: boolean }>(
        'select exists (select 1 from pg_roles where rolname = $1)',
        [options.role],
      );
      if (tables.length === 0 || rows[0]?.exists !== true) return states;
      let answer: string | undefined;
      const hear = (notice: { message?: string | undefined }): void => {
        if (notice.message?.startsWith('octank-lab:')) answer = notice.message;
      };
      client.on('notice', hear);
      try {
        // Session authorization, not SET ROLE: a fence asks who connected.
        await client.query(
          `begin; set local client_min_messages = notice; set local lock_timeout = '100ms'; set local statement_timeout = '2s';
           set local session authorization ${literal(options.role)}; ${probeSql(tables)}; rollback`,
        );
      } finally {
        client.off('notice', hear);
      }
      const [, accepted = '', unknown = ''] = (answer ?? '').split(':');
      for (const position of numbers(unknown)) states[tables[position]?.index ?? -1] = 'unknown';
      for (const position of numbers(accepted)) states[tables[position]?.index ?? -1] = 'accepted';
      return states;
    });
};

/** Reads the catalogs of PostgreSQL 11 to 18 into a SchemaModel: one query per kind of object, joined here by id. */
import {
  type Column,
  type ObjectId,
  objectId,
  type SchemaModel,
  type Table,
  type UserType,
} from '../../../../model/schema.ts';
import { type Alias, type Dependency, Identities } from './identities.ts';
import * as objects from './object-queries.ts';
import * as relations from './relation-queries.ts';
import type * as row from './rows.ts';

/** The part of Connections that inspection needs. */
export interface Reader {
  query<T>(sql: string, values?: readonly unknown[]): Promise<readonly T[]>;
}

/**
 * Names come out qualified only with an empty search_path, and a pooled connection must not keep it. set_config(..., true) ends
 * with the statement's own transaction, and a target list is evaluated left to right: the subquery runs after it.
 */
const read = async <T>(reader: Reader, sql: string): Promise<readonly T[]> => {
  const [answer] = await reader.query<{ rows: readonly T[] | null }>(
    `select set_config('search_path', '', true) as path, (select json_agg(row_to_json(q)) from (${sql}) q) as rows`,
  );
  return answer?.rows ?? [];
};

const routineId = (schema: string, name: string, args: string): ObjectId =>
  `${objectId('routine', schema, name)}(${args})`;

const base = (found: row.Named, id: ObjectId, uses: readonly ObjectId[]) => ({
  id,
  schema: found.schema,
  name: found.name,
  owner: found.owner,
  comment: found.comment,
  uses,
});

const columnOf = (found: row.ColumnRow, identity: row.SequenceRow | undefined): Column => ({
  name: found.name,
  type: found.type,
  collation: found.collation,
  notNull: found.notNull,
  default: found.default,
  generated: found.generated,
  identity:
    found.identity && identity
      ? {
          mode: found.identity,
          sequence: { schema: identity.schema, table: identity.name },
          options: identity.options,
        }
      : null,
  inherited: found.inherited,
  settings: {
    storage: found.storage,
    compression: found.compression,
    statistics: found.statistics,
    options: found.options,
  },
  comment: found.comment,
});

const tableOf = (found: row.TableRow, id: ObjectId, columns: readonly Column[], uses: readonly ObjectId[]): Table => {
  const [parent] = found.parents;
  return {
    kind: 'table',
    ...base(found, id, uses),
    form: found.form,
    unlogged: found.unlogged,
    columns,
    partitionBy: found.partitionBy,
    partitionOf: found.bound !== null && parent ? { parent, bound: found.bound } : null,
    inherits: found.bound === null ? found.parents : [],
    ofType: found.ofType,
    options: found.options,
    tablespace: found.tablespace,
    accessMethod: found.accessMethod,
    rowSecurity: found.rowSecurity,
    forceRowSecurity: found.forceRowSecurity,
    replicaIdentity:
      found.identity === 'index' ? { kind: 'index', index: found.identityIndex ?? '' } : { kind: found.identity },
  };
};

const typeOf = (found: row.TypeRow, id: ObjectId, columns: readonly Column[], uses: readonly ObjectId[]): UserType => {
  const common = base(found, id, uses);
  if (found.kind === 'enum') return { kind: 'enum', ...common, labels: found.labels ?? [] };
  if (found.kind === 'composite')
    return {
      kind: 'composite',
      ...common,
      attributes: columns.map(({ name, type, collation }) => ({ name, type, collation })),
    };
  if (found.kind === 'range')
    return {
      kind: 'range',
      ...common,
      options: [...(found.rangeBase ?? []), found.rangeCollation, found.rangeDiff].filter((part) => part !== null),
      hasCanonical: found.hasCanonical,
    };
  return {
    kind: 'domain',
    ...common,
    baseType: found.baseType ?? '',
    collation: found.collation,
    notNull: found.notNull,
    default: found.default,
    constraints: found.constraints,
  };
};

/** WITH (...) of a key's index belongs before DEFERRABLE. */
const withIndexOptions = (definition: string, options: string | null): string =>
  options
    ? definition.replace(/( DEFERRABLE.*| NOT DEFERRABLE.*)?$/, (tail) => ` WITH (${options})${tail}`)
    : definition;

const catalogs = `select c.relname as name, c.oid::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'pg_catalog' and c.relkind = 'r'`;

const readAll = async (reader: Reader, version: number) => {
  const rows = <T>(sql: string): Promise<readonly T[]> => read<T>(reader, sql);
  const [classes, aliases, dependencies, schemas, extensions, availableExtensions, types, sequences] =
    await Promise.all([
      rows<{ readonly name: string; readonly oid: string }>(catalogs),
      rows<Alias>(objects.aliases(version)),
      rows<Dependency>(objects.dependencies()),
      rows<row.Named>(objects.schemas()),
      rows<row.Named & { readonly version: string }>(objects.extensions()),
      rows<{ readonly name: string }>(objects.availableExtensions()),
      rows<row.TypeRow>(objects.types(version)),
      rows<row.SequenceRow>(relations.sequences()),
    ]);
  const [tables, columns, constraints, indexes, views, routines] = await Promise.all([
    rows<row.TableRow>(relations.tables()),
    rows<row.ColumnRow>(relations.columns(version)),
    rows<row.ConstraintRow>(relations.constraints()),
    rows<row.IndexRow>(relations.indexes()),
    rows<row.ViewRow>(relations.views()),
    rows<row.RoutineRow>(objects.routines()),
  ]);
  const [triggers, rules, policies, statistics, others, grants, roles] = await Promise.all([
    rows<row.TriggerRow>(relations.triggers(version)),
    rows<row.RuleRow>(relations.rules()),
    rows<row.PolicyRow>(relations.policies()),
    rows<row.StatisticsRow>(relations.statistics()),
    rows<row.OtherRow>(objects.others()),
    rows<row.GrantRow>(objects.grants()),
    rows<SchemaModel['roles'][number]>(objects.roles()),
  ]);
  return {
    classes,
    aliases,
    dependencies,
    schemas,
    extensions,
    availableExtensions,
    types,
    sequences,
    tables,
    columns,
    constraints,
    indexes,
    views,
    routines,
    triggers,
    rules,
    policies,
    statistics,
    others,
    grants,
    roles,
  };
};

type Rows = Awaited<ReturnType<typeof readAll>>;

type Placed<T> = T & { readonly id: ObjectId };

/** Gives rows of one catalog their ids; members of extensions fall out, the extension stands for them. */
const place = <T extends { readonly oid: string }>(
  identities: Identities,
  catalog: string,
  rows: readonly T[],
  idOf: (found: T) => ObjectId,
): readonly Placed<T>[] =>
  rows.flatMap((found) => {
    const key = identities.key(catalog, found.oid);
    if (identities.isMember(key)) return [];
    const id = idOf(found);
    identities.name(key, id);
    return [{ ...found, id }];
  });

const placeAll = (rows: Rows) => {
  const identities = new Identities(
    new Map(rows.classes.map(({ name, oid }) => [name, oid])),
    rows.aliases,
    rows.dependencies,
  );
  const at = <T extends row.Named>(catalog: string, kind: string, found: readonly T[]) =>
    place(identities, catalog, found, (item) => objectId(kind, item.schema, item.name));
  const onTable = <T extends row.Named & { readonly table: string }>(
    catalog: string,
    kind: string,
    found: readonly T[],
  ) => place(identities, catalog, found, (item) => objectId(kind, item.schema, item.table, item.name));
  const identitySequences = new Map<string, row.SequenceRow>();
  for (const sequence of rows.sequences)
    if (sequence.isIdentity) identitySequences.set(`${sequence.tableOid}.${sequence.column}`, sequence);
  const placed = {
    extensions: place(identities, 'pg_extension', rows.extensions, ({ name }) => objectId('extension', name)),
    schemas: place(identities, 'pg_namespace', rows.schemas, ({ name }) => objectId('schema', name)),
    types: place(identities, 'pg_type', rows.types, (found) => objectId(found.kind, found.schema, found.name)),
    sequences: at(
      'pg_class',
      'sequence',
      rows.sequences.filter(({ isIdentity }) => !isIdentity),
    ),
    tables: at('pg_class', 'table', rows.tables),
    views: at('pg_class', 'view', rows.views),
    constraints: onTable('pg_constraint', 'constraint', rows.constraints),
    indexes: at('pg_class', 'index', rows.indexes),
    routines: place(identities, 'pg_proc', rows.routines, (found) =>
      routineId(found.schema, found.name, found.arguments),
    ),
    triggers: onTable('pg_trigger', 'trigger', rows.triggers),
    rules: onTable('pg_rewrite', 'rule', rows.rules),
    policies: onTable('pg_policy', 'policy', rows.policies),
    statistics: at('pg_statistic_ext', 'statistics', rows.statistics),
    others: rows.others.flatMap((found) => {
      const key = `${found.class}:${found.oid}`;
      if (identities.isMember(key)) return [];
      const parts = [found.schema, found.name].filter((part) => part !== '');
      const id = objectId(`other:${found.what.replaceAll(' ', '-')}`, ...parts);
      identities.name(key, id);
      return [{ ...found, id }];
    }),
  };
  identities.link();
  return { identities, identitySequences, placed };
};

const byRelation = (columns: readonly row.ColumnRow[], identity: ReadonlyMap<string, row.SequenceRow>) => {
  const found = new Map<string, Column[]>();
  for (const column of columns) {
    const list = found.get(column.relation) ?? [];
    list.push(columnOf(column, identity.get(`${column.relation}.${column.name}`)));
    found.set(column.relation, list);
  }
  return (relation: string): readonly Column[] => found.get(relation) ?? [];
};

/** The schema an object lies in is something it uses, though pg_depend says so only for schemas that users made. */
const assemble = (version: number, rows: Rows): SchemaModel => {
  const { identities, identitySequences, placed } = placeAll(rows);
  const columnsOf = byRelation(rows.columns, identitySequences);
  const common = (found: Placed<row.Named>) => base(found, found.id, identities.usesOf(found.id));
  const hung = (
    found: Placed<row.Named> & { readonly table: string; readonly inherited: boolean },
    schema = found.schema,
  ) => ({
    ...common(found),
    table: { schema, table: found.table },
    inherited: found.inherited,
  });
  return {
    serverVersion: version,
    schemas: placed.schemas.map((found) => ({ kind: 'schema', ...common(found) })),
    extensions: placed.extensions.map((found) => ({ kind: 'extension', ...common(found), version: found.version })),
    availableExtensions: rows.availableExtensions.map(({ name }) => name),
    types: placed.types.map((found) => typeOf(found, found.id, columnsOf(found.relation), identities.usesOf(found.id))),
    sequences: placed.sequences.map((found) => ({
      kind: 'sequence',
      ...common(found),
      options: found.options,
      unlogged: found.unlogged,
      ownedBy:
        found.tableSchema !== null && found.tableName !== null && found.column !== null
          ? { table: { schema: found.tableSchema, table: found.tableName }, column: found.column }
          : null,
    })),
    tables: placed.tables.map((found) => tableOf(found, found.id, columnsOf(found.oid), identities.usesOf(found.id))),
    constraints: placed.constraints.map((found) => ({
      kind: 'constraint',
      ...hung(found),
      type: found.type,
      definition: withIndexOptions(found.definition, found.indexOptions),
      validated: found.validated,
      columns: found.columns,
      references: found.references,
      noInherit: found.noInherit,
    })),
    indexes: placed.indexes.map((found) => ({
      kind: 'index',
      ...hung(found),
      unique: found.unique,
      definition: found.definition,
      valid: found.valid,
      clustered: found.clustered,
    })),
    views: placed.views.map((found) => ({
      kind: 'view',
      ...common(found),
      materialized: found.materialized,
      columns: columnsOf(found.oid).map(({ name, type, comment }) => ({ name, type, comment })),
      definition: found.definition,
      options: found.options,
      populated: found.populated,
    })),
    routines: placed.routines.map((found) => ({
      kind: 'routine',
      ...common(found),
      form: found.form,
      arguments: found.arguments,
      language: found.language,
      trustedLanguage: found.trustedLanguage,
      definition: found.definition,
      securityDefiner: found.securityDefiner,
    })),
    triggers: placed.triggers.map((found) => ({
      kind: 'trigger',
      ...hung(found),
      definition: found.definition,
      enabled: found.enabled,
    })),
    rules: placed.rules.map((found) => ({
      kind: 'rule',
      ...hung(found),
      definition: found.definition,
      enabled: found.enabled,
    })),
    policies: placed.policies.map((found) => ({
      kind: 'policy',
      ...hung(found),
      permissive: found.permissive,
      command: found.command,
      roles: found.roles,
      using: found.using,
      check: found.check,
    })),
    statistics: placed.statistics.map((found) => ({
      kind: 'statistics',
      ...hung(found, found.tableSchema),
      definition: found.definition,
    })),
    others: placed.others.map((found) => ({
      kind: 'other',
      id: found.id,
      schema: found.schema,
      name: found.name,
      owner: '',
      comment: null,
      uses: identities.usesOf(found.id),
      what: found.what,
      databaseWide: found.databaseWide,
    })),
    grants: rows.grants.map(({ kind, schema, name, arguments: args, ...grant }) => ({
      object:
        kind === 'routine'
          ? routineId(schema, name, args ?? '')
          : kind === 'schema'
            ? objectId('schema', name)
            : objectId(kind, schema, name),
      ...grant,
    })),
    roles: rows.roles,
  };
};

export const inspectSchema = async (reader: Reader): Promise<SchemaModel> => {
  const [server] = await reader.query<{ version: number }>(
    `select current_setting('server_version_num')::int as version`,
  );
  const version = server?.version ?? 0;
  return assemble(version, await readAll(reader, version));
};

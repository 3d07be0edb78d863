/** Privileges of the carried objects, for roles that the target knows; owners' own rights are spelled out, for octank owns the copies. */
import { quoteIdent, quoteTable } from '../model/postgres-quote.ts';
import { type AnyObject, type Grant, type ObjectId, type SchemaModel, shownName, tableId } from '../model/schema.ts';
import type { Ddl } from './copy.ts';
import type { Finding } from './finding.ts';
import { qualifiedName } from './render-objects.ts';
import { nameOf } from './render-table.ts';
import type { RenderContext } from './statement.ts';

const grantTarget = (object: AnyObject, context: RenderContext): string | null => {
  switch (object.kind) {
    case 'schema':
      return `SCHEMA ${quoteIdent(object.name)}`;
    case 'table':
      return `TABLE ${quoteTable(context.place(nameOf(object)))}`;
    case 'view':
      return `TABLE ${qualifiedName(object)}`;
    case 'sequence':
      return `SEQUENCE ${qualifiedName(object)}`;
    case 'routine':
      return `ROUTINE ${qualifiedName(object)}(${object.arguments})`;
    case 'domain':
      return `DOMAIN ${qualifiedName(object)}`;
    case 'enum':
    case 'composite':
    case 'range':
      return `TYPE ${qualifiedName(object)}`;
    default:
      return null;
  }
};

const placedOf = (object: AnyObject, context: RenderContext): ObjectId =>
  object.kind === 'table' ? tableId(context.place(nameOf(object))) : object.id;

interface Held {
  readonly grantee: string | null;
  readonly grantable: boolean;
  readonly column: string | null;
  readonly privileges: readonly string[];
}

/** MAINTAIN came with 17: older targets have no such right. */
const exists = (privilege: string, version: number): boolean => privilege !== 'MAINTAIN' || version >= 170000;

const grouped = (grants: readonly Grant[], version: number): readonly Held[] => {
  const groups = new Map<string, Held>();
  for (const { grantee, grantable, column, privilege, asOwner } of grants) {
    if (!exists(privilege, version)) continue;
    // An owner may always grant on; on the target that takes the option, which PUBLIC cannot have.
    const option = (grantable || asOwner) && grantee !== null && !asOwner;
    const key = JSON.stringify([grantee, option, column]);
    const held = groups.get(key) ?? { grantee, grantable: option, column, privileges: [] };
    groups.set(key, { ...held, privileges: [...held.privileges, privilege].sort() });
  }
  return [...groups.values()];
};

const byObject = (grants: readonly Grant[]): ReadonlyMap<ObjectId, readonly Grant[]> => {
  const map = new Map<ObjectId, Grant[]>();
  for (const grant of grants) {
    const list = map.get(grant.object);
    if (list) list.push(grant);
    else map.set(grant.object, [grant]);
  }
  return map;
};

const holds = (grants: readonly Grant[], held: Held): boolean =>
  held.privileges.every((privilege) =>
    grants.some(
      (grant) =>
        grant.grantee === held.grantee &&
        grant.privilege === privilege &&
        (grant.column === held.column || grant.column === null) &&
        (grant.grantable || grant.asOwner || !held.grantable),
    ),
  );

const grantSql = (on: string, held: Held): string => {
  const column = held.column;
  const privileges = held.privileges.map((p) => (column === null ? p : `${p} (${quoteIdent(column)})`)).join(', ');
  const to = held.grantee === null ? 'PUBLIC' : quoteIdent(held.grantee);
  return `GRANT ${privileges} ON ${on} TO ${to}${held.grantable ? ' WITH GRANT OPTION' : ''}`;
};

/** PUBLIC may run new functions and use new types unless that is taken away, as the source did. */
const revokes = (
  object: AnyObject,
  on: string,
  source: readonly Grant[],
  target: readonly Grant[] | undefined,
): readonly Ddl[] => {
  const standard =
    object.kind === 'routine'
      ? 'EXECUTE'
      : ['enum', 'domain', 'composite', 'range'].includes(object.kind)
        ? 'USAGE'
        : null;
  if (standard === null || source.some((grant) => grant.grantee === null && grant.privilege === standard)) return [];
  return [
    {
      object: `revoke:${object.id}:public`,
      sql: `REVOKE ${standard} ON ${on} FROM PUBLIC`,
      present: target !== undefined && !target.some((grant) => grant.grantee === null && grant.privilege === standard),
    },
  ];
};

export const planGrants = (options: {
  readonly source: SchemaModel;
  readonly target: SchemaModel;
  readonly carried: readonly AnyObject[];
  readonly context: RenderContext;
}): { readonly grants: readonly Ddl[]; readonly findings: readonly Finding[] } => {
  const { source, target, carried, context } = options;
  const roles = new Set(target.roles.map((role) => role.name));
  const superusers = new Set(
    [...source.roles, ...target.roles].filter((role) => role.superuser).map(({ name }) => name),
  );
  const sourceGrants = byObject(source.grants);
  const targetGrants = byObject(target.grants);
  const grants: Ddl[] = [];
  const without = new Map<string, string[]>();
  const owners = new Map<string, string[]>();
  for (const object of carried) {
    const on = grantTarget(object, context);
    if (on === null) continue;
    const at = placedOf(object, context);
    const wanted = sourceGrants.get(object.id) ?? [];
    const given = targetGrants.get(at);
    grants.push(...revokes(object, on, wanted, given));
    for (const held of grouped(wanted, target.serverVersion)) {
      if (held.grantee !== null && !roles.has(held.grantee)) {
        without.set(held.grantee, [
          ...(without.get(held.grantee) ?? []),
          `${held.privileges.join(', ')} on ${shownName(object.id)}`,
        ]);
        continue;
      }
      // A superuser needs no grant, and `postgres` owns half of the world's schemas.
      if (
        held.grantee !== null &&
        superusers.has(held.grantee) &&
        wanted.some((g) => g.asOwner && g.grantee === held.grantee)
      )
        continue;
      grants.push({
        object: ['grant', at, held.column ?? '', held.grantee ?? 'public', held.grantable ? 'option' : '']
          .filter((p) => p !== '')
          .join(':'),
        sql: grantSql(on, held),
        present: given !== undefined && holds(given, held),
      });
    }
    if (object.kind === 'table' && roles.has(object.owner) && !superusers.has(object.owner))
      owners.set(object.owner, [...(owners.get(object.owner) ?? []), shownName(object.id)]);
  }
  return { grants, findings: [...absentRoles(without, source), ...ownerFindings(owners)] };
};

const absentRoles = (without: ReadonlyMap<string, readonly string[]>, source: SchemaModel): readonly Finding[] =>
  [...without].map(([role, lost]) => ({
    id: `role:${role}`,
    severity: source.roles.some((known) => known.name === role && known.superuser)
      ? ('info' as const)
      : ('warning' as const),
    summary: 'A role that holds privileges does not exist on the target.',
    detail: `${role}: ${lost.slice(0, 3).join('; ')}${lost.length > 3 ? `; and ${lost.length - 3} more` : ''}.`,
    hint: `If the application needs it, create it on the target before the cutover: CREATE ROLE ${quoteIdent(role)}; and plan again.`,
    acceptable: true,
  }));

/** octank must own the copies to fence them, so an application that was the owner keeps its rows but not its DDL. */
const ownerFindings = (owners: ReadonlyMap<string, readonly string[]>): readonly Finding[] =>
  [...owners].map(([role, tables]) => ({
    id: `owner:${role}`,
    severity: 'info' as const,
    summary: 'A role owns tables on the source and gets its privileges, not the ownership, on the target.',
    detail: `${role}: ${tables.length} tables, first ${tables[0]}.`,
    hint: `If it runs DDL, hand the tables over after the migration is finalized: ALTER TABLE ... OWNER TO ${quoteIdent(role)}.`,
    acceptable: true,
  }));

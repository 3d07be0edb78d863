/** Catalog queries for everything that is not a table: schemas, types, routines, grants, roles, dependencies, and what octank only names. */
import { userSchema } from './relation-queries.ts';

/** The server makes constructors and a cast for each range type; they come with it. */
const notInside = (catalog: string, oid: string): string => `not exists (select 1 from pg_depend i
  where i.classid = '${catalog}'::regclass and i.objid = ${oid} and i.deptype = 'i')`;

export const schemas = (): string => `
  select n.oid::text, n.nspname as schema, n.nspname as name, pg_get_userbyid(n.nspowner) as owner,
    obj_description(n.oid, 'pg_namespace') as comment
  from pg_namespace n where ${userSchema} order by n.nspname`;

export const extensions = (): string => `
  select e.oid::text, n.nspname as schema, e.extname as name, pg_get_userbyid(e.extowner) as owner,
    null as comment, e.extversion as version
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  where e.extname <> 'plpgsql' order by e.extname`;

export const availableExtensions = (): string => `select name from pg_available_extensions order by name`;

/** Enums, domains, composites and ranges; the row types of tables are the tables'. */
export const types = (version: number): string => `
  select t.oid::text, n.nspname as schema, t.typname as name, pg_get_userbyid(t.typowner) as owner,
    obj_description(t.oid, 'pg_type') as comment,
    case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' else 'range' end as kind,
    t.typrelid::text as relation, ${version >= 140000 ? 'r.rngmultitypid::text' : 'null'} as multirange,
    (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
    case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as "baseType",
    case when t.typtype = 'd' and t.typcollation <> b.typcollation then (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
      from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = t.typcollation) end as collation,
    t.typnotnull as "notNull", t.typdefault as default,
    coalesce((select json_agg(json_build_object('name', k.conname, 'validated', k.convalidated,
      'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')) order by k.conname)
      from pg_constraint k where k.contypid = t.oid and k.contype = 'c'), '[]') as constraints,
    case when r.rngtypid is not null then json_build_array('subtype = ' || format_type(r.rngsubtype, null),
      'subtype_opclass = ' || (select quote_ident(on_.nspname) || '.' || quote_ident(o.opcname)
        from pg_opclass o join pg_namespace on_ on on_.oid = o.opcnamespace where o.oid = r.rngsubopc)
      ${version >= 140000 ? `, 'multirange_type_name = ' || r.rngmultitypid::regtype::text` : ''}) end as "rangeBase",
    (select 'collation = ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
      from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = r.rngcollation) as "rangeCollation",
    case when r.rngsubdiff <> 0 then 'subtype_diff = ' || r.rngsubdiff::regproc::text end as "rangeDiff",
    coalesce(r.rngcanonical <> 0, false) as "hasCanonical"
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid left join pg_range r on r.rngtypid = t.oid
    left join pg_type b on b.oid = t.typbasetype
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c') and ${userSchema}
  order by n.nspname, t.typname`;

/** pg_get_functiondef refuses aggregates, so those are put together here; ordered-set and moving ones are among `others`. */
export const routines = (): string => `
  select p.oid::text, n.nspname as schema, p.proname as name, pg_get_userbyid(p.proowner) as owner,
    obj_description(p.oid, 'pg_proc') as comment,
    case p.prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'window' end as form,
    coalesce((select string_agg(format_type(u.type, null), ', ' order by u.position)
      from unnest(p.proargtypes) with ordinality u(type, position)), '') as arguments,
    l.lanname as language, l.lanpltrusted or l.lanname = 'sql' or p.prokind = 'a' as "trustedLanguage", p.prosecdef as "securityDefiner",
    case when p.prokind <> 'a' then pg_get_functiondef(p.oid)
      else format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s', n.nspname, p.proname,
          case when p.pronargs = 0 then '*' else pg_get_function_arguments(p.oid) end, g.aggtransfn::regproc, format_type(g.aggtranstype, null))
        || case when g.aggtransspace > 0 then ', SSPACE = ' || g.aggtransspace else '' end
        || case when g.aggfinalfn <> 0 then ', FINALFUNC = ' || g.aggfinalfn::regproc else '' end
        || case when g.aggfinalextra then ', FINALFUNC_EXTRA' else '' end
        || case when g.aggcombinefn <> 0 then ', COMBINEFUNC = ' || g.aggcombinefn::regproc else '' end
        || case when g.aggserialfn <> 0 then ', SERIALFUNC = ' || g.aggserialfn::regproc || ', DESERIALFUNC = ' || g.aggdeserialfn::regproc else '' end
        || case when g.agginitval is not null then ', INITCOND = ' || quote_literal(g.agginitval) else '' end
        || case when g.aggsortop <> 0 then ', SORTOP = ' || (select format('OPERATOR(%I.%s)', o_n.nspname, o.oprname)
             from pg_operator o join pg_namespace o_n on o_n.oid = o.oprnamespace where o.oid = g.aggsortop) else '' end
        || case p.proparallel when 's' then ', PARALLEL = SAFE' when 'r' then ', PARALLEL = RESTRICTED' else '' end || ')'
    end as definition
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    left join pg_aggregate g on g.aggfnoid = p.oid
  where ${userSchema} and (g.aggkind is null or g.aggkind = 'n' and g.aggmtransfn = 0) and ${notInside('pg_proc', 'p.oid')}
  order by n.nspname, p.proname, arguments`;

/** Which object a catalog row belongs to, where it is not one itself: defaults, view rules, row and array types, published tables. */
export const aliases = (version: number): string => `
  select 'pg_attrdef'::regclass::oid::text as class, d.oid::text, 'pg_class'::regclass::oid::text as "ownerClass", d.adrelid::text as owner
    from pg_attrdef d
  union all select 'pg_rewrite'::regclass::oid::text, r.oid::text, 'pg_class'::regclass::oid::text, r.ev_class::text
    from pg_rewrite r where r.rulename = '_RETURN' and r.oid >= 16384
  union all select 'pg_type'::regclass::oid::text, t.oid::text, 'pg_class'::regclass::oid::text, t.typrelid::text
    from pg_type t join pg_class c on c.oid = t.typrelid where t.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f')
  union all select 'pg_type'::regclass::oid::text, t.oid::text, 'pg_type'::regclass::oid::text, t.typelem::text
    from pg_type t where t.oid >= 16384 and t.typelem >= 16384 and t.typcategory = 'A'
  union all select 'pg_class'::regclass::oid::text, t.typrelid::text, 'pg_type'::regclass::oid::text, t.oid::text
    from pg_type t join pg_class c on c.oid = t.typrelid where t.oid >= 16384 and c.relkind = 'c'
  union all select 'pg_class'::regclass::oid::text, k.conindid::text, 'pg_constraint'::regclass::oid::text, k.oid::text
    from pg_constraint k where k.contype in ('p', 'u', 'x')
  union all select 'pg_constraint'::regclass::oid::text, k.oid::text, 'pg_type'::regclass::oid::text, k.contypid::text
    from pg_constraint k where k.contypid <> 0 and k.oid >= 16384
  union all select 'pg_publication_rel'::regclass::oid::text, p.oid::text, 'pg_publication'::regclass::oid::text, p.prpubid::text
    from pg_publication_rel p
  ${
    version >= 140000
      ? `union all select 'pg_type'::regclass::oid::text, r.rngmultitypid::text, 'pg_type'::regclass::oid::text, r.rngtypid::text
    from pg_range r where r.rngtypid >= 16384`
      : ''
  }`;

/** User objects have oids from 16384 on. `e` rows name the members of extensions, `i` rows what a range type brought along; other inner parts have aliases. */
export const dependencies = (): string => `
  select distinct classid::text as class, objid::text as oid, refclassid::text as "usedClass", refobjid::text as used, deptype::text as type
  from pg_depend
  where refobjid >= 16384 and objid >= 16384
    and (deptype <> 'i' or classid in ('pg_proc'::regclass, 'pg_cast'::regclass))
    and not (deptype = 'a' and classid = 'pg_attrdef'::regclass)
    and not (classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjsubid > 0 and deptype in ('a', 'i')
      and exists (select 1 from pg_sequence where seqrelid = objid))`;

/** Owner privileges that nobody wrote down are spelled out, because the owner on the target is another role. */
export const grants = (): string => `
  with acls as (
    select case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'view' else 'table' end as kind,
      n.nspname as schema, c.relname as name, null::text as arguments, null::text as column, c.relowner as owner,
      coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)) as acl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S') and c.relpersistence <> 't' and ${userSchema}
    union all
    select case when c.relkind in ('v', 'm') then 'view' else 'table' end, n.nspname, c.relname, null, a.attname, c.relowner, a.attacl
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where a.attacl is not null and c.relkind in ('r', 'p', 'v', 'm') and not a.attisdropped and ${userSchema}
    union all
    select 'schema', n.nspname, n.nspname, null, null, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_namespace n where ${userSchema}
    union all
    select 'routine', n.nspname, p.proname, coalesce((select string_agg(format_type(u.type, null), ', ' order by u.position)
      from unnest(p.proargtypes) with ordinality u(type, position)), ''), null, p.proowner,
      coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${userSchema} and ${notInside('pg_proc', 'p.oid')}
    union all
    select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite' else 'range' end,
      n.nspname, t.typname, null, null, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where (t.typtype in ('e', 'd', 'r') or c.relkind = 'c') and ${userSchema}
  )
  select a.kind, a.schema, a.name, a.arguments, a.column, r.rolname as grantee, x.privilege_type as privilege,
    x.is_grantable as grantable, x.grantee = a.owner as "asOwner"
  from acls a cross join lateral aclexplode(a.acl) x left join pg_roles r on r.oid = x.grantee
  where x.grantee = 0 or r.oid is not null
  order by 1, 2, 3, 4, 5, 6, 7`;

export const roles = (): string => `
  select rolname as name, rolcanlogin as "mayLogin", rolsuper as superuser from pg_roles order by rolname`;

const other = (what: string, catalog: string, prefix: string, joins = '', where = 'true', wide = false): string => `
  select '${catalog}'::regclass::oid::text as class, o.oid::text, '${what}' as what, n.nspname as schema, o.${prefix}name::text as name,
    ${wide} as "databaseWide"
  from ${catalog} o ${joins || `join pg_namespace n on n.oid = o.${prefix}namespace`} where o.oid >= 16384 and ${userSchema} and ${where}`;

const global = (what: string, catalog: string, name: string, where = 'true', wide = 'false'): string => `
  select '${catalog}'::regclass::oid::text, o.oid::text, '${what}', '', ${name}, ${wide}
  from ${catalog} o where o.oid >= 16384 and ${where}`;

export const others = (): string =>
  [
    other('foreign table', 'pg_class', 'rel', '', `o.relkind = 'f'`),
    other('collation', 'pg_collation', 'coll'),
    other('operator', 'pg_operator', 'opr'),
    other('operator class', 'pg_opclass', 'opc'),
    other('operator family', 'pg_opfamily', 'opf'),
    other('conversion', 'pg_conversion', 'con'),
    other('text search configuration', 'pg_ts_config', 'cfg'),
    other('text search dictionary', 'pg_ts_dict', 'dict'),
    other('text search parser', 'pg_ts_parser', 'prs'),
    other('text search template', 'pg_ts_template', 'tmpl'),
    // Array types share the letter b and are nothing of their own.
    other(
      'base type',
      'pg_type',
      'typ',
      '',
      `o.typtype in ('b', 'p') and not exists (select 1 from pg_type e where e.typarray = o.oid)`,
    ),
    other(
      'ordered-set or moving aggregate',
      'pg_proc',
      'pro',
      'join pg_namespace n on n.oid = o.pronamespace join pg_aggregate g on g.aggfnoid = o.oid',
      `(g.aggkind <> 'n' or g.aggmtransfn <> 0)`,
    ),
    global('event trigger', 'pg_event_trigger', 'o.evtname::text', `o.evtname !~ '^(octank|awsdms)_'`, 'true'),
    global('publication', 'pg_publication', 'o.pubname::text', `o.pubname !~ '^octank_'`, 'o.puballtables'),
    global('foreign server', 'pg_foreign_server', 'o.srvname::text'),
    global('procedural language', 'pg_language', 'o.lanname::text'),
    global('access method', 'pg_am', 'o.amname::text'),
    global(
      'cast',
      'pg_cast',
      `format('%s as %s', format_type(o.castsource, null), format_type(o.casttarget, null))`,
      notInside('pg_cast', 'o.oid'),
    ),
    global(
      'default privileges',
      'pg_default_acl',
      `format('%s of %s', case o.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end, pg_get_userbyid(o.defaclrole))`,
      'true',
      'true',
    ),
    `select '0', '0', 'subscription', '', subname::text, true from pg_subscription
       where subdbid = (select oid from pg_database where datname = current_database())`,
    `select '0', '0', 'large objects', '', count(*) || ' large objects', true from pg_largeobject_metadata having count(*) > 0`,
  ].join('\n  union all ');

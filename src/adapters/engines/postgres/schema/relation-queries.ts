/** Catalog queries for tables and what hangs on them; one per kind, so that a thousand tables cost as many round trips as one. */

/** `n` is the namespace; everything else is the system's or octank's own. */
export const userSchema = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'octank')`;

const enabled = (column: string): string =>
  `case ${column} when 'O' then 'origin' when 'D' then 'disabled' when 'R' then 'replica' else 'always' end`;

/** Text, because a JSON number loses digits past 2^53. */
const sequenceOptions = `json_build_object('type', format_type(s.seqtypid, null), 'start', s.seqstart::text,
  'increment', s.seqincrement::text, 'min', s.seqmin::text, 'max', s.seqmax::text, 'cache', s.seqcache::text, 'cycle', s.seqcycle)`;

export const tables = (): string => `
  select c.oid::text, n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(c.oid, 'pg_class') as comment,
    case c.relkind when 'p' then 'partitioned' else 'ordinary' end as form,
    c.relpersistence = 'u' as unlogged,
    case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as "partitionBy",
    case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end as bound,
    coalesce((select json_agg(json_build_object('schema', pn.nspname, 'table', p.relname) order by i.inhseqno)
      from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
      where i.inhrelid = c.oid), '[]') as parents,
    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as "ofType",
    coalesce(to_json(c.reloptions), '[]') as options,
    t.spcname as tablespace, nullif(a.amname, 'heap') as "accessMethod",
    c.relrowsecurity as "rowSecurity", c.relforcerowsecurity as "forceRowSecurity",
    case c.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index' else 'default' end as identity,
    (select ic.relname from pg_index x join pg_class ic on ic.oid = x.indexrelid
      where x.indrelid = c.oid and x.indisreplident) as "identityIndex"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_tablespace t on t.oid = c.reltablespace
    left join pg_am a on a.oid = c.relam
  where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${userSchema}
  order by n.nspname, c.relname`;

export const columns = (version: number): string =>
  `
  select a.attrelid::text as relation, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    case when a.attcollation <> t.typcollation then a.attcollation::regcollation_text end as collation,
    a.attnotnull as "notNull", pg_get_expr(d.adbin, d.adrelid) as default,
    ${version >= 120000 ? `case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end` : 'null'} as generated,
    case a.attidentity when 'a' then 'always' when 'd' then 'by-default' end as identity,
    a.attinhcount > 0 and not a.attislocal as inherited,
    case when a.attstorage <> t.typstorage then
      case a.attstorage when 'p' then 'PLAIN' when 'e' then 'EXTERNAL' when 'm' then 'MAIN' else 'EXTENDED' end end as storage,
    ${version >= 140000 ? `case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end` : 'null'} as compression,
    nullif(a.attstattarget, -1) as statistics, coalesce(to_json(a.attoptions), '[]') as options,
    col_description(a.attrelid, a.attnum) as comment
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relkind in ('r', 'p', 'v', 'm', 'c') and a.attnum > 0 and not a.attisdropped and ${userSchema}
  order by a.attrelid, a.attnum`.replace(
    'a.attcollation::regcollation_text',
    // regcollation exists from 13 on only.
    `(select quote_ident(cn.nspname) || '.' || quote_ident(co.collname) from pg_collation co
       join pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation)`,
  );

/** `use`: a sequence of its own, owned by a column, or the inside of an identity. */
export const sequences = (): string => `
  select c.oid::text, n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(c.oid, 'pg_class') as comment, c.relpersistence = 'u' as unlogged,
    ${sequenceOptions} as options, d.deptype = 'i' as "isIdentity", tn.nspname as "tableSchema", tc.relname as "tableName",
    a.attname as column, tc.oid::text as "tableOid"
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
      and d.refobjsubid > 0 and d.deptype in ('a', 'i')
    left join pg_class tc on tc.oid = d.refobjid left join pg_namespace tn on tn.oid = tc.relnamespace
    left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where c.relpersistence <> 't' and ${userSchema}
  order by n.nspname, c.relname`;

/** NOT NULL is a column's property; only those that do not hold for all rows yet stand alone (18 and later). */
export const constraints = (): string => `
  select k.oid::text, n.nspname as schema, k.conname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(k.oid, 'pg_constraint') as comment, c.relname as "table", k.conindid::text as "indexOid",
    case k.contype when 'p' then 'primary' when 'u' then 'unique' when 'x' then 'exclude' when 'f' then 'foreign'
      when 'n' then 'not-null' else 'check' end as type,
    regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') as definition, k.convalidated as validated,
    coalesce((select json_agg(a.attname order by u.position) from unnest(k.conkey) with ordinality u(attnum, position)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum), '[]') as columns,
    case when fc.oid is not null then json_build_object('schema', fn.nspname, 'table', fc.relname) end as "references",
    k.connoinherit as "noInherit", k.coninhcount > 0 or k.conparentid <> 0 as inherited,
    case when k.contype in ('p', 'u') then (select array_to_string(ic.reloptions, ', ') from pg_class ic where ic.oid = k.conindid) end
      as "indexOptions"
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_class fc on fc.oid = k.confrelid and k.contype = 'f' left join pg_namespace fn on fn.oid = fc.relnamespace
  where (k.contype in ('p', 'u', 'x', 'c', 'f') or k.contype = 'n' and not k.convalidated)
    and c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${userSchema}
  order by n.nspname, c.relname, k.conname`;

/** Indexes that no constraint made. */
export const indexes = (): string => `
  select ic.oid::text, n.nspname as schema, ic.relname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(ic.oid, 'pg_class') as comment, c.relname as "table", x.indisunique as unique, x.indisvalid as valid,
    x.indisclustered as clustered, ic.relispartition as inherited,
    substr(def, strpos(def, mark) + length(mark) - length('USING ')) as definition
  from pg_index x join pg_class ic on ic.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select pg_get_indexdef(x.indexrelid) as def, format(' %I.%I USING ', n.nspname, c.relname) as mark) d
  where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and ${userSchema}
    and not exists (select 1 from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
  order by n.nspname, c.relname, ic.relname`;

export const triggers = (version: number): string => `
  select t.oid::text, n.nspname as schema, t.tgname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(t.oid, 'pg_trigger') as comment, c.relname as "table", pg_get_triggerdef(t.oid) as definition,
    ${enabled('t.tgenabled')} as enabled, ${version >= 130000 ? 't.tgparentid <> 0' : 'false'} as inherited
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_proc p on p.oid = t.tgfoid join pg_namespace fn on fn.oid = p.pronamespace
  where not t.tgisinternal and ${userSchema} and fn.nspname <> 'octank' and t.tgname !~ '^octank_fence'
    and c.relpersistence <> 't'
  order by n.nspname, c.relname, t.tgname`;

export const rules = (): string => `
  select r.oid::text, n.nspname as schema, r.rulename as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(r.oid, 'pg_rewrite') as comment, c.relname as "table", false as inherited,
    pg_get_ruledef(r.oid) as definition, ${enabled('r.ev_enabled')} as enabled
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
  where r.rulename <> '_RETURN' and ${userSchema}
  order by n.nspname, c.relname, r.rulename`;

export const policies = (): string => `
  select p.oid::text, n.nspname as schema, p.polname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(p.oid, 'pg_policy') as comment, c.relname as "table", false as inherited, p.polpermissive as permissive,
    case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end as command,
    coalesce((select json_agg(r.rolname order by r.rolname) from pg_roles r where r.oid = any(p.polroles)), '[]') as roles,
    pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
  where ${userSchema}
  order by n.nspname, c.relname, p.polname`;

export const statistics = (): string => `
  select s.oid::text, sn.nspname as schema, s.stxname as name, pg_get_userbyid(s.stxowner) as owner,
    obj_description(s.oid, 'pg_statistic_ext') as comment, n.nspname as "tableSchema", c.relname as "table", false as inherited,
    pg_get_statisticsobjdef(s.oid) as definition
  from pg_statistic_ext s join pg_namespace sn on sn.oid = s.stxnamespace
    join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
  where ${userSchema}
  order by 2, 3`;

export const views = (): string => `
  select c.oid::text, n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner,
    obj_description(c.oid, 'pg_class') as comment, c.relkind = 'm' as materialized,
    rtrim(pg_get_viewdef(c.oid), ';') as definition, coalesce(to_json(c.reloptions), '[]') as options,
    c.relispopulated as populated
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and c.relpersistence <> 't' and ${userSchema}
  order by n.nspname, c.relname`;

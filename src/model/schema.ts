/** The schema of one database as plain data: what exists, how it is defined, and what each object uses. Read by inspection, compared and copied by src/schema. */
import type { TableName } from './table.ts';

/** `kind:name`, such as `table:shop.customer` or `routine:shop.total(integer)`; odd parts are quoted, so two objects never share one. */
export type ObjectId = string;

export interface SchemaObject {
  readonly id: ObjectId;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly comment: string | null;
  /** What must exist first; an extension stands for all of its members. Sorted. */
  readonly uses: readonly ObjectId[];
}

export interface Namespace extends SchemaObject {
  readonly kind: 'schema';
}

export interface Extension extends SchemaObject {
  readonly kind: 'extension';
  readonly version: string;
}

export interface EnumType extends SchemaObject {
  readonly kind: 'enum';
  readonly labels: readonly string[];
}

export interface DomainConstraint {
  readonly name: string;
  readonly definition: string;
  readonly validated: boolean;
}

export interface DomainType extends SchemaObject {
  readonly kind: 'domain';
  readonly baseType: string;
  readonly collation: string | null;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly constraints: readonly DomainConstraint[];
}

export interface CompositeType extends SchemaObject {
  readonly kind: 'composite';
  readonly attributes: readonly { readonly name: string; readonly type: string; readonly collation: string | null }[];
}

export interface RangeType extends SchemaObject {
  readonly kind: 'range';
  /** `subtype = integer`, ... ready for CREATE TYPE AS RANGE. */
  readonly options: readonly string[];
  /** A canonical function needs a shell type first; such a range is not carried. */
  readonly hasCanonical: boolean;
}

export type UserType = EnumType | DomainType | CompositeType | RangeType;

/** Numbers are text: they go up to 2^63. */
export interface SequenceOptions {
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly cache: string;
  readonly cycle: boolean;
}

export interface Sequence extends SchemaObject {
  readonly kind: 'sequence';
  readonly options: SequenceOptions;
  readonly unlogged: boolean;
  readonly ownedBy: { readonly table: TableName; readonly column: string } | null;
}

/** Storage, compression, statistics target and n_distinct, where they differ from the type's own. */
export interface ColumnSettings {
  readonly storage: string | null;
  readonly compression: string | null;
  readonly statistics: number | null;
  readonly options: readonly string[];
}

export interface Column {
  readonly name: string;
  /** As `format_type` writes it with an empty search_path. */
  readonly type: string;
  /** Only where it is not the type's own; quoted and qualified. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** Expression of a default or, with `generated`, of the generated value. */
  readonly default: string | null;
  readonly generated: 'stored' | 'virtual' | null;
  readonly identity: {
    readonly mode: 'always' | 'by-default';
    readonly sequence: TableName;
    readonly options: SequenceOptions;
  } | null;
  /** Comes from a parent (partition or inheritance) and is not declared again. */
  readonly inherited: boolean;
  readonly settings: ColumnSettings;
  readonly comment: string | null;
}

export interface Table extends SchemaObject {
  readonly kind: 'table';
  readonly form: 'ordinary' | 'partitioned';
  readonly unlogged: boolean;
  readonly columns: readonly Column[];
  /** `RANGE (created_at)`. */
  readonly partitionBy: string | null;
  /** `bound` is `FOR VALUES FROM ...` or `DEFAULT`. */
  readonly partitionOf: { readonly parent: TableName; readonly bound: string } | null;
  readonly inherits: readonly TableName[];
  /** The composite type of a typed table. */
  readonly ofType: string | null;
  readonly options: readonly string[];
  readonly tablespace: string | null;
  readonly accessMethod: string | null;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  readonly replicaIdentity:
    | { readonly kind: 'default' | 'full' | 'nothing' }
    | { readonly kind: 'index'; readonly index: string };
}

/** What hangs on a table. `inherited` ones come into being with the parent's and are never created alone. */
interface OnTable extends SchemaObject {
  readonly table: TableName;
  readonly inherited: boolean;
}

export interface Constraint extends OnTable {
  readonly kind: 'constraint';
  readonly type: 'primary' | 'unique' | 'exclude' | 'check' | 'foreign' | 'not-null';
  /** As `pg_get_constraintdef` writes it, without NOT VALID. */
  readonly definition: string;
  readonly validated: boolean;
  readonly columns: readonly string[];
  readonly references: TableName | null;
  readonly noInherit: boolean;
}

export interface Index extends OnTable {
  readonly kind: 'index';
  readonly unique: boolean;
  /** What follows the table: `USING btree (name) WHERE ...`. */
  readonly definition: string;
  readonly valid: boolean;
  readonly clustered: boolean;
}

export interface Trigger extends OnTable {
  readonly kind: 'trigger';
  readonly definition: string;
  readonly enabled: 'origin' | 'disabled' | 'replica' | 'always';
}

export interface Rule extends OnTable {
  readonly kind: 'rule';
  readonly definition: string;
  readonly enabled: 'origin' | 'disabled' | 'replica' | 'always';
}

export interface Policy extends OnTable {
  readonly kind: 'policy';
  readonly permissive: boolean;
  /** ALL, SELECT, INSERT, UPDATE, DELETE. */
  readonly command: string;
  /** Empty: PUBLIC. */
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

export interface StatisticsObject extends OnTable {
  readonly kind: 'statistics';
  readonly definition: string;
}

export interface View extends SchemaObject {
  readonly kind: 'view';
  readonly materialized: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string | null }[];
  readonly definition: string;
  readonly options: readonly string[];
  readonly populated: boolean;
}

export interface Routine extends SchemaObject {
  readonly kind: 'routine';
  readonly form: 'function' | 'procedure' | 'aggregate' | 'window';
  /** `integer, text`: together with the name, its identity. */
  readonly arguments: string;
  readonly language: string;
  /** Anyone with the right may create functions in it; C and internal need a superuser and files on the server. */
  readonly trustedLanguage: boolean;
  /** A complete CREATE OR REPLACE statement. */
  readonly definition: string;
  readonly securityDefiner: boolean;
}

/** What octank knows by name and does not carry: foreign tables, event triggers, publications, operators, casts, ... */
export interface OtherObject extends SchemaObject {
  readonly kind: 'other';
  /** In a person's words: `event trigger`, `foreign table`. */
  readonly what: string;
  /** Concerns every table of the database, not only what it uses. */
  readonly databaseWide: boolean;
}

export interface Grant {
  readonly object: ObjectId;
  readonly column: string | null;
  /** null: PUBLIC. */
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Held as the owner, without anyone having granted it. */
  readonly asOwner: boolean;
}

export interface Role {
  readonly name: string;
  readonly mayLogin: boolean;
  readonly superuser: boolean;
}

export interface SchemaModel {
  /** server_version_num, such as 150004. */
  readonly serverVersion: number;
  readonly schemas: readonly Namespace[];
  readonly extensions: readonly Extension[];
  /** Extensions whose files the server has, installed or not. */
  readonly availableExtensions: readonly string[];
  readonly types: readonly UserType[];
  readonly sequences: readonly Sequence[];
  readonly tables: readonly Table[];
  readonly constraints: readonly Constraint[];
  readonly indexes: readonly Index[];
  readonly views: readonly View[];
  readonly routines: readonly Routine[];
  readonly triggers: readonly Trigger[];
  readonly rules: readonly Rule[];
  readonly policies: readonly Policy[];
  readonly statistics: readonly StatisticsObject[];
  readonly others: readonly OtherObject[];
  readonly grants: readonly Grant[];
  readonly roles: readonly Role[];
}

/** Every object of a model, whatever its kind. */
export type AnyObject =
  | Namespace
  | Extension
  | UserType
  | Sequence
  | Table
  | Constraint
  | Index
  | View
  | Routine
  | Trigger
  | Rule
  | Policy
  | StatisticsObject
  | OtherObject;

export const allObjects = (model: SchemaModel): readonly AnyObject[] => [
  ...model.schemas,
  ...model.extensions,
  ...model.types,
  ...model.sequences,
  ...model.tables,
  ...model.constraints,
  ...model.indexes,
  ...model.views,
  ...model.routines,
  ...model.triggers,
  ...model.rules,
  ...model.policies,
  ...model.statistics,
  ...model.others,
];

export const emptySchema: SchemaModel = {
  serverVersion: 0,
  schemas: [],
  extensions: [],
  availableExtensions: [],
  types: [],
  sequences: [],
  tables: [],
  constraints: [],
  indexes: [],
  views: [],
  routines: [],
  triggers: [],
  rules: [],
  policies: [],
  statistics: [],
  others: [],
  grants: [],
  roles: [],
};

/** A name part as ids and findings show it: quoted only where it would be ambiguous. */
const shown = (part: string): string => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`);

export const objectId = (kind: string, ...parts: readonly string[]): ObjectId =>
  `${kind}:${parts.map(shown).join('.')}`;

export const tableId = ({ schema, table }: TableName): ObjectId => objectId('table', schema, table);

/** The id without its kind, for people. */
export const shownName = (id: ObjectId): string => id.slice(id.indexOf(':') + 1);

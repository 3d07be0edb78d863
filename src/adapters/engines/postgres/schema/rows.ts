/** What the catalog queries answer, row by row: the model's own fields where nothing has to be joined. */
import type {
  Column,
  Constraint,
  Grant,
  Index,
  Policy,
  Routine,
  Rule,
  SequenceOptions,
  StatisticsObject,
  Table,
  Trigger,
  UserType,
  View,
} from '../../../../model/schema.ts';
import type { TableName } from '../../../../model/table.ts';

export interface Named {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly comment: string | null;
}

type Own<T> = Omit<T, 'id' | 'uses' | 'kind' | 'table'> & { readonly oid: string };
type OnTable<T> = Own<T> & { readonly table: string };

export type ConstraintRow = OnTable<Constraint> & { readonly indexOptions: string | null };
export type IndexRow = OnTable<Index>;
export type TriggerRow = OnTable<Trigger>;
export type RuleRow = OnTable<Rule>;
export type PolicyRow = OnTable<Policy>;
export type StatisticsRow = OnTable<StatisticsObject> & { readonly tableSchema: string };
export type ViewRow = Omit<Own<View>, 'columns'>;
export type RoutineRow = Own<Routine>;

export interface TableRow extends Named {
  readonly form: Table['form'];
  readonly unlogged: boolean;
  readonly partitionBy: string | null;
  readonly bound: string | null;
  readonly parents: readonly TableName[];
  readonly ofType: string | null;
  readonly options: readonly string[];
  readonly tablespace: string | null;
  readonly accessMethod: string | null;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
  readonly identity: 'default' | 'full' | 'nothing' | 'index';
  readonly identityIndex: string | null;
}

export interface ColumnRow {
  readonly relation: string;
  readonly name: string;
  readonly type: string;
  readonly collation: string | null;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly generated: Column['generated'];
  readonly identity: 'always' | 'by-default' | null;
  readonly inherited: boolean;
  readonly storage: string | null;
  readonly compression: string | null;
  readonly statistics: number | null;
  readonly options: readonly string[];
  readonly comment: string | null;
}

export interface SequenceRow extends Named {
  readonly unlogged: boolean;
  readonly options: SequenceOptions;
  readonly isIdentity: boolean | null;
  readonly tableSchema: string | null;
  readonly tableName: string | null;
  readonly tableOid: string | null;
  readonly column: string | null;
}

export interface TypeRow extends Named {
  readonly kind: UserType['kind'];
  readonly relation: string;
  readonly labels: readonly string[] | null;
  readonly baseType: string | null;
  readonly collation: string | null;
  readonly notNull: boolean;
  readonly default: string | null;
  readonly constraints: Extract<UserType, { kind: 'domain' }>['constraints'];
  readonly rangeBase: readonly string[] | null;
  readonly rangeCollation: string | null;
  readonly rangeDiff: string | null;
  readonly hasCanonical: boolean;
}

export interface OtherRow {
  readonly class: string;
  readonly oid: string;
  readonly what: string;
  readonly schema: string;
  readonly name: string;
  readonly databaseWide: boolean;
}

export type GrantRow = Omit<Grant, 'object'> & {
  readonly kind: string;
  readonly schema: string;
  readonly name: string;
  readonly arguments: string | null;
};

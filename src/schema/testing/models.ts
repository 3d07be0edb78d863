/** Small models for tests: a table or view is a few words, everything else is the default. */
import {
  type Column,
  type Constraint,
  emptySchema,
  objectId,
  type Routine,
  type SchemaModel,
  type Sequence,
  type Table,
  type Trigger,
  tableId,
  type View,
} from '../../model/schema.ts';
import { parseTableKey } from '../../model/table.ts';

const named = (kind: string, key: string) => {
  const { schema, table: name } = parseTableKey(key);
  return { id: objectId(kind, schema, name), schema, name, owner: 'owner', comment: null, uses: [] as string[] };
};

export const column = (name: string, more: Partial<Column> = {}): Column => ({
  name,
  type: 'integer',
  collation: null,
  notNull: false,
  default: null,
  generated: null,
  identity: null,
  inherited: false,
  settings: { storage: null, compression: null, statistics: null, options: [] },
  comment: null,
  ...more,
});

export const table = (key: string, more: Partial<Table> = {}): Table => ({
  kind: 'table',
  ...named('table', key),
  form: 'ordinary',
  unlogged: false,
  columns: [column('id', { notNull: true })],
  partitionBy: null,
  partitionOf: null,
  inherits: [],
  ofType: null,
  options: [],
  tablespace: null,
  accessMethod: null,
  rowSecurity: false,
  forceRowSecurity: false,
  replicaIdentity: { kind: 'default' },
  ...more,
});

const hung = (kind: string, key: string, name: string) => {
  const on = parseTableKey(key);
  return {
    ...named(kind, key),
    id: objectId(kind, on.schema, on.table, name),
    name,
    table: on,
    inherited: false,
    uses: [tableId(on)],
  };
};

export const primaryKey = (key: string): Constraint => ({
  kind: 'constraint',
  ...hung('constraint', key, 'pk'),
  type: 'primary',
  definition: 'PRIMARY KEY (id)',
  validated: true,
  columns: ['id'],
  references: null,
  noInherit: true,
});

export const foreignKey = (from: string, to: string, more: Partial<Constraint> = {}): Constraint => {
  const references = parseTableKey(to);
  const base = hung('constraint', from, `to_${references.table}`);
  return {
    kind: 'constraint',
    ...base,
    uses: [tableId(base.table), tableId(references)],
    type: 'foreign',
    definition: `FOREIGN KEY (id) REFERENCES ${to}(id)`,
    validated: true,
    columns: ['id'],
    references,
    noInherit: true,
    ...more,
  };
};

export const routine = (key: string, body: string, more: Partial<Routine> = {}): Routine => {
  const base = named('routine', key);
  return {
    kind: 'routine',
    ...base,
    id: `${base.id}()`,
    form: 'function',
    arguments: '',
    language: 'plpgsql',
    trustedLanguage: true,
    definition: `CREATE OR REPLACE FUNCTION ${key}() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$`,
    securityDefiner: false,
    ...more,
  };
};

export const trigger = (key: string, functionKey: string, more: Partial<Trigger> = {}): Trigger => {
  const base = hung('trigger', key, 'trg');
  return {
    kind: 'trigger',
    ...base,
    uses: [...base.uses, `routine:${functionKey}()`],
    definition: `CREATE TRIGGER trg AFTER INSERT ON ${key} FOR EACH ROW EXECUTE FUNCTION ${functionKey}()`,
    enabled: 'origin',
    ...more,
  };
};

export const view = (key: string, uses: readonly string[], more: Partial<View> = {}): View => ({
  kind: 'view',
  ...named('view', key),
  uses,
  materialized: false,
  columns: [{ name: 'id', type: 'integer', comment: null }],
  definition: ` SELECT id FROM ${uses.map((id) => id.slice(id.indexOf(':') + 1)).join(', ')}`,
  options: [],
  populated: true,
  ...more,
});

export const sequence = (key: string, more: Partial<Sequence> = {}): Sequence => ({
  kind: 'sequence',
  ...named('sequence', key),
  options: { type: 'bigint', start: '1', increment: '1', min: '1', max: '100', cache: '1', cycle: false },
  unlogged: false,
  ownedBy: null,
  ...more,
});

/** A source with its schema `s`; the target of a copy is `emptyTarget`. */
export const model = (parts: Partial<SchemaModel>): SchemaModel => ({
  ...emptySchema,
  serverVersion: 180004,
  schemas: [{ kind: 'schema', ...named('schema', 's.s'), id: 'schema:s' }],
  ...parts,
});

export const emptyTarget: SchemaModel = { ...emptySchema, serverVersion: 180004 };

/** Who uses whom in a schema: the catalogs' dependencies, and what bodies of functions mention. */
import {
  type AnyObject,
  allObjects,
  type ObjectId,
  objectId,
  type Routine,
  type SchemaModel,
  tableId,
} from '../model/schema.ts';
import { type TableName, tableKey } from '../model/table.ts';
import { mentionsIn } from './mention.ts';

export interface Graph {
  readonly object: (id: ObjectId) => AnyObject | undefined;
  /** What the server itself requires to exist; decides the order. */
  readonly uses: (id: ObjectId) => readonly ObjectId[];
  /** `uses`, and what text mentions; decides what belongs together. */
  readonly reaches: (id: ObjectId) => readonly ObjectId[];
  readonly hungOn: (table: TableName) => readonly AnyObject[];
  readonly childrenOf: (table: TableName) => readonly TableName[];
  /** Everything from here down, itself included. `through` false: named, but not followed. */
  readonly closure: (from: readonly ObjectId[], through?: (id: ObjectId) => boolean) => ReadonlySet<ObjectId>;
}

const push = <T>(map: Map<string, T[]>, key: string, value: T): void => {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
};

/** Names without a schema mean the routine's own schema first, else any of that name. */
const resolver = (objects: readonly AnyObject[]) => {
  const byName = new Map<string, AnyObject[]>();
  for (const object of objects) push(byName, object.name, object);
  return ({ schema, table }: TableName, home: string): readonly ObjectId[] => {
    const named = byName.get(table) ?? [];
    if (schema) return named.filter((object) => object.schema === schema).map((object) => object.id);
    const near = named.filter((object) => object.schema === home);
    return (near.length > 0 ? near : named).map((object) => object.id);
  };
};

const textUses = (model: SchemaModel): ReadonlyMap<ObjectId, readonly ObjectId[]> => {
  const relations = resolver([...model.tables, ...model.views, ...model.sequences]);
  const routines = resolver(model.routines);
  const of = (routine: Routine): readonly ObjectId[] => {
    const mentions = mentionsIn(routine.definition);
    return [
      ...mentions.tables.flatMap((name) => relations(name, routine.schema)),
      ...mentions.calls.flatMap((name) => routines(name, routine.schema)),
    ].filter((id) => id !== routine.id);
  };
  return new Map(
    model.routines
      .filter((routine) => routine.form !== 'aggregate' && routine.language !== 'c' && routine.language !== 'internal')
      .map((routine) => [routine.id, [...new Set(of(routine))]]),
  );
};

export const graphOf = (model: SchemaModel): Graph => {
  const objects = allObjects(model);
  const byId = new Map(objects.map((object) => [object.id, object]));
  const hung = new Map<string, AnyObject[]>();
  const children = new Map<string, TableName[]>();
  for (const object of objects) if ('table' in object) push(hung, tableId(object.table), object);
  for (const table of model.tables) {
    const name = { schema: table.schema, table: table.name };
    if (table.partitionOf) push(children, tableKey(table.partitionOf.parent), name);
    for (const parent of table.inherits) push(children, tableKey(parent), name);
  }
  const text = textUses(model);
  const uses = (id: ObjectId): readonly ObjectId[] => {
    const object = byId.get(id);
    if (!object) return [];
    const home = objectId('schema', object.schema);
    // The catalogs leave out `public`: the server made it.
    return byId.has(home) && home !== id && !object.uses.includes(home) ? [home, ...object.uses] : object.uses;
  };
  const reaches = (id: ObjectId): readonly ObjectId[] => [...uses(id), ...(text.get(id) ?? [])];
  return {
    object: (id) => byId.get(id),
    uses,
    reaches,
    hungOn: (table) => hung.get(tableId(table)) ?? [],
    childrenOf: (table) => children.get(tableKey(table)) ?? [],
    closure: (from, through = () => true) => {
      const seen = new Set(from);
      const queue = [...from];
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        if (!through(id)) continue;
        for (const used of reaches(id)) {
          if (seen.has(used)) continue;
          seen.add(used);
          queue.push(used);
        }
      }
      return seen;
    },
  };
};

/** Edges between a wave's tables and the rest: what would tie two databases together, or break, once they part. Pure. */
import { type AnyObject, type ObjectId, objectId, type SchemaModel, shownName, tableId } from '../model/schema.ts';
import type { TableName } from '../model/table.ts';
import { type Graph, graphOf } from './graph.ts';
import { edgeId, withPartitions } from './select.ts';

export interface CrossingEdge {
  /** `fk:schema.table.constraint`, `trigger:...`, `view:...`, `routine:...`, `sequence:...`, `partition:...`. */
  readonly id: string;
  readonly detail: string;
}

interface Sides {
  readonly own: readonly ObjectId[];
  readonly other: readonly ObjectId[];
}

const isTable = (id: ObjectId): boolean => id.startsWith('table:');

const sidesOf = (id: ObjectId, graph: Graph, own: ReadonlySet<ObjectId>, also: readonly ObjectId[] = []): Sides => {
  const seen = [...graph.closure([id], (at) => !isTable(at)), ...also].filter(isTable);
  const tables = [...new Set(seen)].sort();
  return { own: tables.filter((table) => own.has(table)), other: tables.filter((table) => !own.has(table)) };
};

const names = (ids: readonly ObjectId[]): string =>
  ids.length <= 3
    ? ids.map(shownName).join(', ')
    : `${ids.slice(0, 3).map(shownName).join(', ')} and ${ids.length - 3} more`;

const foreignKeys = (model: SchemaModel, own: ReadonlySet<ObjectId>): readonly CrossingEdge[] =>
  model.constraints.flatMap((constraint) => {
    if (!constraint.references || constraint.inherited) return [];
    const from = tableId(constraint.table);
    const to = tableId(constraint.references);
    if (own.has(from) === own.has(to)) return [];
    return [
      {
        id: edgeId(constraint),
        detail: `${shownName(from)} references ${shownName(to)}, ${own.has(from) ? 'which is outside the wave' : 'which moves away from it'}`,
      },
    ];
  });

const both = (
  objects: readonly AnyObject[],
  graph: Graph,
  own: ReadonlySet<ObjectId>,
  verb: string,
): readonly CrossingEdge[] =>
  objects.flatMap((object) => {
    const sides = sidesOf(object.id, graph, own);
    return sides.own.length > 0 && sides.other.length > 0
      ? [{ id: edgeId(object), detail: `${verb} ${names(sides.own)} of the wave and ${names(sides.other)} outside` }]
      : [];
  });

/** A sequence that feeds both sides would hand out the same number twice after the cutover. */
const sharedSequences = (model: SchemaModel, own: ReadonlySet<ObjectId>): readonly CrossingEdge[] =>
  model.sequences.flatMap((sequence) => {
    const users = model.tables.filter((table) => table.uses.includes(sequence.id)).map((table) => table.id);
    const all = [...new Set([...users, ...(sequence.ownedBy ? [tableId(sequence.ownedBy.table)] : [])])];
    const mine = all.filter((id) => own.has(id));
    const others = all.filter((id) => !own.has(id));
    return mine.length > 0 && others.length > 0
      ? [{ id: sequence.id, detail: `feeds ${names(mine)} of the wave and ${names(others)} outside` }]
      : [];
  });

const families = (model: SchemaModel, own: ReadonlySet<ObjectId>): readonly CrossingEdge[] =>
  model.tables.flatMap((table) => {
    const parents = table.partitionOf ? [table.partitionOf.parent] : table.inherits;
    return parents
      .filter((parent) => own.has(tableId(parent)) !== own.has(table.id))
      .map((parent) => ({
        id: objectId(table.partitionOf ? 'partition' : 'inheritance', table.schema, table.name),
        detail: `${shownName(table.id)} is part of ${shownName(tableId(parent))}, and only one of them is in the wave`,
      }));
  });

export const crossingEdges = (model: SchemaModel, ownTables: readonly TableName[]): readonly CrossingEdge[] => {
  const graph = graphOf(model);
  const own = withPartitions(model, graph, ownTables);
  // A trigger is known by its own name; that its function touches both sides is the same edge.
  const triggerFunctions = new Set(model.triggers.flatMap((trigger) => trigger.uses));
  const routines = model.routines.filter((routine) => !triggerFunctions.has(routine.id));
  const hung = [...model.triggers, ...model.rules, ...model.policies].filter((object) => !object.inherited);
  return [
    ...foreignKeys(model, own),
    ...both(hung, graph, own, 'ties'),
    ...both(model.views, graph, own, 'reads'),
    ...both(routines, graph, own, 'mentions'),
    ...sharedSequences(model, own),
    ...families(model, own),
  ];
};

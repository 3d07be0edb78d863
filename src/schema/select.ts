/** Which objects of the source travel with a wave's tables, and, for each that concerns them and does not, why. */
import {
  type AnyObject,
  allObjects,
  type ObjectId,
  objectId,
  type SchemaModel,
  shownName,
  tableId,
} from '../model/schema.ts';
import { type TableName, tableKey } from '../model/table.ts';
import type { Finding } from './finding.ts';
import { type Graph, graphOf } from './graph.ts';

export interface Selection {
  readonly graph: Graph;
  readonly tables: ReadonlySet<ObjectId>;
  readonly carried: readonly AnyObject[];
  /** Must stand before the first row: what the tables themselves are made of. */
  readonly foundations: ReadonlySet<ObjectId>;
  readonly findings: readonly Finding[];
}

/** A plan accepts an edge by this name. */
export const edgeId = (object: AnyObject): string =>
  object.kind === 'constraint' && object.type === 'foreign' ? `fk:${shownName(object.id)}` : object.id;

const isRelation = (id: ObjectId): boolean => id.startsWith('table:');

/** The wave's tables and, below selected parents, their partitions. */
export const withPartitions = (
  model: SchemaModel,
  graph: Graph,
  tables: readonly TableName[],
): ReadonlySet<ObjectId> => {
  const partitions = new Set(model.tables.filter((table) => table.partitionOf).map((table) => table.id));
  const known = new Set<ObjectId>();
  const queue = tables.filter((name) => graph.object(tableId(name)));
  for (let name = queue.pop(); name; name = queue.pop()) {
    if (known.has(tableId(name))) continue;
    known.add(tableId(name));
    queue.push(...graph.childrenOf(name).filter((child) => partitions.has(tableId(child))));
  }
  return known;
};

/** Why an object cannot be made on the target; the reason with the plainest name wins. */
interface Obstacle {
  readonly kind: 'outside' | 'unsupported' | 'renamed';
  readonly what: string;
}

interface Ground {
  readonly source: SchemaModel;
  readonly target: SchemaModel;
  readonly graph: Graph;
  readonly tables: ReadonlySet<ObjectId>;
  readonly renamed: ReadonlySet<ObjectId>;
}

const unsupported = (object: AnyObject, target: SchemaModel): string | null => {
  if (object.kind === 'other') return `${object.what} ${shownName(object.id).replace(/^[^:]*:/, '')}`;
  if (object.kind === 'range' && object.hasCanonical)
    return `range type ${shownName(object.id)} with a canonical function`;
  if (object.kind === 'routine' && !object.trustedLanguage)
    return `function ${shownName(object.id)} in the language ${object.language}`;
  if (
    object.kind === 'extension' &&
    !target.availableExtensions.includes(object.name) &&
    !target.extensions.some((extension) => extension.name === object.name)
  )
    return `extension ${object.name}, which the target does not have`;
  return null;
};

/** Kinds whose text names tables in a way that only a parser could rename. */
const isText = (object: AnyObject): boolean => ['view', 'routine', 'rule', 'policy'].includes(object.kind);

const obstaclesOf = (id: ObjectId, ground: Ground): readonly Obstacle[] => {
  const found: Obstacle[] = [];
  const closure = ground.graph.closure([id], (at) => at === id || !isRelation(at));
  for (const at of closure) {
    const object = ground.graph.object(at);
    if (!object) continue;
    if (isRelation(at) && !ground.tables.has(at)) found.push({ kind: 'outside', what: `table ${shownName(at)}` });
    const why = unsupported(object, ground.target);
    if (why) found.push({ kind: 'unsupported', what: why });
    const own = 'table' in object ? tableId(object.table) : '';
    const names = (used: ObjectId): boolean => ground.renamed.has(used) && (used !== own || object.kind === 'rule');
    if (
      isText(object) &&
      ground.graph.reaches(at).some(names) &&
      !(object.kind === 'rule' && hangsOnly(object, ground))
    )
      found.push({ kind: 'renamed', what: `${object.kind} ${shownName(at)}` });
  }
  return found;
};

/** A rule that names its own table only: the one place that rendering rewrites. */
const hangsOnly = (rule: AnyObject & { readonly kind: 'rule' }, ground: Ground): boolean =>
  ground.graph.uses(rule.id).every((used) => !ground.renamed.has(used) || used === tableId(rule.table)) &&
  rule.definition.split(rule.table.table).length === 2;

const listed = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;

const words: Record<Obstacle['kind'], { readonly summary: string; readonly hint: string }> = {
  outside: {
    summary: 'An object ties tables of the wave to tables outside it and is not carried.',
    hint: 'Move both in one wave, or create it on the target by hand after the cutover.',
  },
  unsupported: {
    summary: 'An object rests on something that octank does not carry.',
    hint: 'Create what it rests on on the target, and the object itself, by hand; or leave it out knowingly by accepting this finding.',
  },
  renamed: {
    summary: 'An object names a renamed table in text that octank does not rewrite.',
    hint: 'Create it on the target by hand with the new name and accept this finding.',
  },
};

const notCarried = (object: AnyObject, obstacles: readonly Obstacle[], isLoose = false): Finding => {
  const kind =
    (['unsupported', 'renamed', 'outside'] as const).find((k) => obstacles.some((o) => o.kind === k)) ?? 'outside';
  const reasons = [...new Set(obstacles.filter((o) => o.kind === kind).map((o) => o.what))].sort();
  return {
    id: edgeId(object),
    // What lies outside is a crossing edge, which has its own check and its own acceptance.
    severity: kind === 'outside' ? 'info' : isLoose ? 'warning' : 'error',
    summary: words[kind].summary,
    detail: `${object.kind} ${shownName(object.id)}: ${listed(reasons)}.`,
    hint: words[kind].hint,
    acceptable: true,
  };
};

/** A table that needs what is not carried cannot be made at all. */
const tableFindings = (table: AnyObject, ground: Ground): readonly Finding[] => {
  const hard = ground.graph.uses(table.id).flatMap((used): readonly Obstacle[] => {
    if (isRelation(used)) return ground.tables.has(used) ? [] : [{ kind: 'outside', what: `table ${shownName(used)}` }];
    return obstaclesOf(used, ground).filter((obstacle) => obstacle.kind === 'unsupported');
  });
  if (hard.length === 0) return [];
  return [
    {
      id: table.id,
      severity: 'error',
      summary: 'A table is made of something that is not carried.',
      detail: `${shownName(table.id)}: ${listed([...new Set(hard.map((o) => o.what))].sort())}.`,
      hint: 'Take the missing table into the wave, create what is missing on the target, or exclude the table.',
      acceptable: false,
    },
  ];
};

/** Views and routines that see the wave's tables, however deep, without being needed by them. */
const onlookers = (ground: Ground): readonly AnyObject[] =>
  [...ground.source.views, ...ground.source.routines].filter((object) =>
    [...ground.graph.closure([object.id], (id) => id === object.id || !isRelation(id))].some((id) =>
      ground.tables.has(id),
    ),
  );

/** Objects that neither need nor see any table: an application may call them all the same. */
const looseObjects = (ground: Ground): readonly AnyObject[] =>
  [...ground.source.types, ...ground.source.sequences, ...ground.source.views, ...ground.source.routines].filter(
    (object) => ![...ground.graph.closure([object.id])].some(isRelation),
  );

/** A schema that moves whole takes its loose objects along; of one that is split they could belong to either half. */
const movesWhole = (schema: string, ground: Ground): boolean => {
  const tables = ground.source.tables.filter((table) => table.schema === schema);
  return tables.length > 0 && tables.every((table) => ground.tables.has(table.id));
};

const leftLoose = (objects: readonly AnyObject[], ground: Ground): readonly Finding[] => {
  const moving = new Set([...ground.tables].map((id) => ground.graph.object(id)?.schema));
  const schemas = new Set(objects.map((object) => object.schema));
  return [...schemas]
    .filter((schema) => moving.has(schema))
    .map((schema) => ({
      id: objectId('loose', schema),
      severity: 'info',
      summary: 'Objects that no table of the wave uses stay behind.',
      detail: `${listed(objects.filter((object) => object.schema === schema).map((object) => object.id))}.`,
      hint: 'They travel when all tables of their schema are in one wave; otherwise create them by hand if the application calls them.',
      acceptable: true,
    }));
};

const otherFindings = (ground: Ground, carried: ReadonlySet<ObjectId>): readonly Finding[] =>
  ground.source.others
    .filter(
      (object) =>
        object.databaseWide ||
        movesWhole(object.schema, ground) ||
        object.uses.some(
          (id) =>
            ground.tables.has(id) || (carried.has(id) && !id.startsWith('schema:') && !id.startsWith('extension:')),
        ),
    )
    .map((object) => ({
      id: object.id,
      severity: 'warning',
      summary: 'An object that concerns the wave is not carried.',
      detail: `${object.what} ${object.name}.`,
      hint: 'Create it on the target by hand if the application needs it.',
      acceptable: true,
    }));

const absent = (model: SchemaModel, tables: readonly TableName[]): readonly Finding[] => {
  const known = new Set(model.tables.map((table) => table.id));
  return tables
    .filter((name) => !known.has(tableId(name)))
    .map((name) => ({
      id: tableId(name),
      severity: 'error' as const,
      summary: 'A table of the wave is not on the source.',
      detail: tableKey(name),
      hint: 'Correct tables.include.',
      acceptable: false,
    }));
};

/** Sequences that a wave's table owns belong to it, used or not. */
const ownedSequences = (ground: Ground): readonly ObjectId[] =>
  ground.source.sequences
    .filter((sequence) => sequence.ownedBy && ground.tables.has(tableId(sequence.ownedBy.table)))
    .map((sequence) => sequence.id);

export const selectObjects = (options: {
  readonly source: SchemaModel;
  readonly target: SchemaModel;
  readonly tables: readonly TableName[];
  readonly renamed: readonly TableName[];
}): Selection => {
  const graph = graphOf(options.source);
  const tables = withPartitions(options.source, graph, options.tables);
  const ground: Ground = {
    source: options.source,
    target: options.target,
    graph,
    tables,
    renamed: new Set(options.renamed.map(tableId)),
  };
  const findings: Finding[] = [...absent(options.source, options.tables)];
  const carried = new Set<ObjectId>();
  const through = (id: ObjectId): boolean => !isRelation(id) || tables.has(id);
  const take = (ids: Iterable<ObjectId>): void => {
    for (const id of ids) {
      const object = graph.object(id);
      const fits = object && (!isRelation(id) || tables.has(id)) && !unsupported(object, options.target);
      if (fits) carried.add(id);
    }
  };
  const offer = (object: AnyObject, isLoose = false): void => {
    const obstacles = obstaclesOf(object.id, ground);
    if (obstacles.length > 0) findings.push(notCarried(object, obstacles, isLoose));
    else take(graph.closure([object.id], through));
  };

  const names = options.source.tables.filter((table) => tables.has(table.id));
  const hung = names.flatMap((table) => graph.hungOn({ schema: table.schema, table: table.name }));
  const keys = hung.filter((object) => object.kind === 'constraint' && object.type === 'primary' && !object.inherited);
  const foundations = graph.closure([...tables, ...ownedSequences(ground), ...keys.map(({ id }) => id)], through);
  for (const table of names) findings.push(...tableFindings(table, ground));
  take(foundations);
  // Inherited ones come into being with the parent's.
  for (const object of hung) if (!('inherited' in object && object.inherited)) offer(object);
  for (const object of onlookers(ground)) if (!carried.has(object.id)) offer(object);
  // Indexes of materialized views hang on a view.
  for (const view of options.source.views)
    if (carried.has(view.id))
      for (const object of graph.hungOn({ schema: view.schema, table: view.name })) offer(object);
  for (const id of foundations) {
    const object = graph.object(id);
    if (object?.kind !== 'routine' || carried.has(id)) continue;
    const obstacles = obstaclesOf(id, ground);
    if (obstacles.length > 0) findings.push(notCarried(object, obstacles));
  }
  // What hangs on tables that stay and reaches into the wave: keys that point at it, triggers that write it.
  for (const object of allObjects(options.source)) {
    if (!('table' in object) || object.inherited || tables.has(tableId(object.table)) || carried.has(object.id))
      continue;
    const reached = graph.closure([object.id], (id) => !isRelation(id));
    if ([...reached].some((id) => tables.has(id))) findings.push(notCarried(object, obstaclesOf(object.id, ground)));
  }
  const loose = looseObjects(ground).filter((object) => !carried.has(object.id));
  for (const object of loose) if (movesWhole(object.schema, ground)) offer(object, true);
  findings.push(
    ...leftLoose(
      loose.filter((object) => !movesWhole(object.schema, ground)),
      ground,
    ),
  );
  findings.push(...otherFindings(ground, carried));
  return {
    graph,
    tables,
    foundations,
    carried: allObjects(options.source).filter((object) => carried.has(object.id)),
    findings,
  };
};

export const targetSchemaId = (name: TableName): ObjectId => objectId('schema', name.schema);

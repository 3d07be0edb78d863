/** Words of the plan language that this octank understands and does not perform: refused by name, never as a typo. */
import type { Path } from './yaml-source.ts';

interface Later {
  /** `*` stands for each item of a list or each member of a map. */
  readonly path: readonly string[];
  readonly words: readonly string[] | 'any';
  readonly instead: string;
  /** What validation reads in its place, so that one refused word does not hide other problems; null: nothing. */
  readonly readAs: string | null;
}

const later: readonly Later[] = [
  {
    path: ['infrastructure'],
    words: 'any',
    instead: 'Create the stacks beforehand with CloudFormation, then leave infrastructure out.',
    readAs: null,
  },
  {
    path: ['state', 'dynamodb'],
    words: 'any',
    instead: 'Write state: { backend: local } and keep the state folder safe.',
    readAs: null,
  },
  {
    path: ['state', 'backend'],
    words: ['dynamodb'],
    instead: 'Write state: { backend: local } and keep the state folder safe.',
    readAs: 'local',
  },
  {
    path: ['aws', 'accounts'],
    words: 'any',
    instead: 'Run one plan per account, with aws.profile or aws.assumeRole.',
    readAs: null,
  },
  {
    path: ['databases', '*', 'engine'],
    words: ['mysql', 'mariadb', 'aurora-mysql', 'dynamodb', 'oracle', 'sqlserver', 'redis'],
    instead: 'Write postgres or aurora-postgresql; other engines do not move yet.',
    readAs: 'postgres',
  },
  {
    path: ['waves', '*', 'order'],
    words: ['application-first', 'together'],
    instead: 'Write order: database-first, and move traffic after the wave.',
    readAs: 'database-first',
  },
  {
    path: ['waves', '*', 'schema', 'convert'],
    words: ['convert', 'files', 'dms-schema-conversion'],
    instead: 'Write convert: copy; both sides then have the same schema.',
    readAs: 'copy',
  },
  {
    path: ['waves', '*', 'replication', 'use'],
    words: ['dms-serverless'],
    instead: 'Write use: dms and name a replication instance.',
    readAs: 'dms',
  },
  {
    path: ['waves', '*', 'tables', 'filters'],
    words: 'any',
    instead: 'Move whole tables: leave filters out.',
    readAs: null,
  },
];

export interface NotBuilt {
  readonly path: Path;
  readonly instead: string;
}

const isContainer = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const visitPlaces = (
  value: unknown,
  segments: readonly string[],
  visit: (parent: Record<string, unknown>, key: string, path: Path) => void,
  path: Path = [],
): void => {
  const [segment, ...rest] = segments;
  if (!isContainer(value) || segment === undefined) return;
  const keys = segment === '*' ? Object.keys(value) : Object.hasOwn(value, segment) ? [segment] : [];
  for (const key of keys) {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    if (rest.length === 0) visit(value, key, here);
    else visitPlaces(value[key], rest, visit, here);
  }
};

/** Takes those words out of a copy of `value`, and says where they stood. */
export const setAside = (value: unknown): { readonly rest: unknown; readonly notBuilt: readonly NotBuilt[] } => {
  const rest = structuredClone(value);
  const notBuilt: NotBuilt[] = [];
  for (const { path, words, instead, readAs } of later)
    visitPlaces(rest, path, (parent, key, at) => {
      const word = parent[key];
      if (words !== 'any' && !(typeof word === 'string' && words.includes(word))) return;
      notBuilt.push({ path: at, instead });
      if (readAs === null) delete parent[key];
      else parent[key] = readAs;
    });
  return { rest, notBuilt };
};

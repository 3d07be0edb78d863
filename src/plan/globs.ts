/** Table patterns: `schema.table` with `*` and `?`; matching against real names, and comparing patterns with each other. */

/**
 * The first dot separates schema from table, as in `tableKey`. A pattern without a dot means the schema `public`, as the
 * name would in SQL. Wildcards do not cross that dot. Names are compared as the catalog spells them, upper and lower case
 * being different; a schema whose own name has a dot cannot be written.
 */
const parts = (pattern: string): readonly [schema: string, table: string] => {
  const dot = pattern.indexOf('.');
  return dot < 0 ? ['public', pattern] : [pattern.slice(0, dot), pattern.slice(dot + 1)];
};

type Fits = (i: number, j: number) => boolean;

/** Remembers answers per pair of places: patterns with many stars would otherwise take exponential time. */
const remembered = (width: number, answer: (i: number, j: number, again: Fits) => boolean): Fits => {
  const known = new Map<number, boolean>();
  const ask: Fits = (i, j) => {
    const key = i * width + j;
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = answer(i, j, ask);
    known.set(key, value);
    return value;
  };
  return ask;
};

/** Every text that `narrow` stands for is also matched by `wide`. A name without wildcards stands for itself. */
const segmentCovers = (wide: string, narrow: string): boolean =>
  remembered(narrow.length + 1, (i, j, fits) => {
    if (i === wide.length) return j === narrow.length;
    if (wide[i] === '*') return fits(i + 1, j) || (j < narrow.length && fits(i, j + 1));
    if (j === narrow.length || narrow[j] === '*') return false;
    return (wide[i] === '?' || wide[i] === narrow[j]) && fits(i + 1, j + 1);
  })(0, 0);

const segmentsMeet = (a: string, b: string): boolean =>
  remembered(b.length + 1, (i, j, fits) => {
    if (i === a.length && j === b.length) return true;
    if (a[i] === '*') return fits(i + 1, j) || (j < b.length && fits(i, j + 1));
    if (b[j] === '*') return fits(i, j + 1) || (i < a.length && fits(i + 1, j));
    if (i === a.length || j === b.length) return false;
    return (a[i] === '?' || b[j] === '?' || a[i] === b[j]) && fits(i + 1, j + 1);
  })(0, 0);

const both = (test: (a: string, b: string) => boolean) => (a: string, b: string) => {
  const [aSchema, aTable] = parts(a);
  const [bSchema, bTable] = parts(b);
  return test(aSchema, bSchema) && test(aTable, bTable);
};

/** `wide` matches all that `narrow` matches. */
export const covers = both(segmentCovers);

/** Some name is matched by both patterns. */
export const meet = both(segmentsMeet);

/** Goes back to the last star only, so that no pattern costs more than its length times the name's. Regular expressions would. */
const segmentMatches = (pattern: readonly string[], text: readonly string[]): boolean => {
  let [p, t] = [0, 0];
  let star = -1;
  let starAt = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      starAt = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      starAt += 1;
      p = star + 1;
      t = starAt;
    } else return false;
  }
  return pattern.slice(p).every((sign) => sign === '*');
};

const matcher = (pattern: string): ((name: string) => boolean) => {
  const [schema, table] = parts(pattern).map((part) => [...part]);
  return (name) => {
    const [itsSchema, itsTable] = parts(name).map((part) => [...part]);
    return segmentMatches(schema ?? [], itsSchema ?? []) && segmentMatches(table ?? [], itsTable ?? []);
  };
};

export interface MatchedTables {
  /** In the order of `names`. */
  readonly matched: string[];
  /** Include and exclude patterns that match no name at all: a mistyped exclude would move a table nobody meant to move. */
  readonly unmatchedPatterns: string[];
}

export const matchTables = (
  include: readonly string[],
  exclude: readonly string[],
  names: readonly string[],
): MatchedTables => {
  const compile = (patterns: readonly string[]) =>
    patterns.map((pattern) => ({ pattern, matches: matcher(pattern), used: false }));
  const included = compile(include);
  const excluded = compile(exclude);
  const hits = (compiled: ReturnType<typeof compile>, name: string): boolean => {
    const hit = compiled.filter(({ matches }) => matches(name));
    for (const entry of hit) entry.used = true;
    return hit.length > 0;
  };
  const matched = names.filter((name) => {
    const isIncluded = hits(included, name);
    const isExcluded = hits(excluded, name);
    return isIncluded && !isExcluded;
  });
  return {
    matched,
    unmatchedPatterns: [...included, ...excluded].filter(({ used }) => !used).map(({ pattern }) => pattern),
  };
};

/** YAML text as a plain value that still knows where each part of it was written. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Diagnostic, SourceRange } from '../model/diagnostic.ts';

export type Path = readonly PropertyKey[];

export interface YamlSource {
  /** Undefined when the text could not be read so far that its values mean anything. */
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  /** Where a value is written; what is not written is placed where it would belong. */
  readonly at: (path: Path) => SourceRange;
  /** Where a key is written. */
  readonly keyAt: (path: Path) => SourceRange;
  /** Every scalar, keys included, with the key it stands under. */
  readonly scalars: () => readonly { readonly key: string; readonly text: string; readonly range: SourceRange }[];
  readonly rangeOf: (start: number, end: number) => SourceRange;
}

/** Larger texts, deeper nests and more aliases than any plan has are refused, so that a small file cannot cost gigabytes. */
const limits = { bytes: 1024 * 1024, depth: 64, aliasCount: 100 } as const;

const asText = (node: unknown): string => (isScalar(node) ? String(node.value) : String(node ?? ''));

const ranger =
  (file: string, counter: LineCounter) =>
  (start: number, end: number): SourceRange => {
    const from = counter.linePos(Math.max(0, start));
    const to = counter.linePos(Math.max(start, end));
    // The counter answers 0 for a text without line starts; people and editors count from 1.
    return {
      file,
      line: Math.max(1, from.line),
      column: Math.max(1, from.col),
      endLine: Math.max(1, to.line),
      endColumn: Math.max(1, to.col),
    };
  };

const syntaxCodes: Readonly<
  Record<string, { readonly code: string; readonly summary: string; readonly hint: string }>
> = {
  DUPLICATE_KEY: {
    code: 'plan.duplicate-key',
    summary: 'A key is written twice.',
    hint: 'Keep one of them: YAML readers disagree about which one counts.',
  },
  MULTIPLE_DOCS: {
    code: 'plan.multiple-documents',
    summary: 'The file holds more than one document.',
    hint: 'Write one plan per file: remove everything from the second --- on.',
  },
  RESOURCE_EXHAUSTION: {
    code: 'plan.too-deep',
    summary: 'The text is nested deeper than any plan.',
    hint: 'Check that this is a plan file.',
  },
  TAG_RESOLVE_FAILED: {
    code: 'plan.unknown-tag',
    summary: 'A YAML tag is not known.',
    hint: 'Remove the tag; plans use plain YAML only.',
  },
};

/** A plan's keys are short words; anything longer may be a text that ended up there, and is not shown. */
const keyAt = (text: string): string => /^\s*["']?([A-Za-z0-9_.-]{1,40})["']?\s*:/.exec(text)?.[1] ?? 'a key';

const fromYaml = (problem: YAMLError, text: string, rangeOf: YamlSource['rangeOf']): Diagnostic => {
  const known = syntaxCodes[problem.code];
  const detail =
    problem.code === 'DUPLICATE_KEY'
      ? `${keyAt(text.slice(problem.pos[0]))} is in this mapping already.`
      : // The library's first line only: further lines quote the text, which may hold what must not be shown.
        (problem.message.split('\n')[0] ?? '').replace(/[“"'].{40,}[”"']/, '...');
  return {
    severity: 'error',
    code: known?.code ?? 'plan.yaml-syntax',
    summary: known?.summary ?? 'The text is not valid YAML.',
    detail,
    hint: known?.hint ?? 'Correct the YAML at this place; indentation and quotes are the usual causes.',
    range: rangeOf(problem.pos[0], Math.max(problem.pos[0] + 1, problem.pos[1])),
  };
};

const refusal = (code: string, summary: string, detail: string, hint: string, range: SourceRange): Diagnostic => ({
  severity: 'error',
  code,
  summary,
  detail,
  hint,
  range,
});

/** How deep brackets, compact blocks (`- - - x`) and indentation could nest; counted before the parser, which recurses. */
const depthOf = (text: string): number => {
  let depth = 0;
  let deepest = 0;
  for (const sign of text) {
    if (sign === '[' || sign === '{') depth += 1;
    if (sign === ']' || sign === '}') depth = Math.max(0, depth - 1);
    deepest = Math.max(deepest, depth);
  }
  // Measured: twenty thousand "? " on one line end the process inside the parser, past every catch.
  for (const line of text.split(/\r\n|[\n\r]/)) {
    const indicators = line.match(/(?<=^|\s)[-?:](?=\s|$)/g)?.length ?? 0;
    const indentation = line.length - line.trimStart().length;
    deepest = Math.max(deepest, indicators, Math.floor(indentation / 8));
  }
  return deepest;
};

const memberOf = (document: Document, node: unknown, key: PropertyKey): { pair: Pair | null; value: unknown } => {
  const real = isAlias(node) ? node.resolve(document) : node;
  if (isMap(real)) {
    const pair = real.items.find((item) => asText(item.key) === String(key)) ?? null;
    return { pair, value: pair?.value };
  }
  return { pair: null, value: isSeq(real) && typeof key === 'number' ? real.items[key] : undefined };
};

/** The node's own extent: without the comment lines and the line end that YAML counts to it. */
const extent = (node: unknown): readonly [number, number] | undefined =>
  isNode(node) && node.range ? [node.range[0], node.range[1]] : undefined;

const locators = (document: Document, rangeOf: YamlSource['rangeOf']): Pick<YamlSource, 'at' | 'keyAt'> => {
  const walk = (path: Path) => {
    let node: unknown = document.contents;
    let last = extent(node) ?? [0, 1];
    let key: readonly [number, number] | undefined;
    let isFound = true;
    for (const segment of path) {
      const { pair, value } = memberOf(document, node, segment);
      isFound = pair !== null || value !== undefined;
      if (!isFound) break;
      key = extent(pair?.key);
      last = extent(value) ?? key ?? last;
      node = value;
    }
    return { last, key, isFound, node };
  };
  return {
    at: (path) => {
      const { last, key, isFound, node } = walk(path);
      // What is missing inside a block is shown at the block's key: one line, instead of the whole block.
      const [start, end] = key && (!isFound || isCollection(node)) ? key : last;
      return rangeOf(start, !isFound && !key ? start + 1 : end);
    },
    keyAt: (path) => {
      const { last, key } = walk(path);
      return rangeOf(...(key ?? last));
    },
  };
};

const scalarsOf = (document: Document, rangeOf: YamlSource['rangeOf']) => {
  const found: { key: string; text: string; range: SourceRange }[] = [];
  visit(document, {
    Scalar: (role, node, path) => {
      const [start, end] = extent(node) ?? [0, 1];
      const parent = path.at(-1) as Pair | Node | undefined;
      const key = role === 'value' && parent && 'key' in parent ? asText(parent.key) : '';
      found.push({ key, text: asText(node), range: rangeOf(start, end) });
    },
  });
  return found;
};

const nothing = (diagnostics: readonly Diagnostic[], rangeOf: YamlSource['rangeOf']): YamlSource => ({
  value: undefined,
  diagnostics,
  at: () => rangeOf(0, 1),
  keyAt: () => rangeOf(0, 1),
  scalars: () => [],
  rangeOf,
});

const badAlias = (range: SourceRange): Diagnostic =>
  refusal(
    'plan.alias',
    'An alias is unknown, holds itself, or expands to too much.',
    `At most ${limits.aliasCount} expansions are followed.`,
    'Write the values out instead.',
    range,
  );

const tooDeep = (range: SourceRange): Diagnostic =>
  refusal(
    'plan.too-deep',
    'The text is nested deeper than any plan.',
    `More than ${limits.depth} lists or maps stand inside each other.`,
    'Check that this is a plan file.',
    range,
  );

const tooLarge = (text: string, start: SourceRange): Diagnostic | undefined => {
  const size = Buffer.byteLength(text);
  if (size > limits.bytes)
    return refusal(
      'plan.too-large',
      'The file is larger than any plan.',
      `It has ${size} bytes; ${limits.bytes} are the most.`,
      'Check that this is a plan file.',
      start,
    );
  return depthOf(text) > limits.depth ? tooDeep(start) : undefined;
};

const isCircular = (value: unknown, above: readonly unknown[] = []): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (above.includes(value) || Object.values(value).some((member) => isCircular(member, [...above, value])));

const parsed = (text: string, counter: LineCounter, rangeOf: YamlSource['rangeOf']): YamlSource => {
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    uniqueKeys: true,
  });
  const diagnostics = [...document.errors, ...document.warnings].map((problem) => fromYaml(problem, text, rangeOf));
  const source = { ...locators(document, rangeOf), scalars: () => scalarsOf(document, rangeOf), rangeOf };
  const isReadable = diagnostics.every((problem) => problem.code === 'plan.duplicate-key');
  if (!isReadable) return { ...source, value: undefined, diagnostics };
  const value: unknown = document.toJS({ maxAliasCount: limits.aliasCount });
  if (isCircular(value)) return { ...source, value: undefined, diagnostics: [...diagnostics, badAlias(rangeOf(0, 1))] };
  return { ...source, value, diagnostics };
};

/** Never throws: whatever is wrong with the text is a diagnostic. */
export const readYaml = (text: string, file: string): YamlSource => {
  const counter = new LineCounter();
  const rangeOf = ranger(file, counter);
  const refused = tooLarge(text, { file, line: 1, column: 1, endLine: 1, endColumn: 2 });
  if (refused) return nothing([refused], rangeOf);
  const start = rangeOf(0, 1);
  try {
    return parsed(text, counter, rangeOf);
  } catch (error) {
    // The library throws for unresolved and for exploding aliases, and the engine for nests that exhaust its stack.
    return nothing([error instanceof ReferenceError ? badAlias(start) : tooDeep(start)], rangeOf);
  }
};

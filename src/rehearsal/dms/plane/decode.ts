/** Decodes the text of `test_decoding`: begin, commit, and the row changes between them. */

/** `undefined` stands for a value that the log does not repeat (unchanged TOAST); null is NULL. */
export type Value = string | null | undefined;

export interface Tuple {
  readonly names: readonly string[];
  readonly values: readonly Value[];
}

export type LogMessage =
  | { readonly type: 'begin'; readonly xid: number }
  | { readonly type: 'commit'; readonly xid: number; readonly at: number | null }
  | {
      readonly type: 'row';
      readonly schema: string;
      readonly table: string;
      readonly operation: 'insert' | 'update' | 'delete';
      readonly oldKey: Tuple | null;
      /** Null where the log carries nothing: a DELETE of a table without a key. */
      readonly tuple: Tuple | null;
    }
  | { readonly type: 'truncate' }
  /** Messages and whatever later versions add: not a change of a row. */
  | { readonly type: 'other' };

export class DecodeError extends Error {}

const quote = 34;
const apostrophe = 39;

/** An identifier, quoted or not, and where it ends. */
const readName = (text: string, from: number, stops: string): { readonly name: string; readonly end: number } => {
  if (text.charCodeAt(from) !== quote) {
    let end = from;
    while (end < text.length && !stops.includes(text[end] as string)) end += 1;
    return { name: text.slice(from, end), end };
  }
  let end = from + 1;
  for (;;) {
    end = text.indexOf('"', end);
    if (end < 0) throw new DecodeError('unterminated identifier');
    if (text.charCodeAt(end + 1) !== quote) break;
    end += 2;
  }
  return { name: text.slice(from + 1, end).replaceAll('""', '"'), end: end + 1 };
};

/** Position after `[type]:`; types may hold brackets themselves (`integer[]`) and quoted names. */
const skipType = (text: string, from: number): number => {
  if (text[from] !== '[') throw new DecodeError(`no type at ${from}`);
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const c = text[at];
    if (c === '"') at = readName(text, at, '').end - 1;
    else if (c === '[') depth += 1;
    else if (c === ']') {
      depth -= 1;
      if (depth === 0) {
        if (text[at + 1] !== ':') throw new DecodeError(`no value at ${at}`);
        return at + 2;
      }
    }
  }
  throw new DecodeError('unterminated type');
};

interface ReadValue {
  readonly value: Value;
  readonly end: number;
}

const readQuoted = (text: string, from: number): { readonly value: string; readonly end: number } => {
  let end = text.indexOf("'", from + 1);
  let doubled = false;
  while (end >= 0 && text.charCodeAt(end + 1) === apostrophe) {
    doubled = true;
    end = text.indexOf("'", end + 2);
  }
  if (end < 0) throw new DecodeError('unterminated value');
  const raw = text.slice(from + 1, end);
  return { value: doubled ? raw.replaceAll("''", "'") : raw, end: end + 1 };
};

const readValue = (text: string, from: number): ReadValue => {
  if (text.charCodeAt(from) === apostrophe) return readQuoted(text, from);
  if (text.startsWith("B'", from)) return readQuoted(text, from + 1);
  const space = text.indexOf(' ', from);
  const end = space < 0 ? text.length : space;
  const raw = text.slice(from, end);
  if (raw === 'null') return { value: null, end };
  if (raw === 'unchanged-toast-datum') return { value: undefined, end };
  return { value: raw, end };
};

/** The ` name[type]:` texts of one table in order: the next row nearly always has the same, and comparing is cheaper than reading. */
interface Shape {
  readonly names: readonly string[];
  readonly marks: readonly string[];
}

const readTuple = (text: string, from: number, stop: string | null, shapes: Map<string, Shape>, of: string) => {
  const known = shapes.get(of);
  const names: string[] = [];
  const marks: string[] = [];
  const values: Value[] = [];
  let at = from;
  let index = 0;
  let same = known !== undefined;
  while (at < text.length) {
    if (stop !== null && text.startsWith(stop, at)) break;
    const mark = known?.marks[index];
    let start: number;
    if (mark !== undefined && text.startsWith(mark, at)) {
      start = at + mark.length;
      names.push(known?.names[index] as string);
      marks.push(mark);
    } else {
      same = false;
      if (text[at] !== ' ') throw new DecodeError(`no column at ${at}`);
      const { name, end } = readName(text, at + 1, '[');
      start = skipType(text, end);
      names.push(name);
      marks.push(text.slice(at, start));
    }
    const { value, end } = readValue(text, start);
    values.push(value);
    at = end;
    index += 1;
  }
  const shape = same && known && known.names.length === index ? known : { names, marks };
  if (shape !== known) shapes.set(of, shape);
  return { tuple: { names: shape.names, values }, end: at };
};

const operations = { INSERT: 'insert', UPDATE: 'update', DELETE: 'delete' } as const;
const newTuple = ' new-tuple:';
const oldKeyMark = ' old-key:';

export interface Decoder {
  decode(text: string): LogMessage;
}

const decodeCommit = (text: string): LogMessage => {
  const space = text.indexOf(' ', 7);
  const at = text.indexOf('(at ', 7);
  const time =
    at < 0
      ? Number.NaN
      : Date.parse(
          text
            .slice(at + 4, text.indexOf(')', at))
            .replace(' ', 'T')
            .replace(/\+00$/, 'Z'),
        );
  return {
    type: 'commit',
    xid: Number(text.slice(7, space < 0 ? undefined : space)),
    at: Number.isNaN(time) ? null : time,
  };
};

export const createDecoder = (): Decoder => {
  const shapes = new Map<string, Shape>();
  const decodeRow = (text: string): LogMessage => {
    const schema = readName(text, 6, '.');
    const table = readName(text, schema.end + 1, ':,');
    // `table a.b, a.c: TRUNCATE: ...` lists several.
    if (text[table.end] === ',') return { type: 'truncate' };
    const colon = text.indexOf(':', table.end + 2);
    const word = text.slice(table.end + 2, colon);
    if (word === 'TRUNCATE') return { type: 'truncate' };
    const operation = operations[word as keyof typeof operations];
    if (operation === undefined) throw new DecodeError(`operation ${word}`);
    const base = { type: 'row' as const, schema: schema.name, table: table.name, operation };
    const of = text.slice(6, table.end);
    const at = colon + 1;
    if (text.startsWith(' (no-tuple-data)', at)) return { ...base, oldKey: null, tuple: null };
    if (!text.startsWith(oldKeyMark, at)) {
      const { tuple } = readTuple(text, at, null, shapes, operation === 'delete' ? `${of}-` : of);
      return { ...base, oldKey: null, tuple };
    }
    const old = readTuple(text, at + oldKeyMark.length, newTuple, shapes, `${of}-`);
    const { tuple } = readTuple(text, old.end + newTuple.length, null, shapes, of);
    return { ...base, oldKey: old.tuple, tuple };
  };
  return {
    decode: (text) => {
      if (text.startsWith('table ')) return decodeRow(text);
      if (text.startsWith('BEGIN ')) return { type: 'begin', xid: Number(text.slice(6)) };
      if (text.startsWith('COMMIT ')) return decodeCommit(text);
      return { type: 'other' };
    },
  };
};

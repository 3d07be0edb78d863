/** Splits a dump as psql would read it: statements, COPY blocks with their rows, and psql's own commands left out. */

export type DumpPart =
  | { readonly type: 'statement'; readonly sql: string }
  /** Rows of one COPY block, each line with its newline; read them before asking for the next part. */
  | { readonly type: 'copy'; readonly sql: string; readonly lines: AsyncIterable<string> };

interface Scan {
  /** Inside: nothing, a quoted text or name, a block comment (nested), or a dollar quote with its tag. */
  inside: 'code' | "'" | '"' | 'comment' | 'dollar';
  tag: string;
  depth: number;
  /** The quoted text is an E'' one, where a backslash escapes. */
  escapes: boolean;
  /** BEGIN ATOMIC ... END bodies hold semicolons of their own. */
  atomic: number;
  parentheses: number;
}

const newScan = (): Scan => ({ inside: 'code', tag: '', depth: 0, escapes: false, atomic: 0, parentheses: 0 });

const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const atomicWord = /\b(begin\s+atomic|case|end)\b/iy;

const scanQuoted = (line: string, at: number, scan: Scan): number => {
  const quote = scan.inside;
  if (scan.escapes && line[at] === '\\') return at + 2;
  if (line[at] !== quote) return at + 1;
  if (line[at + 1] === quote) return at + 2;
  scan.inside = 'code';
  return at + 1;
};

const scanComment = (line: string, at: number, scan: Scan): number => {
  if (line.startsWith('/*', at)) {
    scan.depth += 1;
    return at + 2;
  }
  if (!line.startsWith('*/', at)) return at + 1;
  scan.depth -= 1;
  if (scan.depth === 0) scan.inside = 'code';
  return at + 2;
};

const scanDollar = (line: string, at: number, scan: Scan): number => {
  if (!line.startsWith(scan.tag, at)) return at + 1;
  scan.inside = 'code';
  return at + scan.tag.length;
};

const scanWord = (line: string, at: number, scan: Scan): number | undefined => {
  if (at > 0 && /[\w$]/.test(line[at - 1] as string)) return undefined;
  atomicWord.lastIndex = at;
  const word = atomicWord.exec(line)?.[1]?.toLowerCase();
  if (word === undefined) return undefined;
  if (word.startsWith('begin')) scan.atomic += 1;
  else if (scan.atomic > 0) scan.atomic += word === 'case' ? 1 : -1;
  return at + word.length;
};

/** Advances in plain code; `;` that ends a statement answers its position as a negative number. */
const scanCode = (line: string, at: number, scan: Scan): number | 'rest' | 'end' => {
  const c = line[at] as string;
  if (line.startsWith('--', at)) return 'rest';
  if (line.startsWith('/*', at)) {
    scan.inside = 'comment';
    scan.depth = 1;
    return at + 2;
  }
  if (c === "'" || c === '"') {
    scan.inside = c;
    scan.escapes = c === "'" && /(^|[^\w$])[eE]$/.test(line.slice(Math.max(0, at - 2), at));
    return at + 1;
  }
  if (c === '$') {
    dollarTag.lastIndex = at;
    const tag = dollarTag.exec(line)?.[0];
    if (tag !== undefined && !/[\w$]/.test(line[at - 1] ?? ' ')) {
      scan.inside = 'dollar';
      scan.tag = tag;
      return at + tag.length;
    }
  }
  if (c === '(') scan.parentheses += 1;
  if (c === ')') scan.parentheses -= 1;
  if (c === ';' && scan.parentheses <= 0 && scan.atomic === 0) return 'end';
  return scanWord(line, at, scan) ?? at + 1;
};

/** Where statements end in this line; the scan carries on into the next one. */
const endsIn = (line: string, scan: Scan): readonly number[] => {
  const ends: number[] = [];
  let at = 0;
  while (at < line.length) {
    if (scan.inside === 'code') {
      const next = scanCode(line, at, scan);
      if (next === 'rest') break;
      if (next === 'end') ends.push(at);
      at = next === 'end' ? at + 1 : next;
    } else if (scan.inside === 'comment') at = scanComment(line, at, scan);
    else if (scan.inside === 'dollar') at = scanDollar(line, at, scan);
    else at = scanQuoted(line, at, scan);
  }
  return ends;
};

const isBlank = (sql: string): boolean =>
  sql
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .every((line) => line.trim() === '' || line.trim().startsWith('--'));

const copyFromStdin = /^\s*copy\b[\s\S]*\bfrom\s+stdin\b/i;
const withoutComments = (sql: string): string => sql.replace(/^(?:\s*--[^\n]*\n|\s*\/\*[\s\S]*?\*\/)+/, '');

async function* copyLines(lines: AsyncIterator<string>): AsyncGenerator<string> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error('a COPY block has no end');
    if (value === '\\.') return;
    yield `${value}\n`;
  }
}

export async function* dumpParts(text: AsyncIterable<string>): AsyncGenerator<DumpPart> {
  const lines = text[Symbol.asyncIterator]();
  let scan = newScan();
  let pending = '';
  for (;;) {
    const { value: line, done } = await lines.next();
    if (done) break;
    // psql's own commands stand on lines of their own, between statements.
    if (line.startsWith('\\') && scan.inside === 'code' && isBlank(pending)) continue;
    let from = 0;
    for (const end of endsIn(line, scan)) {
      const sql = withoutComments(pending + line.slice(from, end));
      pending = '';
      from = end + 1;
      scan = newScan();
      if (isBlank(sql)) continue;
      if (copyFromStdin.test(sql)) {
        const rows = copyLines(lines);
        yield { type: 'copy', sql, lines: rows };
        // What was not read is not taken for statements.
        for await (const _ of rows);
      } else yield { type: 'statement', sql };
    }
    pending += `${line.slice(from)}\n`;
  }
  if (!isBlank(pending)) yield { type: 'statement', sql: withoutComments(pending) };
}

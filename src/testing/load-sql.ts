/** Loads a dump written for psql (SQL, COPY blocks, ignorable meta commands) into a test server, for inputs that none of us wrote. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Real inputs lie beside the checkout and are never copied into it; undefined where they are absent. */
export const sharedInput = async (path: string): Promise<string | undefined> => {
  try {
    const bytes = await readFile(fileURLToPath(new URL(`../../../shared/inputs/${path}`, import.meta.url)));
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

interface Part {
  readonly sql: string;
  /** Lines of a COPY block; undefined: plain SQL. */
  readonly rows?: string;
}

/** COPY starts a block that ends with a line of `\.`; other lines that start with a backslash are psql's own. */
export const splitDump = (text: string): readonly Part[] => {
  const parts: Part[] = [];
  const lines = text.split('\n');
  let sql: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (/^COPY .* FROM stdin;\s*$/i.test(line)) {
      if (sql.length > 0) parts.push({ sql: sql.join('\n') });
      sql = [];
      const end = lines.findIndex((row, index) => index > at && row.trimEnd() === '\\.');
      if (end < 0) throw new Error('a COPY block of the dump has no end');
      parts.push({
        sql: line,
        rows: lines
          .slice(at + 1, end)
          .map((row) => `${row}\n`)
          .join(''),
      });
      at = end;
    } else if (!line.startsWith('\\')) sql.push(line);
  }
  parts.push({ sql: sql.join('\n') });
  return parts.filter((part) => part.sql.trim() !== '');
};

export const loadSql = async (connection: pg.ClientConfig, text: string): Promise<void> => {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    for (const part of splitDump(text))
      if (part.rows === undefined) await client.query(part.sql);
      else await pipeline(Readable.from([part.rows]), client.query(copyFrom(part.sql)));
  } finally {
    await client.end();
  }
};

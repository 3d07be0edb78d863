/** Loads a dump into a database and gives everything in it to the application's role. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Client } from 'pg';
import { type DumpPart, dumpParts } from './statements.ts';

/** Whose objects they are is decided here, and roles of the dump's home do not exist. */
const leftOut = [
  /^\s*alter\s[\s\S]*\bowner\s+to\b/i,
  /^\s*(grant|revoke)\b/i,
  /^\s*alter\s+default\s+privileges\b/i,
  /^\s*(create|drop|alter)\s+(database|role|user)\b/i,
  /^\s*comment\s+on\s+(extension|database)\b/i,
];

const isWanted = (sql: string): boolean => !leftOut.some((pattern) => pattern.test(sql));

const lines = (file: string): AsyncIterable<string> => {
  const raw = createReadStream(file);
  return createInterface({
    input: file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw,
    crlfDelay: Number.POSITIVE_INFINITY,
  });
};

const run = async (client: Client, part: DumpPart): Promise<void> => {
  if (part.type === 'statement') {
    if (isWanted(part.sql)) await client.query(part.sql);
    return;
  }
  const { from } = await import('pg-copy-streams');
  await pipeline(Readable.from(part.lines), client.query(from(part.sql)));
};

const seeder = 'octank_seed';

const firstLine = (sql: string): string => sql.trim().split('\n')[0]?.slice(0, 120) ?? '';

/** `client` is a superuser's. The dump runs as a role of its own, so that afterwards its objects are known and handed over at once. */
export const seedFile = async (
  client: Client,
  options: { readonly file: string; readonly owner: string },
): Promise<void> => {
  const { escapeIdentifier } = await import('pg');
  await client.query(`create role ${seeder} superuser`);
  await client.query(`set session authorization ${seeder}`);
  for await (const part of dumpParts(lines(options.file))) {
    try {
      await run(client, part);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`the seed file fails at "${firstLine(part.sql)}": ${detail}`, { cause });
    }
  }
  // A dump sets search_path, timeouts and row security for its session.
  await client.query('reset session authorization');
  await client.query('reset all');
  await client.query(`reassign owned by ${seeder} to ${escapeIdentifier(options.owner)}`);
  await client.query(`drop owned by ${seeder}`);
  await client.query(`drop role ${seeder}`);
  await client.query('analyze');
};

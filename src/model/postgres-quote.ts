/** Puts names and values into PostgreSQL text: the only place that knows how, shared by schema rendering and the adapters. */
import { assert } from './fault.ts';
import type { TableName } from './table.ts';

/** Always quoted: which words are reserved differs between versions, and a quoted name is right in all of them. */
export const quoteIdent = (name: string): string => {
  assert(name.length > 0 && !name.includes('\0'), 'a PostgreSQL name is neither empty nor does it hold a zero byte');
  return `"${name.replaceAll('"', '""')}"`;
};

export const quoteTable = ({ schema, table }: TableName): string => `${quoteIdent(schema)}.${quoteIdent(table)}`;

/** Backslashes take the E form, so that the answer does not depend on standard_conforming_strings. */
export const quoteLiteral = (text: string): string => {
  assert(!text.includes('\0'), 'PostgreSQL text holds no zero byte');
  const doubled = text.replaceAll("'", "''");
  // The blank keeps an E from joining the word before it.
  return doubled.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
};

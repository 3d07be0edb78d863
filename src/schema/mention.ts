/** Finds names of tables and routines in text that no catalog resolves: bodies of functions. Best effort, and rather too much than too little. */
import type { TableName } from '../model/table.ts';

export interface Mentions {
  readonly tables: readonly TableName[];
  /** Bare or qualified names before an opening parenthesis; schema '' where none is written. */
  readonly calls: readonly TableName[];
}

const part = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`;

const qualified = new RegExp(String.raw`(?<![\w."])(${part})\s*\.\s*(${part})(?!\s*\.)`, 'g');
const afterKeyword = new RegExp(
  String.raw`\b(?:from|join|into|update|only|truncate|table|references|using)\s+(?:only\s+)?(${part})(?![\w"]*\s*[.(])`,
  'gi',
);
const call = new RegExp(String.raw`(?<![\w"])(?:(${part})\s*\.\s*)?(${part})\s*\(`, 'g');

/** As the server reads a name: unquoted ones are folded. */
const fold = (text: string | undefined): string => {
  if (text === undefined) return '';
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
};

export const mentionsIn = (text: string): Mentions => ({
  tables: [
    ...[...text.matchAll(qualified)].map((match) => ({ schema: fold(match[1]), table: fold(match[2]) })),
    ...[...text.matchAll(afterKeyword)].map((match) => ({ schema: '', table: fold(match[1]) })),
  ],
  calls: [...text.matchAll(call)].map((match) => ({ schema: fold(match[1]), table: fold(match[2]) })),
});

const escaped = (name: string): string => name.replaceAll('"', '""').replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** A qualified name as the server writes it, quoted or not. */
export const qualifiedPattern = ({ schema, table }: TableName): string =>
  `(?:"${escaped(schema)}"|${escaped(schema)})\\.(?:"${escaped(table)}"|${escaped(table)})(?![\\w"])`;

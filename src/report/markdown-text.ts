/** Any text into Markdown: what it says, and never a column, a line or markup of its own. */

const flat = (text: string): string => text.replaceAll(/\s*[\r\n\u2028\u2029]+\s*/g, ' ').trim();

/** In a table's cell or a list. */
export const cell = (text: string): string =>
  flat(text).replaceAll(/[\\`*_[\]<>|#~]/g, (char) => (char === '<' ? '&lt;' : char === '>' ? '&gt;' : `\\${char}`));

/** Inline code that holds any text: its fence is longer than the longest run of backticks inside. Not for tables. */
export const code = (text: string): string => {
  const line = text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ');
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const isPlain = longest === 0 && line.trim() === line && line !== '';
  return isPlain ? `\`${line}\`` : `${fence} ${line} ${fence}`;
};

/** Inline code in a table: the bar ends a cell even inside code. */
export const codeCell = (text: string): string => code(text).replaceAll('|', '\\|');

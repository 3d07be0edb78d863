/** Finds secrets that were written into the plan itself. What is found is never quoted. */
import type { Diagnostic, SourceRange } from '../model/diagnostic.ts';
import type { YamlSource } from './yaml-source.ts';

/** Comments count too: the plan's text is journaled and saved whole. */
const forms: readonly RegExp[] = [
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/@:'"]*:[^\s@'"]+@/gi,
  /\b(?:password|passwd|pwd)\s*=\s*[^\s;&'"]+/gi,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/g,
];

const secretKey =
  /^(?:.*[-_])?(?:password|passwd|passphrase|pwd|secret_?access_?key|session_?token|private_?key|api_?key)$/i;

export const looksSecret = (text: string): boolean => forms.some((form) => text.search(form) >= 0);

const problem = (range: SourceRange): Diagnostic => ({
  severity: 'error',
  code: 'lint.inline-secret',
  summary: 'A secret is written in the plan.',
  detail: 'Plans are committed, journaled and shown; the value is not repeated here.',
  hint: 'Store it and refer to it: { secretsManager: name }, { env: VARIABLE } or { file: path }. Change the secret: it has been on disk.',
  range,
});

export const findInlineSecrets = (text: string, source: YamlSource): readonly Diagnostic[] => {
  const ranges: SourceRange[] = [];
  for (const form of forms)
    for (const match of text.matchAll(form)) ranges.push(source.rangeOf(match.index, match.index + match[0].length));
  for (const scalar of source.scalars())
    if ((secretKey.test(scalar.key) && scalar.text !== '') || looksSecret(scalar.text)) ranges.push(scalar.range);
  // The text and the parsed scalar usually name the same place: one finding per line is enough to mend it.
  return [...new Map(ranges.map((range) => [range.line, range])).values()].sort((a, b) => a.line - b.line).map(problem);
};

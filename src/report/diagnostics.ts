/** Diagnostics and faults as text: where, what is wrong, what to write or type instead. */
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Fault } from '../model/fault.ts';
import { plural } from './format.ts';
import { noStyle, type Style } from './style.ts';

const indent = (text: string): string => text.replaceAll('\n', '\n    ');

export const renderDiagnostic = (diagnostic: Diagnostic, style: Style = noStyle): string => {
  const { range, severity } = diagnostic;
  const paint = { error: style.red, warning: style.yellow, info: style.cyan }[severity];
  const where = range ? `${range.file}:${range.line}:${range.column}: ` : '';
  const lines = [`${where}${paint(severity)} ${style.dim(diagnostic.code)} ${style.bold(diagnostic.summary)}`];
  if (diagnostic.detail !== '') lines.push(`    ${indent(diagnostic.detail)}`);
  if (diagnostic.hint !== '') lines.push(`    ${style.cyan('->')} ${indent(diagnostic.hint)}`);
  return lines.join('\n');
};

const order = { error: 0, warning: 1, info: 2 } as const;

/** All of them, errors first, by place; and a line that counts them. */
export const renderDiagnostics = (diagnostics: readonly Diagnostic[], style: Style = noStyle): string => {
  const sorted = [...diagnostics].sort(
    (a, b) =>
      order[a.severity] - order[b.severity] ||
      (a.range?.line ?? 0) - (b.range?.line ?? 0) ||
      (a.range?.column ?? 0) - (b.range?.column ?? 0),
  );
  const count = (severity: Diagnostic['severity']) => diagnostics.filter((d) => d.severity === severity).length;
  return [
    ...sorted.map((diagnostic) => renderDiagnostic(diagnostic, style)),
    `${plural(count('error'), 'error')}, ${plural(count('warning'), 'warning')}`,
  ].join('\n');
};

export const renderFault = (fault: Fault, style: Style = noStyle): string => {
  const lines = [`${style.red('error')} ${style.dim(fault.code)} ${style.bold(fault.summary)}`];
  if (fault.detail !== '') lines.push(`    ${indent(fault.detail)}`);
  if (fault.hint !== '') lines.push(`    ${style.cyan('->')} ${indent(fault.hint)}`);
  return lines.join('\n');
};

/** A parity report as text: counts per table, and the rows that differ by name. */
import type { ParityReport, TableParity } from '../model/parity.ts';
import { alignColumns, formatCount, formatSeconds, oneLine } from './format.ts';
import { noStyle, type Style } from './style.ts';

const differences = (table: TableParity): number =>
  table.missing + table.extraneous + table.mismatched + table.inFlight;

/** A row's value is anybody's text: it must stay on its line. */
const shown = (value: string | null): string => (value === null ? 'NULL' : oneLine(value));

const sampleLines = (table: TableParity): readonly string[] =>
  table.samples.flatMap((sample) => {
    const key = Object.entries(sample.key)
      .map(([name, value]) => `${name}=${shown(value)}`)
      .join(', ');
    const columns = sample.columns.map(
      (column) => `        ${column.name}: ${shown(column.source)} | ${shown(column.target)}`,
    );
    return [`    ${table.name} (${key}): ${sample.kind}`, ...columns];
  });

export const renderParity = (report: ParityReport, style: Style = noStyle): string => {
  const rows = report.tables.map((table) => [
    table.name,
    formatCount(table.sourceRows),
    formatCount(table.targetRows),
    formatCount(table.missing),
    formatCount(table.extraneous),
    formatCount(table.mismatched),
    formatCount(table.inFlight),
    formatSeconds(table.seconds),
  ]);
  const header = ['table', 'source rows', 'target rows', 'missing', 'extraneous', 'mismatched', 'in flight', 'time'];
  const lines = [...alignColumns([header, ...rows], [1, 2, 3, 4, 5, 6, 7])];
  const different = report.tables.filter((table) => differences(table) > 0);
  if (different.some((table) => table.samples.length > 0))
    lines.push('', 'rows that differ (source | target):', ...different.flatMap(sampleLines));
  const paint = { equal: style.green, different: style.red, inconclusive: style.yellow }[report.verdict];
  lines.push('', `verdict: ${paint(report.verdict)}`, ...report.notes.map((note) => style.dim(`note: ${note}`)));
  return `${lines.join('\n')}\n`;
};

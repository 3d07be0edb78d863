/** A computed change set as text, Markdown or JSON: what would happen, what is destructive, what needs approval. */
import type { Change, ChangeSet } from '../model/change.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { phaseNames } from '../model/phase.ts';
import { renderDiagnostics } from './diagnostics.ts';
import { plural, wrap } from './format.ts';
import type { PlanJson } from './json-types.ts';
import { cell, codeCell } from './markdown-text.ts';
import { noStyle, type Style } from './style.ts';

export interface PlanView {
  readonly plan: { readonly name: string; readonly digest: string };
  readonly changeSet: ChangeSet | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Steps already done by the live run, by id. */
  readonly done: ReadonlySet<string>;
}

const changesAnything = (change: Change): boolean => change.action !== 'read' && change.action !== 'wait';

export const hasChanges = (view: PlanView): boolean =>
  view.changeSet?.changes.some((change) => changesAnything(change) && !view.done.has(change.id)) ?? false;

export const planToJson = (view: PlanView): PlanJson => ({
  formatVersion: 1,
  plan: { name: view.plan.name, digest: view.plan.digest },
  changeSet: view.changeSet && {
    digest: view.changeSet.digest,
    steps: view.changeSet.changes.map(({ id, phase, wave, action, summary, destructive, approval }) => ({
      id,
      phase,
      wave,
      action,
      summary,
      destructive,
      approval,
    })),
  },
  diagnostics: view.diagnostics.map(({ severity, code, summary, detail, hint, range }) => ({
    severity,
    code,
    summary,
    detail,
    hint,
    range,
  })),
  changes: hasChanges(view),
});

const sign = { create: '+', change: '~', delete: '-', read: '?', wait: '.' } as const;

const stepLine = (change: Change, done: boolean, style: Style, width: number): string => {
  const paint = { create: style.green, change: style.yellow, delete: style.red, read: style.cyan, wait: style.dim };
  const marks = [
    ...(change.destructive ? [style.red('destructive')] : []),
    ...(change.approval ? [style.yellow(`approval: ${change.approval}`)] : []),
    ...(done ? [style.dim('done')] : []),
  ];
  const name = change.id.slice(change.phase.length + 1);
  const head = `  ${paint[change.action](sign[change.action])} ${name}`;
  const summary = wrap(change.summary, Math.max(40, width - 8), '      ');
  return `${head}${marks.length > 0 ? `  [${marks.join(', ')}]` : ''}\n      ${style.dim(summary)}`;
};

const statementLines = (change: Change): readonly string[] => {
  const { statements } = change.inputs;
  if (!Array.isArray(statements) || statements.length === 0) return [];
  const shown = statements.slice(0, 4).map((statement) => `        ${(statement as { object: string }).object}`);
  return statements.length > 4 ? [...shown, `        and ${statements.length - 4} more`] : shown;
};

const countsLine = (changeSet: ChangeSet): string => {
  const { changes } = changeSet;
  const of = (action: Change['action']): number => changes.filter((change) => change.action === action).length;
  return [
    `${plural(changes.length, 'step')}: ${of('create')} create, ${of('change')} change, ${of('delete')} delete, ${of('read')} check, ${of('wait')} wait`,
    `${plural(changes.filter((c) => c.destructive).length, 'destructive step')}, ${plural(changes.filter((c) => c.approval).length, 'approval')}`,
  ].join('; ');
};

export const renderPlanText = (
  view: PlanView,
  options: { readonly style?: Style; readonly width?: number; readonly statements?: boolean } = {},
): string => {
  const style = options.style ?? noStyle;
  const lines: string[] = [`${style.bold(view.plan.name)}  ${style.dim(`plan ${view.plan.digest.slice(0, 12)}`)}`];
  for (const phase of phaseNames) {
    const changes = view.changeSet?.changes.filter((change) => change.phase === phase) ?? [];
    if (changes.length === 0) continue;
    lines.push('', style.bold(phase));
    for (const change of changes) {
      lines.push(stepLine(change, view.done.has(change.id), style, options.width ?? 100));
      if (options.statements !== false) lines.push(...statementLines(change).map(style.dim));
    }
  }
  if (view.changeSet) {
    lines.push('', `${style.dim('+ create  ~ change  - delete  ? check  . wait')}`, countsLine(view.changeSet));
    lines.push(style.dim(`change set ${view.changeSet.digest}`));
  }
  if (view.diagnostics.length > 0) lines.push('', renderDiagnostics(view.diagnostics, style));
  return `${lines.join('\n')}\n`;
};

/** For pull requests: one table per phase. */
export const renderPlanMarkdown = (view: PlanView): string => {
  const lines = [`## octank plan: ${cell(view.plan.name)}`, ''];
  if (view.changeSet) lines.push(countsLine(view.changeSet), '');
  for (const phase of phaseNames) {
    const changes = view.changeSet?.changes.filter((change) => change.phase === phase) ?? [];
    if (changes.length === 0) continue;
    lines.push(`### ${phase}`, '', '| step | action | what | |', '|---|---|---|---|');
    for (const change of changes) {
      const marks = [
        ...(change.destructive ? ['**destructive**'] : []),
        ...(change.approval ? [`approval: ${cell(change.approval)}`] : []),
        ...(view.done.has(change.id) ? ['done'] : []),
      ];
      lines.push(`| ${codeCell(change.id)} | ${change.action} | ${cell(change.summary)} | ${marks.join(', ')} |`);
    }
    lines.push('');
  }
  for (const { severity, code, summary, detail, hint, range } of view.diagnostics) {
    const where = range ? ` (${cell(range.file)}:${range.line}:${range.column})` : '';
    lines.push(
      `- **${severity}** \`${code}\`${where} ${cell(`${summary} ${detail}`)}${hint ? ` _${cell(hint)}_` : ''}`,
    );
  }
  if (view.changeSet) lines.push('', `Change set \`${view.changeSet.digest}\``);
  return `${lines.join('\n')}\n`;
};

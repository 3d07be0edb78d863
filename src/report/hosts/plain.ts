/** Host for logs and CI: one line per event, progress at most every few seconds, never a prompt. */
import type { Host, HostMessage, Question } from '../../ports/host.ts';
import { renderDiagnostic } from '../diagnostics.ts';
import { formatSeconds, formatTime } from '../format.ts';
import { noStyle, type Style } from '../style.ts';
import { progressText } from './progress.ts';

const progressEveryMs = 3000;

export interface PlainHostOptions {
  readonly write: (line: string) => void;
  readonly style?: Style;
  readonly now: () => number;
  /** Answers approvals without asking: `--auto-approve`, with who stands for it. Null: nobody is there. */
  readonly approver: string | null;
}

export const lineOf = (message: HostMessage, style: Style): string | null => {
  switch (message.type) {
    case 'run-started':
      return `${message.resumed ? 'resuming' : 'starting'} run ${message.runId} of ${message.plan}${message.clockRate === 1 ? '' : `, clock x${message.clockRate}`}`;
    case 'step-started':
      return null;
    case 'step-progress':
      return `${style.dim('...')} ${message.progress.stepId}: ${progressText(message.progress)}`;
    case 'step-done':
      return `${style.green('done')} ${message.change.id}${message.skipped ? style.dim(' (already so)') : style.dim(` ${formatSeconds(message.seconds)}`)}`;
    case 'step-failed':
      return `${style.red('failed')} ${message.change.id}: ${message.code}: ${message.summary} ${message.detail}${message.hint === '' ? '' : `\n  -> ${message.hint}`}`;
    case 'step-undone':
      return `${style.yellow('undone')} ${message.change.id}`;
    case 'verdict':
      return message.verdict.result === 'success'
        ? null
        : `${style.yellow('gate')} ${message.verdict.gate} at ${message.stepId}: ${message.verdict.result} (${message.verdict.reason}) ${message.verdict.detail}`;
    case 'approved':
      return `${style.cyan('approved')} ${message.approval} for ${message.stepId} by ${message.by}`;
    case 'held':
      return `${style.yellow('held')} at ${message.stepId}: ${message.reason}\n  -> ${message.hint}`;
    case 'diagnostic':
      return renderDiagnostic(message.diagnostic, style);
    case 'note':
      return style.dim(message.text);
  }
};

export const createPlainHost = (options: PlainHostOptions): Host => {
  const style = options.style ?? noStyle;
  const shown = new Map<string, number>();
  const say = (text: string): void => options.write(`${style.dim(formatTime(options.now()))} ${text}`);
  return {
    notify: (message) => {
      if (message.type === 'step-progress') {
        const last = shown.get(message.progress.stepId) ?? 0;
        if (options.now() - last < progressEveryMs) return;
        shown.set(message.progress.stepId, options.now());
      }
      const line = lineOf(message, style);
      if (line !== null) say(line);
    },
    approve: async (question: Question) => {
      say(`approval needed: ${question.approval} for ${question.stepId}: ${question.title}`);
      for (const line of question.lines) say(`  ${line}`);
      return options.approver === null ? undefined : { approved: true, by: options.approver };
    },
  };
};

/** Host for scripts: one JSON object per line, ending in a result that the command writes. */
import type { Host, HostMessage } from '../../ports/host.ts';

/** Messages without what scripts have no use for: whole change sets and statement lists. */
const lean = (message: HostMessage): object => {
  switch (message.type) {
    case 'run-started':
      return { ...message, changes: message.changes.length, done: message.done?.length ?? 0 };
    case 'step-started':
    case 'step-undone':
      return { type: message.type, step: message.change.id };
    case 'step-done':
      return {
        type: message.type,
        step: message.change.id,
        seconds: message.seconds,
        skipped: message.skipped,
        evidence: message.evidence,
      };
    case 'step-failed': {
      const { type, change, code, summary, detail, hint } = message;
      return { type, step: change.id, code, summary, detail, hint };
    }
    default:
      return message;
  }
};

export const createJsonHost = (options: {
  readonly write: (line: string) => void;
  readonly now: () => number;
  readonly approver: string | null;
}): Host => {
  const say = (value: object): void =>
    options.write(JSON.stringify({ at: new Date(options.now()).toISOString(), ...value }));
  return {
    notify: (message) => say(lean(message)),
    approve: async (question) => {
      say({ type: 'approval-needed', ...question });
      return options.approver === null ? undefined : { approved: true, by: options.approver };
    },
  };
};

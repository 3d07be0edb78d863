/** Turns what happens in a run into notices for people who do not watch: holds, failures, approvals needed, the end. */
import type { Host, HostMessage } from '../ports/host.ts';
import type { Notify } from '../ports/notify.ts';

const noticeOf = (message: HostMessage, plan: string): { subject: string; body: string } | null => {
  if (message.type === 'held')
    return { subject: `octank ${plan}: held`, body: `At ${message.stepId}: ${message.reason}\nNext: ${message.hint}` };
  if (message.type === 'step-failed')
    return {
      subject: `octank ${plan}: ${message.code}`,
      body: `At ${message.change.id}: ${message.summary} ${message.detail}\nNext: ${message.hint}`,
    };
  if (message.type === 'step-done' && message.change.kind === 'cutover.point-of-no-return')
    return {
      subject: `octank ${plan}: the writer moved`,
      body: `Wave ${message.change.wave}: from here on the target is the writer.`,
    };
  return null;
};

export interface Notices extends Host {
  /** Waits for what is on its way. Sending never fails a run. */
  settle(): Promise<void>;
  send(subject: string, body: string): void;
}

export const createNotices = (options: { readonly plan: string; readonly notify: Notify }): Notices => {
  let tail: Promise<void> = Promise.resolve();
  const send = (subject: string, body: string): void => {
    tail = tail.then(() => options.notify.send({ subject, body })).catch(() => undefined);
  };
  return {
    notify: (message) => {
      const notice = noticeOf(message, options.plan);
      if (notice) send(notice.subject, notice.body);
    },
    approve: async (question) => {
      send(`octank ${options.plan}: approval needed`, `${question.approval} for ${question.stepId}: ${question.title}`);
      return undefined;
    },
    settle: () => tail,
    send,
  };
};

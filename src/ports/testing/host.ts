/** A host that keeps what it is told, and answers approvals as the test decides; nobody is there unless it says so. */
import type { Host, HostMessage, Question } from '../host.ts';

export type Answer = { readonly approved: boolean; readonly by: string } | undefined;

export interface CollectingHost extends Host {
  readonly messages: HostMessage[];
  readonly questions: Question[];
}

export const approving: (question: Question) => Answer = () => ({ approved: true, by: 'the test' });
export const nobody: (question: Question) => Answer = () => undefined;

export const collectingHost = (answer: (question: Question) => Answer = nobody): CollectingHost => {
  const messages: HostMessage[] = [];
  const questions: Question[] = [];
  return {
    messages,
    questions,
    notify: (message) => {
      messages.push(message);
    },
    approve: async (question) => {
      questions.push(question);
      return answer(question);
    },
  };
};

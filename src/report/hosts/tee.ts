/** Several hosts as one: all are told, the first one that can answers. */
import type { Host } from '../../ports/host.ts';

export const createTee = (...hosts: readonly Host[]): Host => ({
  notify: (message) => {
    for (const host of hosts) host.notify(message);
  },
  approve: async (question) => {
    for (const host of hosts) {
      const answer = await host.approve(question);
      if (answer !== undefined) return answer;
    }
    return undefined;
  },
});

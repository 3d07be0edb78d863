/** The embedded AWS inside a test, with the SDK pointed at it: an independent implementation of what the adapters speak to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rehearsalConfig } from '../../../rehearsal/config.ts';
import { type Rehearsal, startInProcess } from '../../../rehearsal/rehearsal.ts';
import type { AwsClients } from '../clients.ts';
import { clientsAt } from './stub.ts';

export interface TestAws {
  readonly rehearsal: Rehearsal;
  readonly clients: AwsClients;
  /** The next calls of an operation go wrong. */
  fault(options: {
    readonly service: string;
    readonly operation: string;
    readonly kind: 'throttle' | '5xx' | 'timeout-before-effect' | 'timeout-after-effect';
    readonly count?: number;
  }): Promise<void>;
  stop(): Promise<void>;
}

export const startAws = async (config: object): Promise<TestAws> => {
  const stateDir = await mkdtemp(join(tmpdir(), 'octank-aws-'));
  const rehearsal = await startInProcess({
    config: rehearsalConfig.parse({ stateDir, clock: { rate: 1, originMs: Date.now() }, ...config }),
    log: () => undefined,
  });
  const { url } = rehearsal.endpoint;
  const clients = clientsAt(url, { attemptTimeoutMs: 5000 });
  return {
    rehearsal,
    clients,
    fault: async (body) => {
      const answer = await fetch(`${url}/_octank/faults`, { method: 'POST', body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`fault refused: ${await answer.text()}`);
    },
    stop: async () => {
      clients.close();
      await rehearsal.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
};

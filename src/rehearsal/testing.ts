/** For tests: the embedded AWS in this process, in a folder of its own, and real SDK clients on it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RehearsalConfig, rehearsalConfig } from './config.ts';
import { type Rehearsal, startInProcess } from './rehearsal.ts';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

export interface ClientSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly maxAttempts: number;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface TestRehearsal {
  readonly rehearsal: Rehearsal;
  readonly stateDir: string;
  readonly logs: readonly string[];
  /** For any `@aws-sdk/client-*`. One attempt: a test wants to see the first answer. */
  readonly client: ClientSettings;
  /** Scaled epoch ms. */
  now(): number;
  control(path: string, body?: unknown, method?: string): Promise<Response>;
  stop(): Promise<void>;
}

export const testConfig = async (
  given: Partial<Parameters<typeof rehearsalConfig.parse>[0] & object> = {},
): Promise<RehearsalConfig> =>
  rehearsalConfig.parse({
    stateDir: await mkdtemp(join(tmpdir(), 'octank-rehearsal-')),
    // A scaled minute is 20 ms: what AWS takes half a minute for is there at the next look.
    clock: { rate: 3000, originMs: Date.now() },
    ...given,
  });

export const clientSettings = (url: string): ClientSettings => ({
  endpoint: url,
  region: 'eu-west-1',
  maxAttempts: 1,
  credentials: { accessKeyId: 'AKIAREHEARSAL', secretAccessKey: 'rehearsal' },
});

export const testRehearsal = async (given: Partial<RehearsalConfig> = {}): Promise<TestRehearsal> => {
  const config = await testConfig(given);
  const logs: string[] = [];
  const rehearsal = await startInProcess({ config, log: (line) => logs.push(line) });
  const { url, clock } = rehearsal.endpoint;
  return {
    rehearsal,
    stateDir: config.stateDir,
    logs,
    client: clientSettings(url),
    now: () => clock.originMs + (Date.now() - clock.originMs) * clock.rate,
    control: (path, body, method = body === undefined ? 'GET' : 'POST') =>
      fetch(`${url}/_octank/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    stop: async () => {
      await rehearsal.stop();
      await rm(config.stateDir, { recursive: true, force: true });
    },
  };
};

/** Asks until the answer is there, or fails with the last one at the deadline. */
export const eventually = async <T>(
  ask: () => Promise<T>,
  isThere: (answer: T) => boolean,
  { seconds = 10, everyMs = 10 }: { readonly seconds?: number; readonly everyMs?: number } = {},
): Promise<T> => {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (isThere(answer)) return answer;
    if (Date.now() > deadline)
      throw new Error(`not within ${seconds} s; the last answer was ${JSON.stringify(answer)}`);
    await sleep(everyMs);
  }
};

/** A resolver's cache as one network of clients shares it: an answer lives for its TTL on octank's clock. */
import type { DnsClient } from '../dns.ts';

export interface Resolver {
  /** Null when the name has no address now. */
  resolve(): Promise<string | null>;
}

export const createResolver = (options: {
  readonly dns: DnsClient;
  readonly name: string;
  /** Epoch ms on octank's clock. */
  readonly now: () => number;
  readonly ignoresTtl: boolean;
}): Resolver => {
  let kept: { readonly address: string; readonly until: number } | undefined;
  let asking: Promise<string | null> | undefined;

  const ask = async (): Promise<string | null> => {
    const { addresses } = await options.dns.ask(options.name);
    const first = addresses[0];
    if (!first) return null;
    const until = options.ignoresTtl ? Number.POSITIVE_INFINITY : options.now() + first.ttlSeconds * 1000;
    kept = { address: first.address, until };
    return first.address;
  };

  return {
    resolve: () => {
      if (kept && options.now() < kept.until) return Promise.resolve(kept.address);
      // Clients of one network that come at the same moment wait for one question.
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
};

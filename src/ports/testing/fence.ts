/** A fence in memory: open, a lease that lifts itself by the world's wall clock, or permanent; probes answer what a write would meet. */
import { Fault } from '../../model/fault.ts';
import type { Blocker, FencePort, FenceState, ProbeResult } from '../fence.ts';

export interface FakeFence extends FencePort {
  /** Whether an application's write at that moment would be refused. */
  refuses(at?: number): boolean;
  state(): FenceState;
  /** Octank has closed it at least once. */
  wasClosed(): boolean;
  /** The lease is over at once, as for a process that was paused until then. */
  expire(): void;
  /** Older transactions that keep it from being closed for good. */
  block(blockers: readonly Blocker[]): void;
}

type Mode =
  | { readonly kind: 'open' }
  | { readonly kind: 'leased'; readonly until: number }
  | { readonly kind: 'permanent' };

export const fakeFence = (now: () => number): FakeFence => {
  let isInstalled = false;
  let epoch = 0;
  let mode: Mode = { kind: 'open' };
  let blocking: readonly Blocker[] = [];
  const flip = (): string => `flip-${epoch}`;

  const refuses = (at = now()): boolean => mode.kind === 'permanent' || (mode.kind === 'leased' && at < mode.until);

  const state = (): FenceState => {
    if (!isInstalled) return { state: 'absent' };
    if (!refuses()) return { state: 'open', epoch };
    return mode.kind === 'leased'
      ? { state: 'leased', epoch, remainingSeconds: (mode.until - now()) / 1000, flip: flip() }
      : { state: 'permanent', epoch, flip: flip() };
  };

  return {
    refuses,
    state,
    wasClosed: () => epoch > 0,
    expire: () => {
      if (mode.kind === 'leased') mode = { kind: 'open' };
    },
    block: (blockers) => {
      blocking = blockers;
    },
    install: async () => {
      isInstalled = true;
    },
    uninstall: async () => {
      isInstalled = false;
      mode = { kind: 'open' };
    },
    status: async ({ tables }) => ({ fence: state(), unguarded: isInstalled ? [] : tables }),
    close: async ({ leaseSeconds }) => {
      if (!isInstalled) throw new Fault({ code: 'fence.absent', summary: 'There is no fence to close.' });
      if (!refuses()) epoch += 1;
      mode = leaseSeconds === null ? { kind: 'permanent' } : { kind: 'leased', until: now() + leaseSeconds * 1000 };
      return { epoch, flip: flip() };
    },
    makePermanent: async (wanted) => {
      const seen = state();
      if (seen.state === 'permanent' && seen.epoch === wanted.epoch) return;
      if (seen.state !== 'leased' || seen.epoch !== wanted.epoch || seen.remainingSeconds < wanted.marginSeconds)
        throw new Fault({ code: 'fence.lease-too-short', summary: 'The lease of the fence is over, or nearly.' });
      mode = { kind: 'permanent' };
    },
    open: async () => {
      mode = { kind: 'open' };
    },
    blockers: async () => (refuses() ? blocking : []),
    endWriters: async () => 2,
    probe: async ({ tables, roles, as }) =>
      tables.flatMap((table) =>
        roles.flatMap((role) =>
          (['insert', 'update', 'delete', 'truncate'] as const).map(
            (operation): ProbeResult => ({
              table,
              role,
              operation,
              outcome: as === 'exempt' || !refuses() ? 'accepted' : 'fenced',
            }),
          ),
        ),
      ),
  };
};

/** What a way of telling applications their database is: its settings, and how it looks, acts and undoes. */
import type { z } from 'zod';
import { exitCodes, Fault } from '../../model/fault.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Repoint, RepointState } from '../../ports/repoint.ts';
import type { SecretStore } from '../../ports/secrets.ts';
import type { Traffic } from '../../ports/traffic.ts';
import type { RunCommand } from './run-command.ts';

export interface RepointServices {
  readonly secretStore: SecretStore;
  readonly traffic: Traffic;
  readonly clock: Pick<Clock, 'wall'>;
  readonly run: RunCommand;
  /** Tells whoever watches the run what a person has to do. */
  announce(text: string): void;
}

export interface RepointDriver {
  readonly kind: string;
  readonly settings: z.ZodType;
  create(settings: unknown, services: RepointServices): Repoint;
}

/** One kind, typed by its own settings. Faults: `repoint.bad-settings` for what the plan's decoder would not have let through. */
export const defineDriver = <S>(driver: {
  readonly kind: string;
  readonly settings: z.ZodType<S>;
  create(settings: S, services: RepointServices): Omit<Repoint, 'kind'>;
}): RepointDriver => ({
  kind: driver.kind,
  settings: driver.settings,
  create: (given, services) => {
    const settings = driver.settings.safeParse(given);
    if (!settings.success)
      throw new Fault({
        code: 'repoint.bad-settings',
        summary: 'The settings of a repoint are not those of its kind.',
        detail: `${driver.kind}: ${settings.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
        hint: 'Compute the change set again: octank migrate plan.',
        exitCode: exitCodes.invalid,
      });
    return { kind: driver.kind, ...driver.create(settings.data, services) };
  },
});

/** Looks first: at the wanted place nothing is done, at a foreign one nothing is overwritten. */
export const actFrom = async (
  wanted: 'source' | 'target',
  state: RepointState,
  act: () => Promise<unknown>,
): Promise<void> => {
  if (state.at === wanted) return;
  if (state.at === 'foreign')
    throw new Fault({
      code: 'repoint.foreign',
      summary: 'Applications are pointed neither at the source nor at the target, so nothing was changed.',
      detail: state.detail,
      hint: 'Find who changed it. Set it to the source or to the target, then run the same command again.',
      exitCode: exitCodes.held,
    });
  await act();
};

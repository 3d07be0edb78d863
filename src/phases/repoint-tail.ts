/** How long clients go on using the old place after the repoint: known before anything moves, and part of the budget. */
import type { Diagnostic } from '../model/diagnostic.ts';
import { Fault } from '../model/fault.ts';
import type { Wave } from '../model/plan.ts';
import type { Ports } from './contract.ts';

/** The longest of the drivers' tails; null where no driver can tell. */
export const repointTail = async (wave: Wave, ports: Pick<Ports, 'repoint'>): Promise<number | null> => {
  const tails = await Promise.all(wave.cutover.repoint.map((spec) => ports.repoint(spec).tailSeconds()));
  const known = tails.filter((tail): tail is number => tail !== null);
  return known.length === 0 ? null : Math.max(...known);
};

/** A record that is remembered for longer than the budget breaks it whatever else happens. */
export const checkTail = async ({
  wave,
  ports,
}: {
  readonly wave: Wave;
  readonly ports: Pick<Ports, 'repoint'>;
}): Promise<readonly Diagnostic[]> => {
  const budget = wave.cutover.downtimeBudgetSeconds;
  const tail = await repointTail(wave, ports).catch((error: unknown) => {
    // Said by the check that looks where the repoint stands.
    if (error instanceof Fault) return null;
    throw error;
  });
  if (tail === null || tail < budget) return [];
  return [
    {
      severity: 'error',
      code: 'preflight.repoint-tail',
      summary: 'Clients remember the old place for as long as the whole budget, or longer.',
      detail: `Wave ${wave.name}: up to ${tail} s after the repoint, downtimeBudget is ${budget} s.`,
      hint: 'Lower the TTL at least one old TTL before the run, or raise downtimeBudget.',
      range: wave.range,
    },
  ];
};

/** The registry of ways to repoint applications. A new kind is a file and a line here. */
import { Fault } from '../../model/fault.ts';
import type { RepointSpec } from '../../model/plan.ts';
import type { Repoint } from '../../ports/repoint.ts';
import { commandDriver } from './command.ts';
import type { RepointDriver, RepointServices } from './driver.ts';
import { manualDriver } from './manual.ts';
import { route53Driver } from './route53.ts';
import { secretsManagerDriver } from './secrets-manager.ts';

export const repointDrivers: readonly RepointDriver[] = [
  secretsManagerDriver,
  route53Driver,
  commandDriver,
  manualDriver,
];

export const createRepoint = (spec: RepointSpec, services: RepointServices): Repoint => {
  const driver = repointDrivers.find(({ kind }) => kind === spec.kind);
  if (driver) return driver.create(spec.settings, services);
  throw new Fault({
    code: 'repoint.unknown-kind',
    summary: 'The plan names a way to repoint that this octank lacks.',
    detail: spec.kind,
    hint: `Use one of ${repointDrivers.map(({ kind }) => kind).join(', ')}.`,
  });
};

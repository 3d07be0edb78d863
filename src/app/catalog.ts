/** The kinds that a plan may name, each decoded by the room that owns it. */
import { healthSources } from '../adapters/health/index.ts';
import { repointDrivers } from '../adapters/repoint/index.ts';
import type { PlanCatalog } from '../plan/index.ts';

export const catalog: PlanCatalog = {
  engines: ['postgres', 'aurora-postgresql'],
  gates: healthSources,
  repoints: repointDrivers,
};

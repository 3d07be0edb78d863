/** The plan's JSON Schema, from the same schema that decodes it: what editors complete and check while one types. */
import { z } from 'zod';
import type { PlanCatalog } from './catalog.ts';
import { planShape } from './shape/plan.ts';

/** Draft 7, because the common YAML language server reads no newer one. */
export const jsonSchema = (catalog: PlanCatalog): object => ({
  ...z.toJSONSchema(planShape(catalog), { io: 'input', target: 'draft-7', unrepresentable: 'any' }),
  title: 'octank plan',
});

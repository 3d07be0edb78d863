/** The room's door: text in, Plan or diagnostics out. */
export type { GateKind, PlanCatalog, RepointKind } from './catalog.ts';
export { type DecodedPlan, type DecodeOptions, decodePlan, readPlan } from './decode.ts';
export { matchTables } from './globs.ts';
export { jsonSchema } from './json-schema.ts';
export { lintPlan } from './lint/index.ts';
export { renderPlan } from './render.ts';

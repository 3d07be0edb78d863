/** The JSON that others rely on, as schemas: their types here, their JSON Schemas generated to schemas/. DESIGN section 5. */
import { z } from 'zod';

const formatVersion = z.literal(1);
const severity = z.enum(['error', 'warning', 'info']);
const range = z
  .object({ file: z.string(), line: z.int(), column: z.int(), endLine: z.int(), endColumn: z.int() })
  .nullable();

export const diagnosticJson = z.object({
  severity,
  code: z.string(),
  summary: z.string(),
  detail: z.string(),
  hint: z.string(),
  range,
});

export const planJson = z.object({
  formatVersion,
  plan: z.object({ name: z.string(), digest: z.string() }),
  changeSet: z
    .object({
      digest: z.string(),
      steps: z.array(
        z.object({
          id: z.string(),
          phase: z.string(),
          wave: z.string().nullable(),
          action: z.enum(['create', 'change', 'delete', 'read', 'wait']),
          summary: z.string(),
          destructive: z.boolean(),
          approval: z.string().nullable(),
        }),
      ),
    })
    .nullable()
    .describe('null when the plan is not valid'),
  diagnostics: z.array(diagnosticJson),
  changes: z.boolean().describe('whether apply would change anything'),
});

const sample = z.object({
  key: z.record(z.string(), z.string().nullable()),
  kind: z.enum(['missing', 'extraneous', 'mismatched', 'inFlight']),
  columns: z.array(z.object({ name: z.string(), source: z.string().nullable(), target: z.string().nullable() })),
});

const tableParity = z.object({
  name: z.string(),
  sourceRows: z.int(),
  targetRows: z.int(),
  missing: z.int(),
  extraneous: z.int(),
  mismatched: z.int(),
  inFlight: z.int(),
  chunks: z.int(),
  seconds: z.number(),
  samples: z.array(sample),
});

export const parityJson = z.object({
  formatVersion,
  verdict: z.enum(['equal', 'different', 'inconclusive']),
  tables: z.array(tableParity),
  notes: z.array(z.string()),
});

const writer = z.enum(['source', 'none', 'target']);

export const rollbackCost = z.object({
  possible: z.boolean(),
  kind: z.enum(['nothing-to-do', 'unfence', 'weights', 'fallback', 'none']),
  rowsAtRisk: z.int().nullable().describe('null when it is not known'),
  tailSeconds: z.number().nullable(),
  reason: z.string(),
});

export const statusJson = z.object({
  formatVersion,
  run: z
    .object({ id: z.string(), lineage: z.string(), plan: z.string(), startedAt: z.string(), head: z.string() })
    .nullable(),
  outcome: z.enum(['not-started', 'running', 'succeeded', 'held', 'rolled-back', 'failed', 'interrupted']),
  phase: z.string().nullable(),
  steps: z.array(
    z.object({
      id: z.string(),
      status: z.enum(['pending', 'intended', 'done', 'failed', 'unknown', 'undoing', 'undone']),
      summary: z.string(),
      seconds: z.number().nullable(),
      fault: z.object({ code: z.string(), summary: z.string(), detail: z.string(), hint: z.string() }).nullable(),
    }),
  ),
  writer: z.record(z.string(), writer).describe('wave -> who takes writes'),
  lagSeconds: z.record(z.string(), z.number().nullable()),
  weights: z.record(z.string(), z.object({ source: z.int(), target: z.int(), targetSharePercent: z.number() })),
  lock: z.object({ owner: z.string(), alive: z.boolean(), command: z.string() }).nullable(),
  hold: z.object({ step: z.string(), reason: z.string(), hint: z.string() }).nullable(),
  rollback: rollbackCost,
});

export const outcomeJson = z.enum(['succeeded', 'held', 'rolled-back', 'failed', 'interrupted']);

export const resultJson = z.object({
  type: z.literal('result'),
  outcome: outcomeJson,
  exitCode: z.int(),
  phases: z.array(z.object({ name: z.string(), seconds: z.number() })),
  downtimeSeconds: z.number().nullable(),
  clients: z
    .object({ medianDowntimeSeconds: z.number().nullable(), p99DowntimeSeconds: z.number().nullable() })
    .nullable(),
  writes: z
    .object({
      acknowledged: z.int(),
      refused: z.int(),
      indeterminate: z.int(),
      lost: z.int(),
      duplicated: z.int(),
    })
    .nullable()
    .describe('measured by the rehearsal; null in a plain apply'),
  parity: z.object({ verdict: z.string(), tables: z.int(), rows: z.int() }).nullable(),
  traffic: z
    .object({
      requests: z.int().nullable(),
      failed: z.int().nullable(),
      shares: z.array(
        z.object({ record: z.string(), expectedPercent: z.number(), measuredPercent: z.number().nullable() }),
      ),
    })
    .nullable(),
  rollback: rollbackCost,
  violations: z.array(z.object({ code: z.string(), detail: z.string(), at: z.string() })).optional(),
  fault: z.object({ code: z.string(), summary: z.string(), detail: z.string(), hint: z.string() }).nullable(),
  report: z.string().optional().describe('path of the HTML report, where one was written'),
  clockRate: z.number(),
});

export type PlanJson = z.infer<typeof planJson>;
export type StatusJson = z.infer<typeof statusJson>;
export type ResultJson = z.infer<typeof resultJson>;
export type RollbackCost = z.infer<typeof rollbackCost>;

/** Name of the file under schemas/ -> schema. */
export const outputSchemas = {
  'plan.schema.json': planJson,
  'verify.schema.json': parityJson,
  'status.schema.json': statusJson,
  'result.schema.json': resultJson,
} as const;

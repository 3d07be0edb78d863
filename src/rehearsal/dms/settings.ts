/** Task settings: AWS's defaults, what was given over them, and refusals of what AWS refuses. behaviour.md I14. */
import { z } from 'zod';
import { invalidValue } from './request.ts';

const applyPolicy = z.enum([
  'LOG_ERROR',
  'IGNORE_RECORD',
  'SUSPEND_TABLE',
  'STOP_TASK',
  'INSERT_RECORD',
  'UPDATE_RECORD',
]);
const tablePolicy = z.enum(['SUSPEND_TABLE', 'STOP_TASK']);
const recordPolicy = z.enum(['LOG_ERROR', 'IGNORE_RECORD', 'SUSPEND_TABLE', 'STOP_TASK']);

// Loose objects: AWS accepts sections that this engine does not use (logging, validation), and keeps them.
const settingsSchema = z.looseObject({
  TargetMetadata: z
    .looseObject({
      TargetSchema: z.string().default(''),
      SupportLobs: z.boolean().default(true),
      FullLobMode: z.boolean().default(false),
      LobChunkSize: z.number().default(64),
      LimitedSizeLobMode: z.boolean().default(true),
      LobMaxSize: z.number().int().min(0).max(102_400).default(32),
      InlineLobMaxSize: z.number().int().min(0).max(102_400).default(0),
      BatchApplyEnabled: z.boolean().default(false),
      TaskRecoveryTableEnabled: z.boolean().default(false),
    })
    .prefault({}),
  FullLoadSettings: z
    .looseObject({
      TargetTablePrepMode: z.enum(['DO_NOTHING', 'DROP_AND_CREATE', 'TRUNCATE_BEFORE_LOAD']).default('DO_NOTHING'),
      CreatePkAfterFullLoad: z.boolean().default(false),
      StopTaskCachedChangesApplied: z.boolean().default(false),
      StopTaskCachedChangesNotApplied: z.boolean().default(false),
      MaxFullLoadSubTasks: z.number().int().min(1).max(49).default(8),
      TransactionConsistencyTimeout: z.number().int().min(0).default(600),
      CommitRate: z.number().int().min(1).max(50_000).default(10_000),
    })
    .prefault({}),
  ControlTablesSettings: z
    .looseObject({
      ControlSchema: z.string().default(''),
    })
    .prefault({}),
  ChangeProcessingTuning: z
    .looseObject({
      BatchApplyPreserveTransaction: z.boolean().default(true),
      BatchApplyTimeoutMin: z.number().min(1).default(1),
      BatchApplyTimeoutMax: z.number().min(1).default(30),
      MinTransactionSize: z.number().int().min(1).default(1000),
      CommitTimeout: z.number().min(1).default(1),
    })
    .prefault({}),
  ErrorBehavior: z
    .looseObject({
      DataErrorPolicy: recordPolicy.default('LOG_ERROR'),
      DataTruncationErrorPolicy: recordPolicy.default('LOG_ERROR'),
      TableErrorPolicy: tablePolicy.default('SUSPEND_TABLE'),
      RecoverableErrorCount: z.number().int().min(-1).default(-1),
      RecoverableErrorInterval: z.number().min(0).default(5),
      ApplyErrorDeletePolicy: applyPolicy.default('IGNORE_RECORD'),
      ApplyErrorInsertPolicy: applyPolicy.default('LOG_ERROR'),
      ApplyErrorUpdatePolicy: applyPolicy.default('LOG_ERROR'),
      FullLoadIgnoreConflicts: z.boolean().default(true),
    })
    .prefault({}),
});

export type TaskSettings = z.infer<typeof settingsSchema>;

/** The settings as AWS would return them: given words over the defaults. */
export const decodeSettings = (json: string | null): TaskSettings => {
  let given: unknown;
  try {
    given = json === null || json.trim() === '' ? {} : JSON.parse(json);
  } catch {
    throw invalidValue('Invalid task settings json: not json');
  }
  // The console and older templates send null for a section that was left empty.
  const cleaned =
    typeof given === 'object' && given !== null
      ? Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
      : given;
  const result = settingsSchema.safeParse(cleaned);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw invalidValue(`Invalid task settings json: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const settings = result.data;
  const asked = (cleaned as { TargetMetadata?: Record<string, unknown> }).TargetMetadata ?? {};
  if (asked.FullLobMode === true && asked.LimitedSizeLobMode === true)
    throw invalidValue('Invalid task settings json: FullLobMode and LimitedSizeLobMode cannot both be true');
  const load = settings.FullLoadSettings;
  if (load.StopTaskCachedChangesApplied && load.StopTaskCachedChangesNotApplied)
    throw invalidValue(
      'Invalid task settings json: StopTaskCachedChangesApplied and StopTaskCachedChangesNotApplied cannot both be true',
    );
  return settings.TargetMetadata.FullLobMode
    ? { ...settings, TargetMetadata: { ...settings.TargetMetadata, LimitedSizeLobMode: false } }
    : settings;
};

export type LobPolicy =
  | { readonly mode: 'none' }
  | { readonly mode: 'limited'; readonly maxBytes: number }
  /** Up to `inlineBytes` with the row; what is larger afterwards, by key. */
  | { readonly mode: 'full'; readonly inlineBytes: number };

export const lobPolicy = ({ TargetMetadata: given }: TaskSettings): LobPolicy => {
  if (!given.SupportLobs) return { mode: 'none' };
  if (given.FullLobMode) return { mode: 'full', inlineBytes: given.InlineLobMaxSize * 1024 };
  // LobMaxSize 0 means no limit in AWS.
  return given.LobMaxSize === 0
    ? { mode: 'full', inlineBytes: Number.MAX_SAFE_INTEGER }
    : { mode: 'limited', maxBytes: given.LobMaxSize * 1024 };
};

/** A failure while acting, classed by what may be done next: the effect did not happen, did happen, or nobody knows yet. */
export type FaultEffect = 'none' | 'done' | 'unknown';

/** Exit code per family of fault, where it is not the plain 1. DESIGN section 5. */
export const exitCodes = {
  done: 0,
  fault: 1,
  changes: 2,
  invalid: 3,
  different: 4,
  gateFailed: 5,
  approvalNeeded: 6,
  locked: 7,
  stale: 8,
  held: 9,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface FaultFields {
  /** Stable, dotted: `lock.held`, `dms.task-failed`, `fence.not-closed`. */
  readonly code: string;
  /** One sentence without user-chosen words. */
  readonly summary: string;
  /** The words of this case. Never a secret. */
  readonly detail?: string;
  /** The next command to type, or what to change. */
  readonly hint?: string;
  readonly effect?: FaultEffect;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

export class Fault extends Error {
  readonly code: string;
  readonly summary: string;
  readonly detail: string;
  readonly hint: string;
  readonly effect: FaultEffect;
  readonly exitCode: ExitCode;

  constructor(fields: FaultFields) {
    super(fields.detail ? `${fields.summary} ${fields.detail}` : fields.summary, { cause: fields.cause });
    this.name = 'Fault';
    this.code = fields.code;
    this.summary = fields.summary;
    this.detail = fields.detail ?? '';
    this.hint = fields.hint ?? '';
    this.effect = fields.effect ?? 'none';
    this.exitCode = fields.exitCode ?? exitCodes.fault;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Any thrown thing as a Fault; what is not one already is a defect or an unmapped driver error, and says so. */
export const toFault = (error: unknown, effect: FaultEffect = 'unknown'): Fault =>
  error instanceof Fault
    ? error
    : new Fault({
        code: 'internal.unexpected',
        summary: 'Something failed that octank does not know by name.',
        detail: messageOf(error),
        hint: 'Run the same command again: it reads the world first and continues. Report this message if it stays.',
        effect,
        cause: error,
      });

/** Programmer errors only: what the caller's code promised does not hold. */
export const assert: (condition: unknown, why: string) => asserts condition = (condition, why) => {
  if (!condition)
    throw new Fault({
      code: 'internal.assertion',
      summary: 'An assumption of octank does not hold.',
      detail: why,
      effect: 'unknown',
    });
};

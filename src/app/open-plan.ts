/** Reads a plan from where the user names it: a YAML file, or a saved plan that carries its text and its change set. */
import { readFile } from 'node:fs/promises';
import { decodeSavedPlan, looksLikeSavedPlan, type SavedPlan } from '../change/saved-plan.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { hasErrors } from '../model/diagnostic.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Plan } from '../model/plan.ts';
import { readPlan } from '../plan/index.ts';
import { catalog } from './catalog.ts';

export interface OpenedPlan {
  readonly plan: Plan | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly file: string;
  readonly text: string;
  readonly saved: SavedPlan | null;
}

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? error.code : undefined;
    const missing = errno === 'ENOENT';
    throw new Fault({
      code: missing ? 'plan.file-missing' : 'plan.file-unreadable',
      summary: missing ? 'The plan file does not exist.' : 'The plan file cannot be read.',
      detail: file,
      hint: missing
        ? 'Name an existing file; plans/minimal.yaml is the smallest example.'
        : errno === 'EISDIR'
          ? 'This is a folder: name the plan file in it.'
          : 'Correct its permissions.',
      exitCode: exitCodes.invalid,
    });
  }
};

export const openPlan = async (file: string): Promise<OpenedPlan> => {
  const text = await readText(file);
  if (looksLikeSavedPlan(text)) {
    const saved = decodeSavedPlan(text);
    const { plan, diagnostics } = readPlan(saved.planText, { file: saved.planFile, catalog });
    return { plan, diagnostics, file: saved.planFile, text: saved.planText, saved };
  }
  const { plan, diagnostics } = readPlan(text, { file, catalog });
  return { plan, diagnostics, file, text, saved: null };
};

/** Carries the diagnostics, so that a command prints all of them and not the first. */
export class InvalidPlan extends Fault {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[], exitCode: 1 | 3 = 3) {
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
    super({
      code: errors[0]?.code ?? 'plan.invalid',
      summary: errors[0]?.summary ?? 'The plan is not valid.',
      detail: errors[0]?.detail ?? '',
      hint: errors[0]?.hint ?? '',
      exitCode,
    });
    this.diagnostics = diagnostics;
  }
}

/** Faults: `InvalidPlan` with every diagnostic. */
export const requirePlan = (opened: OpenedPlan): Plan => {
  if (opened.plan === null || hasErrors(opened.diagnostics)) throw new InvalidPlan(opened.diagnostics);
  return opened.plan;
};

/** Saved plan files: what was reviewed, sealed, so that apply performs that and nothing else. */
import { digestOf } from '../model/canonical.ts';
import type { Change, ChangeSet } from '../model/change.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import { phaseNames } from '../model/phase.ts';
import { changeSetDigest } from './change-set.ts';

export interface SavedPlan {
  readonly planFile: string;
  /** The plan's text as it was reviewed: apply decodes this, never the file as it is now. */
  readonly planText: string;
  readonly changeSet: ChangeSet;
  readonly octankVersion: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

const format = 'octank-plan';
export const savedPlanVersion = 1;

type Unknown = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);

const isChange = (value: unknown): value is Change =>
  isObject(value) &&
  [value.id, value.kind, value.action, value.summary].every(isText) &&
  phaseNames.some((phase) => phase === value.phase) &&
  [value.wave, value.approval, value.section].every(isTextOrNull) &&
  typeof value.destructive === 'boolean' &&
  isObject(value.inputs);

const isChangeSet = (value: unknown): value is ChangeSet =>
  isObject(value) &&
  value.formatVersion === 1 &&
  isObject(value.plan) &&
  [value.plan.name, value.plan.digest, value.digest].every(isText) &&
  isObject(value.basis) &&
  Object.values(value.basis).every(isText) &&
  Array.isArray(value.changes) &&
  value.changes.every(isChange);

const again = 'Compute and review it again: octank migrate plan PLAN --out FILE';

const unreadable = (detail: string, cause?: unknown): Fault =>
  new Fault({
    code: 'saved-plan.unreadable',
    summary: 'The file is not a saved plan.',
    detail,
    hint: again,
    exitCode: exitCodes.invalid,
    cause,
  });

const tampered = (detail: string): Fault =>
  new Fault({
    code: 'saved-plan.tampered',
    summary: 'The saved plan is not the one that was written.',
    detail,
    hint: again,
    exitCode: exitCodes.invalid,
  });

const newer = (version: number, writer: unknown): Fault =>
  new Fault({
    code: 'saved-plan.newer',
    summary: 'The saved plan was written by a newer octank.',
    detail: `It has version ${version}${typeof writer === 'string' ? `, written by octank ${writer.slice(0, 40)}` : ''}; this octank reads up to ${savedPlanVersion}.`,
    hint: 'Apply it with the octank that wrote it.',
    exitCode: exitCodes.invalid,
  });

export const encodeSavedPlan = (saved: SavedPlan): string => {
  const body = { format, version: savedPlanVersion, ...saved };
  return `${JSON.stringify({ ...body, sha256: digestOf(body) }, null, 1)}\n`;
};

const parse = (text: string): Unknown => {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && value.format === format) return value;
  } catch (cause) {
    throw unreadable('It is not whole JSON.', cause);
  }
  throw unreadable('It does not say that it is one.');
};

/** Whether a file is meant as a saved plan: `apply` takes plans and saved plans alike. */
export const looksLikeSavedPlan = (text: string): boolean =>
  text.trimStart().startsWith('{') && text.slice(0, 400).includes(`"${format}"`);

/** Faults: `saved-plan.unreadable`, `saved-plan.newer`, `saved-plan.tampered`; all of effect none. */
export const decodeSavedPlan = (text: string): SavedPlan => {
  const { sha256: seal, ...body } = parse(text);
  // Before the seal: a newer octank may seal otherwise, and "tampered" would then be a false accusation.
  if (typeof body.version === 'number' && body.version > savedPlanVersion)
    throw newer(body.version, body.octankVersion);
  if (digestOf(body) !== seal) throw tampered('Its sum does not fit its content.');
  const { planFile, planText, changeSet, octankVersion, createdAt } = body;
  if (!isText(planFile) || !isText(planText) || !isText(octankVersion) || !isText(createdAt))
    throw unreadable('It lacks the plan, or who wrote it when.');
  if (!isChangeSet(changeSet)) throw unreadable('Its change set is not one.');
  // Whoever can recompute the outer seal has still not made the two digests agree that the journal and the report show.
  if (changeSetDigest(changeSet) !== changeSet.digest)
    throw tampered('The digest of its change set does not fit its steps.');
  return { planFile, planText, changeSet, octankVersion, createdAt };
};

/** The fault for a saved plan whose world has moved, naming the parts. */
export const stalePlan = (parts: readonly string[]): Fault =>
  new Fault({
    code: 'saved-plan.stale',
    summary: 'The world has moved since the plan was computed.',
    detail: `Different now: ${parts.join(', ')}.`,
    hint: again,
    exitCode: exitCodes.stale,
  });

/** The fault for a saved plan that has already been carried out to its end. */
export const finishedPlan = (digestText: string): Fault =>
  new Fault({
    code: 'saved-plan.finished',
    summary: 'This plan has already been carried out.',
    detail: `Change set ${digestText.slice(0, 12)}.`,
    hint: 'See octank migrate status PLAN. To migrate again, give the plan another name.',
    exitCode: exitCodes.stale,
  });

/** Saved plans that were touched, and amendments. */
import { describe, expect, it } from 'vitest';
import { digestOf } from '../model/canonical.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import { diffChangeSets } from './amendment.ts';
import { makeChangeSet } from './change-set.ts';
import { decodeSavedPlan, encodeSavedPlan, finishedPlan, looksLikeSavedPlan, stalePlan } from './saved-plan.ts';
import { change } from './testing/changes.ts';

const plan = { name: 'shop', digest: 'a'.repeat(64), waves: [{ name: 'shop', needs: [] }] };
const changeSet = makeChangeSet({
  plan,
  changes: [change('cutover/shop/fence', { phase: 'cutover', wave: 'shop', inputs: { seconds: 30, tables: ['a'] } })],
  basis: { 'cutover/shop': 'b'.repeat(64) },
});
const saved = {
  planFile: 'plans/shop.yaml',
  planText: 'name: shop # größer\n',
  changeSet,
  octankVersion: '0.1.0',
  createdAt: '2026-11-24T16:00:00.000Z',
};
const text = encodeSavedPlan(saved);

const faultOf = (broken: string): Fault | undefined => {
  try {
    decodeSavedPlan(broken);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  return undefined;
};

/** The file with something changed inside and a seal that fits again: what somebody with this source could make. */
const resealed = (edit: (body: Record<string, unknown>) => Record<string, unknown>): string => {
  const { sha256: _, ...body } = JSON.parse(text);
  const edited = edit(body);
  return JSON.stringify({ ...edited, sha256: digestOf(edited) });
};

describe('a saved plan', () => {
  it('is read as it was written', () => {
    expect(decodeSavedPlan(text)).toEqual(saved);
    expect(encodeSavedPlan(decodeSavedPlan(text))).toBe(text);
    expect(looksLikeSavedPlan(text)).toBe(true);
    expect(looksLikeSavedPlan('apiVersion: octank/v1\n')).toBe(false);
  });

  it('is the same plan when an editor has laid out its JSON anew', () => {
    expect(decodeSavedPlan(JSON.stringify(JSON.parse(text), null, 8))).toEqual(saved);
  });

  it.each([
    ['an edited step', text.replace('"seconds": 30', '"seconds": 31'), 'saved-plan.tampered'],
    ['an edited plan text', text.replace('name: shop', 'name: shap'), 'saved-plan.tampered'],
    ['an edited version', text.replace('"octankVersion": "0.1.0"', '"octankVersion": "0.1.1"'), 'saved-plan.tampered'],
    ['a seal taken off', text.replace(/"sha256": "[0-9a-f]+"/, '"sha256": ""'), 'saved-plan.tampered'],
    ['half a file', text.slice(0, text.length / 2), 'saved-plan.unreadable'],
    ['an empty file', '', 'saved-plan.unreadable'],
    ['some other JSON', '{"format":"octank-journal"}', 'saved-plan.unreadable'],
    ['null', 'null', 'saved-plan.unreadable'],
    ['a newer format', resealed((body) => ({ ...body, version: 2, octankVersion: '9.0.0' })), 'saved-plan.newer'],
    ['a newer format with another seal', text.replace('"version": 1', '"version": 7'), 'saved-plan.newer'],
    [
      'a step sealed anew',
      resealed((body) => ({ ...body, changeSet: { ...changeSet, changes: [] } })),
      'saved-plan.tampered',
    ],
    [
      'a step that is none',
      resealed((body) => ({ ...body, changeSet: { ...changeSet, changes: [{ id: 'x' }] } })),
      'saved-plan.unreadable',
    ],
    ['no plan text', resealed(({ planText: _, ...body }) => body), 'saved-plan.unreadable'],
  ])('refuses %s', (_, broken, code) => {
    expect(broken).not.toBe(text);
    const fault = faultOf(broken);
    expect(fault?.code).toBe(code);
    expect(fault?.effect).toBe('none');
    expect(fault?.exitCode).toBe(exitCodes.invalid);
  });

  it('says stale and finished with exit code 8', () => {
    expect(stalePlan(['dns'])).toMatchObject({ code: 'saved-plan.stale', exitCode: 8, detail: 'Different now: dns.' });
    expect(finishedPlan(changeSet.digest)).toMatchObject({ code: 'saved-plan.finished', exitCode: 8 });
  });
});

describe('an amendment', () => {
  const of = (...changes: readonly ReturnType<typeof change>[]) => ({ changes });
  const [a, b, c] = [change('a'), change('b'), change('c')];

  it('names what comes, goes and differs', () => {
    const other = change('b', { inputs: { rows: 2 }, approval: 'cutover' });
    const diff = diffChangeSets(of(a, b), of(other, c));
    expect(diff.added.map(({ id }) => id)).toEqual(['c']);
    expect(diff.removed.map(({ id }) => id)).toEqual(['a']);
    expect(diff.changed).toEqual([{ before: b, after: other, fields: ['approval', 'inputs'] }]);
    expect(diff.isSame).toBe(false);
  });

  it('does not take another order for the same', () => {
    expect(diffChangeSets(of(a, b), of(b, a))).toMatchObject({ isReordered: true, isSame: false, changed: [] });
    expect(diffChangeSets(of(a, b), of(a, c, b))).toMatchObject({ isReordered: false, isSame: false });
    expect(diffChangeSets(of(a, b), of(a, b))).toMatchObject({ isReordered: false, isSame: true });
  });
});

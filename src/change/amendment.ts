/** What a new change set would do otherwise than the old one: shown and approved before it takes the old one's place. */
import { canonicalJson } from '../model/canonical.ts';
import type { Change, ChangeSet } from '../model/change.ts';

export interface ChangedStep {
  readonly before: Change;
  readonly after: Change;
  /** Names of the fields that differ: `inputs`, `summary`, `approval`. */
  readonly fields: readonly string[];
}

export interface ChangeSetDiff {
  readonly added: readonly Change[];
  readonly removed: readonly Change[];
  readonly changed: readonly ChangedStep[];
  /** Steps in both, but not in the same order. */
  readonly isReordered: boolean;
  /** Nothing that would be performed differs. The basis may. */
  readonly isSame: boolean;
}

const fieldsThatDiffer = (a: Change, b: Change): readonly string[] => {
  const fields: readonly (keyof Change)[] = [
    'phase',
    'wave',
    'kind',
    'action',
    'summary',
    'destructive',
    'approval',
    'section',
    'inputs',
  ];
  return fields.filter((field) => canonicalJson(a[field]) !== canonicalJson(b[field]));
};

export const diffChangeSets = (a: Pick<ChangeSet, 'changes'>, b: Pick<ChangeSet, 'changes'>): ChangeSetDiff => {
  const before = new Map(a.changes.map((change) => [change.id, change]));
  const after = new Map(b.changes.map((change) => [change.id, change]));
  const added = b.changes.filter(({ id }) => !before.has(id));
  const removed = a.changes.filter(({ id }) => !after.has(id));
  const changed = b.changes.flatMap((change): readonly ChangedStep[] => {
    const old = before.get(change.id);
    const fields = old ? fieldsThatDiffer(old, change) : [];
    return old && fields.length > 0 ? [{ before: old, after: change, fields }] : [];
  });
  const kept = (changes: readonly Change[]): string =>
    changes
      .map(({ id }) => id)
      .filter((id) => before.has(id) && after.has(id))
      .join('\n');
  const isReordered = kept(a.changes) !== kept(b.changes);
  return {
    added,
    removed,
    changed,
    isReordered,
    isSame: added.length + removed.length + changed.length === 0 && !isReordered,
  };
};

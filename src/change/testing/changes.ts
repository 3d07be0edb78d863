/** Steps for the tests of this room: only what a case is about is written. */
import type { Change } from '../../model/change.ts';

export const change = (id: string, fields: Partial<Change> = {}): Change => ({
  id,
  phase: 'preflight',
  wave: null,
  kind: 'test.step',
  action: 'change',
  summary: `do ${id}`,
  destructive: false,
  approval: null,
  section: null,
  inputs: {},
  ...fields,
});

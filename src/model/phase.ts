/** The named stretches of a migration, in order. Order is this list; nothing else keeps it. */
export const phaseNames = [
  'preflight',
  'provision',
  'convert-schema',
  'full-load',
  'cdc',
  'verify',
  'cutover',
  'traffic',
  'finalize',
] as const;

export type PhaseName = (typeof phaseNames)[number];

export const comesBefore = (a: PhaseName, b: PhaseName): boolean => phaseNames.indexOf(a) < phaseNames.indexOf(b);

/** Repeatable chance: the same seed gives the same choices, so that a failed rehearsal can be run again. */
export interface Random {
  /** 0 <= value < below, whole. */
  int(below: number): number;
  /** 0 <= value < 1. */
  unit(): number;
}

/** mulberry32: small, fast, good enough to choose rows. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
  return { unit, int: (below) => Math.floor(unit() * below) };
};

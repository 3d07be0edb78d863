/** Axes: values to places, and ticks at numbers that people would choose. Pure. */

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** Value to place; values outside are held at the ends. */
  place(value: number): number;
}

export const scale = (values: readonly [number, number], places: readonly [number, number]): Scale => {
  const [from, low] = [values[0], places[0]];
  // A span of nothing (one point, or all at once) still needs a length to divide by.
  const to = values[1] > from ? values[1] : from + 1;
  const place = (value: number): number => {
    const held = Math.min(to, Math.max(from, value));
    return Number((low + ((held - from) / (to - from)) * (places[1] - low)).toFixed(2));
  };
  return { from, to, place };
};

/** The smallest of 1, 2, 5 x 10^n that gives at most `most` steps. */
const roundStep = (span: number, most: number): number => {
  const rough = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9)) ?? 10 * power;
};

const multiples = (step: number, from: number, to: number): readonly number[] => {
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
};

export const ticks = (from: number, to: number, most = 5): readonly number[] =>
  to > from ? multiples(roundStep(to - from, most), from, to) : [from];

/** The next tick at or above: where a value axis ends, so that the curve never touches the frame. */
export const ceiling = (value: number, most = 4): number => {
  if (!(value > 0)) return 1;
  const step = roundStep(value, most);
  return Number((Math.ceil(value / step - 1e-9) * step).toPrecision(12));
};

const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Ticks of elapsed seconds, at steps of a clock rather than of a ruler. */
export const timeTicks = (seconds: number, most = 8): readonly number[] => {
  if (!(seconds > 0)) return [0];
  if (seconds < most) return ticks(0, seconds, most);
  const step =
    clockSteps.find((candidate) => seconds / candidate <= most) ?? roundStep(seconds / 86_400, most) * 86_400;
  return multiples(step, 0, seconds);
};

const clipped = (value: number): string => String(Number(value.toPrecision(6)));

/** One unit for the whole axis: the largest that every tick is a round number of. */
export const timeLabel = (seconds: number, span: number): string => {
  if (seconds === 0) return '0';
  if (span < 180) return `${clipped(seconds)} s`;
  if (span < 3 * 3600) {
    const minutes = Math.floor(seconds / 60);
    const rest = Math.round(seconds - minutes * 60);
    return rest === 0 ? `${minutes} min` : `${minutes}:${String(rest).padStart(2, '0')} min`;
  }
  if (span < 72 * 3600) {
    const hours = Math.floor(seconds / 3600);
    const rest = Math.round((seconds - hours * 3600) / 60);
    return rest === 0 ? `${hours} h` : `${hours}:${String(rest).padStart(2, '0')} h`;
  }
  return `${clipped(seconds / 86_400)} d`;
};

/** 1.2M, 300k, 42. */
export const shortCount = (value: number): string => {
  for (const [limit, suffix] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (Math.abs(value) >= limit) return `${clipped(value / limit)}${suffix}`;
  return clipped(value);
};

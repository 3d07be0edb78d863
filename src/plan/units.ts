/** Durations, sizes, comparisons and M-of-N as people write them in a plan. */

const seconds = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 } as const;
const bytes = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

/** `90` and `"90"` are seconds; `30s`, `15m`, `1h30m`, `250ms`. Undefined when it is none of these. */
export const parseDuration = (written: string | number): number | undefined => {
  const text = String(written).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * seconds[unit as keyof typeof seconds];
  return Math.round(total * 1000) / 1000;
};

/** The shortest exact way to write that many seconds. */
export const formatDuration = (total: number): string => {
  for (const unit of ['d', 'h', 'm'] as const)
    if (total >= seconds[unit] && total % seconds[unit] === 0) return `${total / seconds[unit]}${unit}`;
  return Number.isInteger(total) ? `${total}s` : `${Math.round(total * 1000)}ms`;
};

export const parseBytes = (written: string | number): number | undefined => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(B|[KMGT]i?B)?$/.exec(String(written).trim()) ?? [];
  return amount === undefined ? undefined : Math.round(Number(amount) * bytes[(unit ?? 'B') as keyof typeof bytes]);
};

export type Comparison = '>' | '>=' | '<' | '<=';

/** `"> 0.01"`. */
export const parseFailWhen = (
  written: string,
): { readonly comparison: Comparison; readonly threshold: number } | undefined => {
  const [, comparison, threshold] = /^\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*$/i.exec(written) ?? [];
  return comparison === undefined ? undefined : { comparison: comparison as Comparison, threshold: Number(threshold) };
};

/** `"3 of 5"`. */
export const parseMofN = (written: string): { readonly m: number; readonly n: number } | undefined => {
  const [, m, n] = /^\s*(\d{1,4})\s+of\s+(\d{1,4})\s*$/.exec(written) ?? [];
  return m === undefined ? undefined : { m: Number(m), n: Number(n) };
};

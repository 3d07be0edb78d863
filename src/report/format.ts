/** Numbers, durations and tables as people read them. */

export const formatCount = (value: number): string => Math.round(value).toLocaleString('en-US');

/** 0.40 s, 1.4 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. Rounded before it is split, so that no "60 s" stands beside minutes. */
export const formatSeconds = (seconds: number): string => {
  if (seconds <= 0) return '0 s';
  if (seconds < 0.005) return '<0.01 s';
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** At most one decimal, and never rounded to an end that was not reached: 99.97 is not all, 0.02 is not nothing. */
export const formatPercent = (value: number): string => {
  if (Number.isInteger(value)) return `${value} %`;
  const rounded = value.toFixed(1);
  return `${rounded === '100.0' ? '99.9' : rounded === '0.0' ? '<0.1' : rounded} %`;
};

export const formatTime = (epochMs: number): string => new Date(epochMs).toISOString().slice(11, 19);

/** 2026-11-24 17:00:05 UTC. */
export const formatMoment = (epochMs: number): string =>
  `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

/** Control characters and turns of writing direction spelled out: a value must neither look like another nor move a cursor. */
export const visible = (text: string): string =>
  text.replace(unseen, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The same on one line. */
export const oneLine = (text: string): string => visible(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');

/** Columns padded to their widest cell; numbers to the right. */
export const alignColumns = (
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): readonly string[] => {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row
      .map((cell, index) =>
        right.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
};

/** Wraps at spaces; every line after the first is indented. */
export const wrap = (text: string, width: number, indent = ''): string => {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + word.length + 1 > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.join(`\n${indent}`);
};

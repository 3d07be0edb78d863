/** Colours, only where a terminal shows them and nobody forbade them. */
export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

const sequence =
  (open: number, close: number): Paint =>
  (text) =>
    `\u001b[${open}m${text}\u001b[${close}m`;

const plain: Paint = (text) => text;

export const noStyle: Style = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain };

const ansi: Style = {
  bold: sequence(1, 22),
  dim: sequence(2, 22),
  red: sequence(31, 39),
  green: sequence(32, 39),
  yellow: sequence(33, 39),
  cyan: sequence(36, 39),
};

/** `NO_COLOR` wins, then `FORCE_COLOR`, then whether the stream is a terminal. */
export const styleFor = (options: {
  readonly isTerminal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Style => {
  const { NO_COLOR, FORCE_COLOR } = options.environment;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return noStyle;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '0') return ansi;
  return options.isTerminal ? ansi : noStyle;
};

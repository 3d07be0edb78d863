/** What a bench answers with: a figure beside its peer's, measured in turns in one run, and the limit on their ratio. */

export interface Round {
  /** Seconds of octank. */
  readonly own: number;
  readonly peer: number;
}

export interface Figure {
  readonly name: string;
  readonly own: string;
  readonly peer: string;
  /** In words: what was measured. */
  readonly ratio: number | null;
  readonly limit: string;
  /** Null: told, not judged. */
  readonly isMet: boolean | null;
}

export interface Bench {
  readonly name: string;
  readonly says: string;
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

export interface BenchOptions {
  /** Instead of each bench's own size, for small tries. */
  readonly rows: number | null;
  readonly rounds: number;
  readonly log: (line: string) => void;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) throw new Error('no median of nothing');
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

const secondsText = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;

/** Medians side by side. The ratio is the median of the rounds' own ratios: a machine that grows slower slows both of one round. */
export const compared = (options: {
  readonly name: string;
  readonly rounds: readonly Round[];
  readonly limit: number | null;
}): Figure => {
  const { name, rounds, limit } = options;
  const ratio = median(rounds.map(({ own, peer }) => own / peer));
  return {
    name,
    own: secondsText(median(rounds.map(({ own }) => own))),
    peer: secondsText(median(rounds.map(({ peer }) => peer))),
    ratio,
    limit: limit === null ? '-' : `<= ${limit}`,
    isMet: limit === null ? null : ratio <= limit,
  };
};

/** A figure without a peer, against a fixed bound. */
export const bounded = (options: {
  readonly name: string;
  readonly value: number;
  readonly most: number;
  readonly unit: 's' | 'MB';
}): Figure => ({
  name: options.name,
  own: options.unit === 's' ? secondsText(options.value) : `${Math.round(options.value)} MB`,
  peer: '-',
  ratio: null,
  limit: `< ${options.most} ${options.unit}`,
  isMet: options.value < options.most,
});

export const timed = async (run: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1000;
};

/** A B, then B A, and so on: what the first leaves in the caches serves each of them equally often. */
export const inTurns = async (
  rounds: number,
  sides: { readonly own: () => Promise<number>; readonly peer: () => Promise<number> },
): Promise<readonly Round[]> => {
  const found: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? await sides.own() : null;
    const peer = await sides.peer();
    found.push({ own: first ?? (await sides.own()), peer });
  }
  return found;
};

const column = (figures: readonly Figure[], title: string, text: (figure: Figure) => string): readonly string[] => {
  const cells = [title, ...figures.map(text)];
  const width = Math.max(...cells.map((cell) => cell.length));
  return cells.map((cell) => cell.padEnd(width));
};

const metText = (isMet: boolean | null): string => (isMet === null ? '-' : isMet ? 'met' : 'NOT MET');

export const table = (figures: readonly Figure[]): string => {
  const columns = [
    column(figures, 'what', (figure) => figure.name),
    column(figures, 'octank', (figure) => figure.own),
    column(figures, 'peer', (figure) => figure.peer),
    column(figures, 'ratio', (figure) => figure.ratio?.toFixed(2) ?? '-'),
    column(figures, 'limit', (figure) => figure.limit),
    column(figures, 'verdict', (figure) => metText(figure.isMet)),
  ];
  return (columns[0] ?? [])
    .map((_, row) =>
      columns
        .map((cells) => cells[row])
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

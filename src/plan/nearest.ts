/** The known word nearest to a mistyped one, so that a diagnostic can say what was probably meant. */

/** Edits (insert, delete, replace, swap of neighbours) between two words; stops caring beyond short words. */
export const editDistance = (a: string, b: string): number => {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (older[j - 2] ?? 0) + 1);
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
};

const fold = (word: string): string => word.toLowerCase().replaceAll(/[-_ ]/g, '');

/** Undefined when nothing is near enough to be worth saying: a wrong guess misleads. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const wanted = fold(word.slice(0, 64));
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, fold(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (!best) return undefined;
  const prefixed = wanted.length >= 3 ? known.find((candidate) => fold(candidate).startsWith(wanted)) : undefined;
  return best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : prefixed;
};

/** `Did you mean lob?`, or the list of what is known. */
export const nearestHint = (word: string, known: readonly string[]): string => {
  const near = nearest(word, known);
  if (near !== undefined) return `Write ${near}.`;
  return known.length > 0 ? `Known here: ${known.join(', ')}.` : 'Nothing may be written here: remove it.';
};

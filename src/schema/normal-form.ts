/** Brings definitions into a form in which the same thing reads the same. */

const typeName = String.raw`(?:"(?:[^"]|"")+"|[\w.$]+|\.)+`;
const cast = new RegExp(
  String.raw`::(?:character varying|double precision|bit varying|(?:timestamp|time)(?:\(\d+\))? with(?:out)? time zone|${typeName})(?:\(\d+(?:,\d+)?\))?(?:\[\])*`,
  'g',
);
const literal = /'(?:[^']|'')*'/g;
/** A pair of parentheses around one word, one placeholder or one bracket. */
const aroundOne = /\(((?:[\w."$§]+)|(?:ARRAY\[[^[\]()]*\])|(?:\([^()]*\)))\)/g;

/**
 * The server does not write an expression back as it read it: `(a)::text = ANY ((ARRAY['x'::character varying])::text[])` becomes
 * `ANY (ARRAY[('x'::character varying)::text])` one round later. Casts, parentheses around one thing, and white space are therefore not
 * compared. Two definitions that differ in nothing else count as the same.
 */
export const normalForm = (definition: string): string => {
  const literals: string[] = [];
  let text = definition.replaceAll(literal, (found) => `§${literals.push(found) - 1}§`).replaceAll(cast, '');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replaceAll(aroundOne, ' $1 ');
  }
  return text
    .replaceAll(/§(\d+)§/g, (_, index: string) => literals[Number(index)] ?? '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\s*([(),[\]])\s*/g, '$1')
    .trim();
};

/** Brings definitions into a form in which the same thing reads the same. */

const typeName = String.raw`[\w.$§\u0080-\uffff]+`;
const cast = new RegExp(
  String.raw`::(?:character varying|double precision|bit varying|(?:timestamp|time)(?:\(\d+\))? with(?:out)? time zone|${typeName})(?:\(\d+(?:,\d+)?\))?(?:\[\])*`,
  'g',
);
/** Values, quoted names and bodies of functions are taken as they are. */
const verbatim = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$/g;
/** A pair of parentheses around one word, one placeholder or one bracket. */
const aroundOne = /\(([\w.$§]+|(?:ARRAY\[[^[\]()]*\])|(?:\([^()]*\)))\)/g;

/**
 * The server does not write an expression back as it read it: `(a)::text = ANY ((ARRAY['x'::character varying])::text[])` becomes
 * `ANY (ARRAY[('x'::character varying)::text])` one round later. Casts, parentheses around one thing, and white space are therefore not
 * compared. Two definitions that differ in nothing else count as the same.
 */
export const normalForm = (definition: string): string => {
  const kept: string[] = [];
  let text = definition.replaceAll(verbatim, (found) => `§${kept.push(found) - 1}§`).replaceAll(cast, '');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replaceAll(aroundOne, ' $1 ');
  }
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\s*([(),[\]])\s*/g, '$1')
    .trim()
    .replaceAll(/§(\d+)§/g, (_, index: string) => kept[Number(index)] ?? '');
};

/** XML as AWS writes and reads it: elements and text. No attributes kept, no DOCTYPE, bounded depth. */

export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  text.replace(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return entities[name] ?? whole;
  });

export const escapeXml = (text: string): string =>
  text.replace(/[<>&"']/g, (c) => `&${{ '<': 'lt', '>': 'gt', '&': 'amp', '"': 'quot', "'": 'apos' }[c]};`);

const maxDepth = 40;
const token =
  /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/y;

interface Open {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/** Throws an Error with the position when the text is not well-formed. */
export const parseXml = (source: string): XmlElement => {
  const root: Open = { name: '', children: [], text: '' };
  const stack: Open[] = [root];
  token.lastIndex = 0;
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const match = token.exec(source);
    const top = stack[stack.length - 1];
    if (!match || !top) throw new Error(`not XML at ${at}`);
    const [, closing, opening, , selfClosing, text] = match;
    if (text !== undefined) top.text += unescapeXml(text);
    else if (opening !== undefined) {
      const element: Open = { name: opening, children: [], text: '' };
      top.children.push(element);
      if (!selfClosing) stack.push(element);
      if (stack.length > maxDepth) throw new Error('too deep');
    } else if (closing !== undefined) {
      if (top.name !== closing || stack.length === 1) throw new Error(`unexpected </${closing}> at ${at}`);
      stack.pop();
    }
  }
  const [element] = root.children;
  if (stack.length !== 1 || root.children.length !== 1 || !element) throw new Error('not one element');
  return element;
};

export const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((child) => child.name === name);

export const textOf = (element: XmlElement | undefined, name: string): string | undefined =>
  childOf(element, name)?.text;

export const childrenOf = (element: XmlElement | undefined, list: string, item: string): readonly XmlElement[] =>
  childOf(element, list)?.children.filter((child) => child.name === item) ?? [];

/** Rendered values: arrays are `<member>` lists as awsQuery wants them, a Map is `<entry><key/><value/></entry>`. Undefined is left out. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | ReadonlyMap<string, string>
  | { readonly [name: string]: XmlValue };

export const renderXml = (name: string, value: XmlValue, item = 'member'): string => {
  if (value === undefined) return '';
  if (Array.isArray(value)) return `<${name}>${value.map((one: XmlValue) => renderXml(item, one)).join('')}</${name}>`;
  if (value instanceof Map)
    return `<${name}>${[...value].map(([key, one]) => `<entry>${renderXml('key', key)}${renderXml('value', one)}</entry>`).join('')}</${name}>`;
  if (typeof value === 'object')
    return `<${name}>${Object.entries(value as Record<string, XmlValue>)
      .map(([key, one]) => renderXml(key, one))
      .join('')}</${name}>`;
  return `<${name}>${escapeXml(String(value))}</${name}>`;
};

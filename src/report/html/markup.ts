/** Text into HTML: the one place that escapes. A template escapes whatever it is given; only markup it made itself passes. */
import { visible } from '../format.ts';

/** A class, so that no plain object of a journal can pass for markup. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Markup | string | number | null | undefined | false | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => visible(text).replace(/[&<>"']/g, (char) => entities[char] ?? char);

const render = (part: Part): string => {
  if (part === null || part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map(render).join('');
  return escapeHtml(String(part));
};

/** html`<p>${text}</p>`: every value escaped, lists joined, null and false left out. */
export const html = (literals: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(literals.map((literal, index) => literal + (index < parts.length ? render(parts[index]) : '')).join(''));

export const nothing = new Markup('');

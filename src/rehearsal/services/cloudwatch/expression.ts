/** Metric math read: text to a tree, with AWS's precedence. behaviour.md C5. Pure. */

export type Operator = '+' | '-' | '*' | '/' | '^' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'AND' | 'OR';

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'id'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'negate'; readonly of: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression };

export class ExpressionError extends Error {}

type Token = {
  readonly kind: 'number' | 'text' | 'word' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
};

const tokenPattern =
  /\s+|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|"([^"]*)"|'([^']*)'|([A-Za-z_]\w*)|(&&|\|\||==|!=|<=|>=|[-+*/^<>(),[\]])/y;

const tokenize = (text: string): readonly Token[] => {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (!match) throw new ExpressionError(`Unexpected character '${text[at]}' at position ${at + 1}`);
    const [, number, double, single, word, symbol] = match;
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (double !== undefined || single !== undefined)
      tokens.push({ kind: 'text', text: double ?? single ?? '', at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, at });
  }
  return [...tokens, { kind: 'end', text: '', at: text.length }];
};

/** Loosest first. */
const levels: readonly (readonly Operator[])[] = [
  ['OR'],
  ['AND'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
];
const maxDepth = 50;

const operatorOf = (token: Token): string => (token.text === '&&' ? 'AND' : token.text === '||' ? 'OR' : token.text);

class Parser {
  private position = 0;
  private depth = 0;
  private readonly tokens: readonly Token[];
  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  private get next(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', at: 0 };
  }

  private take(): Token {
    const token = this.next;
    this.position += 1;
    return token;
  }

  private accept(symbol: string): boolean {
    if (this.next.kind !== 'symbol' || this.next.text !== symbol) return false;
    this.position += 1;
    return true;
  }

  private fail(): never {
    throw new ExpressionError(
      this.next.kind === 'end'
        ? 'Unexpected end of expression'
        : `Unexpected '${this.next.text}' at position ${this.next.at + 1}`,
    );
  }

  whole(): Expression {
    const expression = this.binary(0);
    if (this.next.kind !== 'end') this.fail();
    return expression;
  }

  private binary(level: number): Expression {
    const operators = levels[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const name = this.next.kind === 'symbol' || this.next.kind === 'word' ? operatorOf(this.next) : '';
      const operator = operators.find((one) => one === name);
      if (!operator) return left;
      this.take();
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Expression {
    if (this.accept('-')) return { kind: 'negate', of: this.unary() };
    if (this.accept('+')) return this.unary();
    const base = this.primary();
    // To the right: 2^3^2 is 2^(3^2), and -2^2 is -(2^2).
    return this.accept('^') ? { kind: 'binary', operator: '^', left: base, right: this.unary() } : base;
  }

  private list(end: string): Expression[] {
    const items: Expression[] = [];
    if (this.accept(end)) return items;
    do items.push(this.binary(0));
    while (this.accept(','));
    if (!this.accept(end)) this.fail();
    return items;
  }

  private primary(): Expression {
    this.depth += 1;
    if (this.depth > maxDepth) throw new ExpressionError('The expression is nested too deeply');
    try {
      if (this.accept('(')) {
        const [inner, ...rest] = this.list(')');
        if (!inner || rest.length > 0) this.fail();
        return inner;
      }
      if (this.accept('[')) return { kind: 'list', items: this.list(']') };
      const token = this.next;
      if (token.kind === 'symbol' || token.kind === 'end') this.fail();
      this.take();
      if (token.kind === 'number') return { kind: 'number', value: Number(token.text) };
      if (token.kind === 'text') return { kind: 'text', value: token.text };
      if (this.accept('(')) return { kind: 'call', name: token.text, args: this.list(')') };
      return { kind: 'id', name: token.text };
    } finally {
      this.depth -= 1;
    }
  }
}

export const parseExpression = (text: string): Expression => new Parser(text).whole();

/** The rule of a composite alarm: parsed, its children named, decided from their states. behaviour.md C9. Pure. */
import { ExpressionError } from './expression.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export type AlarmRule =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'state'; readonly state: AlarmState; readonly alarm: string }
  | { readonly kind: 'not'; readonly of: AlarmRule }
  | { readonly kind: 'and' | 'or'; readonly left: AlarmRule; readonly right: AlarmRule };

const pattern =
  /\s+|(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"((?:[^"\\]|\\.)+)"|([^\s()"]+))\s*\)|(AND|OR|NOT|TRUE|FALSE)\b|([()])/y;

type Token =
  | { readonly kind: 'state'; readonly state: AlarmState; readonly alarm: string }
  | { readonly kind: 'word'; readonly text: string };

const tokenize = (rule: string): Token[] => {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < rule.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(rule);
    if (!match) throw new ExpressionError(`Invalid alarm rule at position ${at + 1}`);
    const [, state, quoted, plain, word, bracket] = match;
    if (state)
      tokens.push({
        kind: 'state',
        state: state as AlarmState,
        alarm: alarmName(quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''),
      });
    else if (word || bracket) tokens.push({ kind: 'word', text: word ?? bracket ?? '' });
  }
  return tokens;
};

/** A child may be named by its ARN. */
const alarmName = (text: string): string => /^arn:aws[\w-]*:cloudwatch:[\w-]+:\d+:alarm:(.+)$/.exec(text)?.[1] ?? text;

export const parseAlarmRule = (rule: string): AlarmRule => {
  const tokens = tokenize(rule);
  let position = 0;
  let depth = 0;
  const isWord = (text: string): boolean => {
    const token = tokens[position];
    return token?.kind === 'word' && token.text === text;
  };
  const accept = (text: string): boolean => {
    if (!isWord(text)) return false;
    position += 1;
    return true;
  };
  const primary = (): AlarmRule => {
    depth += 1;
    if (depth > 100) throw new ExpressionError('The alarm rule is nested too deeply');
    if (accept('NOT')) return { kind: 'not', of: primary() };
    if (accept('TRUE')) return { kind: 'constant', value: true };
    if (accept('FALSE')) return { kind: 'constant', value: false };
    if (accept('(')) {
      const inner = or();
      if (!accept(')')) throw new ExpressionError('The alarm rule lacks a closing parenthesis');
      return inner;
    }
    const token = tokens[position];
    if (token?.kind !== 'state') throw new ExpressionError('The alarm rule is not complete');
    position += 1;
    return { kind: 'state', state: token.state, alarm: token.alarm };
  };
  const and = (): AlarmRule => {
    let left = primary();
    while (accept('AND')) left = { kind: 'and', left, right: primary() };
    return left;
  };
  const or = (): AlarmRule => {
    let left = and();
    while (accept('OR')) left = { kind: 'or', left, right: and() };
    return left;
  };
  const parsed = or();
  if (position !== tokens.length) throw new ExpressionError('The alarm rule has something after its end');
  return parsed;
};

export const childrenOfRule = (rule: AlarmRule): readonly string[] => {
  switch (rule.kind) {
    case 'constant':
      return [];
    case 'state':
      return [rule.alarm];
    case 'not':
      return childrenOfRule(rule.of);
    default:
      return [...new Set([...childrenOfRule(rule.left), ...childrenOfRule(rule.right)])];
  }
};

export const decideRule = (rule: AlarmRule, stateOf: (alarm: string) => AlarmState): boolean => {
  switch (rule.kind) {
    case 'constant':
      return rule.value;
    case 'state':
      return stateOf(rule.alarm) === rule.state;
    case 'not':
      return !decideRule(rule.of, stateOf);
    case 'and':
      return decideRule(rule.left, stateOf) && decideRule(rule.right, stateOf);
    case 'or':
      return decideRule(rule.left, stateOf) || decideRule(rule.right, stateOf);
  }
};

import { describe, expect, it } from 'vitest';
import { noStyle, styleFor } from './style.ts';

describe('colours', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['a pipe', false, {}, false],
    ['NO_COLOR on a terminal', true, { NO_COLOR: '1' }, false],
    ['NO_COLOR against FORCE_COLOR', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['an empty NO_COLOR, which says nothing', true, { NO_COLOR: '' }, true],
    ['FORCE_COLOR into a pipe', false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0 into a pipe', false, { FORCE_COLOR: '0' }, false],
  ] as const)('%s', (_, isTerminal, environment, coloured) => {
    const painted = styleFor({ isTerminal, environment }).red('x');
    expect(painted !== 'x').toBe(coloured);
  });

  it('without style nothing is added', () => expect(noStyle.bold('x')).toBe('x'));
});

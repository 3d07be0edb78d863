/** Equal things read equal after the server has rewritten them, and unequal ones do not. */
import { describe, expect, it } from 'vitest';
import { normalForm } from './normal-form.ts';

describe('normal form', () => {
  it.each([
    [
      `CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'it''s::text'::character varying])::text[])))`,
      `CHECK (((status)::text = ANY (ARRAY[('new'::character varying)::text, ('it''s::text'::character varying)::text])))`,
    ],
    ['a  =\n ((b))', 'a = b'],
    [`'x'::"Odd.S".mood`, `'x'`],
    ['now()::timestamp(3) without time zone', 'now()'],
  ])('%s', (left, right) => expect(normalForm(left)).toBe(normalForm(right)));

  it.each([
    ['(a OR b) AND c', 'a OR (b AND c)'],
    [`'a  b'`, `'a b'`],
    [`'(x)'`, `'x'`],
    ['a = 1', 'a = 2'],
    [`'x::text'`, `'x'`],
    ['"a  b"', '"a b"'],
    ['AS $function$ x::int $function$', 'AS $function$ x::text $function$'],
    ['DEFAULT 1', 'DEFAULT 1 NOT NULL'],
  ])('tells %s from %s', (left, right) => expect(normalForm(left)).not.toBe(normalForm(right)));
});

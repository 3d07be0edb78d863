/** Log positions of PostgreSQL: text outside, a number here. */
import { assert } from '../../../model/fault.ts';
import type { Position } from '../../../model/position.ts';

const form = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;

export const lsnOf = (position: string): bigint => {
  const [, high, low] = form.exec(position) ?? [];
  assert(high !== undefined && low !== undefined, `a position of PostgreSQL looks like 16/B374D848, not ${position}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

export const positionOf = (lsn: bigint): Position =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}` as Position;

export const comparePositions = (a: Position, b: Position): number => {
  const [left, right] = [lsnOf(a), lsnOf(b)];
  return left < right ? -1 : left > right ? 1 : 0;
};

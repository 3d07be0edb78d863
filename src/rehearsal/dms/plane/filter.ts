/** Source filters of a selection rule, as SQL for the full load and as a test for changes. */
import type { SelectionRule } from '../mappings.ts';
import { quoteName, quoteText } from './sql.ts';

type Condition = SelectionRule['filters'][number]['filter-conditions'][number];

const conditionSql = (column: string, condition: Condition): string => {
  const name = quoteName(column);
  const value = quoteText(condition.value ?? '');
  const range = `${quoteText(condition['start-value'] ?? '')} and ${quoteText(condition['end-value'] ?? '')}`;
  switch (condition['filter-operator']) {
    case 'eq':
      return `${name} = ${value}`;
    case 'noteq':
      return `${name} <> ${value}`;
    case 'gte':
      return `${name} >= ${value}`;
    case 'lte':
    case 'ste':
      return `${name} <= ${value}`;
    case 'between':
      return `${name} between ${range}`;
    case 'notbetween':
      return `${name} not between ${range}`;
    case 'null':
      return `${name} is null`;
    case 'notnull':
      return `${name} is not null`;
  }
};

/** ` where ...`, or nothing. Filters are ANDed, the conditions of one are ORed. */
export const whereSql = (rule: SelectionRule): string =>
  rule.filters.length === 0
    ? ''
    : ` where ${rule.filters
        .map(
          (filter) =>
            `(${filter['filter-conditions'].map((c) => conditionSql(filter['column-name'], c)).join(' or ')})`,
        )
        .join(' and ')}`;

const compare = (a: string, b: string): number => {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a < b ? -1 : a > b ? 1 : 0;
};

const holds = (value: string | null, condition: Condition): boolean => {
  const operator = condition['filter-operator'];
  if (operator === 'null') return value === null;
  if (value === null) return false;
  const than = (limit: string | undefined): number => compare(value, limit ?? '');
  switch (operator) {
    case 'notnull':
      return true;
    case 'eq':
      return than(condition.value) === 0;
    case 'noteq':
      return than(condition.value) !== 0;
    case 'gte':
      return than(condition.value) >= 0;
    case 'lte':
    case 'ste':
      return than(condition.value) <= 0;
    case 'between':
      return than(condition['start-value']) >= 0 && than(condition['end-value']) <= 0;
    case 'notbetween':
      return than(condition['start-value']) < 0 || than(condition['end-value']) > 0;
  }
};

/** A column that the log does not carry (a DELETE has the key only) fails its filter: AWS loses such deletes too. */
export const passes = (rule: SelectionRule, valueIn: (column: string) => string | null | undefined): boolean =>
  rule.filters.every((filter) => {
    const value = valueIn(filter['column-name']);
    return value !== undefined && filter['filter-conditions'].some((condition) => holds(value, condition));
  });

import { describe, expect, it } from 'vitest';
import type { Connection } from '../pool.ts';
import { type Operation, performWrite } from './write.ts';

const failure = (code?: string): Error => Object.assign(new Error('x'), code === undefined ? {} : { code });

/** A connection that answers each statement as told. */
const connection = (answers: Readonly<Record<string, Error | string>>): Connection & { readonly said: string[] } => {
  const said: string[] = [];
  const client = {
    query: async (text: string) => {
      said.push(text);
      const answer = answers[text];
      if (answer instanceof Error) throw answer;
      return { command: answer ?? text.toUpperCase(), rows: [] };
    },
  };
  return { client: client as unknown as Connection['client'], server: '127.0.0.1:1', said };
};

const operation: Operation = {
  kind: 'x',
  run: async (client, op) => {
    await client.query('work');
    return [{ table: 'orders', kind: 'i', key: op }];
  },
};

describe('a write', () => {
  it.each([
    ['an answered commit', {}, 'acknowledged'],
    ['a connection lost before the commit', { work: failure('ECONNRESET') }, 'refused'],
    ['a fence', { work: failure('OCFNC') }, 'refused'],
    ['a connection lost during the commit', { commit: failure('ECONNRESET') }, 'indeterminate'],
    ['a session ended during the commit', { commit: failure('57P01') }, 'indeterminate'],
    ['a driver timeout during the commit', { commit: failure() }, 'indeterminate'],
    ['a deferred constraint that fails in the commit', { commit: failure('23503') }, 'refused'],
    ['a commit that is answered with ROLLBACK', { commit: 'ROLLBACK' }, 'refused'],
  ] as const)('takes %s for what it is', async (_name, answers, outcome) => {
    const result = await performWrite(connection(answers), operation, 'op');
    expect(result.outcome).toBe(outcome);
    expect(result.effects).toHaveLength('work' in answers ? 0 : 1);
  });

  it('never sends the commit of what the application gave up', async () => {
    const given = connection({});
    const result = await performWrite(given, { ...operation, abandons: true }, 'op');
    expect(result).toMatchObject({ outcome: 'refused', code: 'abandoned' });
    expect(given.said).toEqual(['begin', 'work', 'rollback']);
  });
});

/** Reads every page of a list: a list cut short would read as "the rest is not there". */
import { Fault } from '../../model/fault.ts';

/** Far beyond any list octank reads; a service that never ends its pages is faulty. */
const mostPages = 1000;

export const allPages = async <T>(
  fetchPage: (
    token: string | undefined,
  ) => Promise<{ readonly items: readonly T[]; readonly next: string | undefined }>,
): Promise<readonly T[]> => {
  const items: T[] = [];
  let token: string | undefined;
  for (let page = 1; page <= mostPages; page += 1) {
    const { items: more, next } = await fetchPage(token);
    items.push(...more);
    if (next === undefined || next === '') return items;
    if (next === token) break;
    token = next;
  }
  throw new Fault({
    code: 'aws.endless-list',
    summary: 'AWS does not end a list.',
    detail: `After ${items.length} items.`,
  });
};

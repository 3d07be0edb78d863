/** The engines that octank can open, one line each. */
import { Fault } from '../../model/fault.ts';
import type { EngineKind } from '../../model/plan.ts';
import type { Database, Engine } from '../../ports/database.ts';
import { postgresEngine } from './postgres/index.ts';

export const engines: readonly Engine[] = [postgresEngine];

/** Nothing connects until it is asked something. Faults: `database.engine-unknown`, `database.secret-invalid`. */
export const openDatabase = async (options: Parameters<Engine['open']>[0]): Promise<Database> => {
  const engine = engines.find((candidate) => candidate.kinds.some((kind) => kind === options.engine));
  if (engine) return engine.open(options);
  const known: readonly EngineKind[] = engines.flatMap((candidate) => candidate.kinds);
  throw new Fault({
    code: 'database.engine-unknown',
    summary: 'No engine of that name is built in.',
    detail: options.engine,
    hint: `Known: ${known.join(', ')}.`,
  });
};

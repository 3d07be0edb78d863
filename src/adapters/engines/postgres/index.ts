/** PostgreSQL and Aurora PostgreSQL as an engine: one set of connections behind every part of the port. */
import type { Engine } from '../../../ports/database.ts';
import { openConnections } from './connections.ts';
import { readFacts } from './facts.ts';
import { postgresFence } from './fence.ts';
import { postgresRows } from './rows.ts';
import { postgresSchema } from './schema/execute.ts';
import { postgresSequences } from './sequences.ts';
import { postgresSessions } from './sessions.ts';
import { postgresSignals } from './signals.ts';
import { postgresStreams } from './streams.ts';
import { readLobSizes, readNumericScales, readTables } from './tables.ts';

export const postgresEngine: Engine = {
  kinds: ['postgres', 'aurora-postgresql'],
  open: async ({ name, engine, secret, fencing }) => {
    const connections = openConnections({ name, secret, fencing });
    return {
      name,
      engine,
      facts: () => readFacts(connections),
      tables: () => readTables(connections),
      lobSizes: (tables) => readLobSizes(connections, tables),
      numericScales: (tables) => readNumericScales(connections, tables),
      schema: postgresSchema(connections),
      fence: postgresFence(connections),
      sessions: postgresSessions(connections),
      signals: postgresSignals(connections),
      streams: postgresStreams(connections),
      sequences: postgresSequences(connections),
      rows: postgresRows(connections),
      close: () => connections.close(),
    };
  },
};

/** The two servers that figures are measured on: the rehearsal's own stand-ins, its DMS reached through octank's adapters. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createAwsClients } from '../src/adapters/aws/clients.ts';
import { createReplication } from '../src/adapters/aws/dms.ts';
import { createSecrets } from '../src/adapters/aws/secrets.ts';
import { createIdentity } from '../src/adapters/aws/sts.ts';
import { openDatabase } from '../src/adapters/engines/index.ts';
import { builtEntry } from '../src/app/settings.ts';
import { readOnly } from '../src/app/world.ts';
import type { Database } from '../src/ports/database.ts';
import type { Replication } from '../src/ports/replication.ts';
import type { RehearsalEndpoint } from '../src/rehearsal/config.ts';
import { startRehearsal, stopRehearsal } from '../src/rehearsal/lifecycle.ts';
import { workFolder } from './folders.ts';

export type Side = 'source' | 'target';

export interface Servers {
  readonly rehearsal: RehearsalEndpoint;
  readonly replication: Replication;
  readonly instanceArn: string;
  /** As superuser, to a database of this name; ended by `stop`. */
  connect(side: Side, database: string): Promise<pg.Client>;
  /** An empty database of this name on both sides, which replication may read and write. */
  createDatabase(name: string): Promise<void>;
  /** As octank opens it. */
  open(side: Side, database: string): Promise<Database>;
  /** Of the peer that connects one server to the other by itself. */
  address(side: Side, database: string): string;
  stop(): Promise<void>;
}

const roleOf = { source: 'on-premises', target: 'aurora' } as const;

/** Nothing of the user's: a stray profile or endpoint would redirect the calls. */
const enter = (endpoint: RehearsalEndpoint): void => {
  for (const name of Object.keys(process.env))
    if (/^AWS_(PROFILE|SESSION_TOKEN|ENDPOINT_URL.*|DEFAULT_.*)$/.test(name)) delete process.env[name];
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: endpoint.region,
    AWS_ACCESS_KEY_ID: 'OCTANKBENCH',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  });
};

const databaseConfig = (side: Side) => ({
  role: roleOf[side],
  engine: 'postgres' as const,
  secret: `bench/${side}`,
  dbname: 'bench',
  owner: 'bench_app',
  roles: { [`bench/${side}-dms`]: 'octank_dms' },
});

export const startServers = async (): Promise<Servers> => {
  const stateDir = await mkdtemp(join(await workFolder(), 'servers-'));
  const rehearsal = await startRehearsal({
    config: {
      stateDir,
      clock: { rate: 1, originMs: Date.now() },
      region: 'eu-west-1',
      accountId: '111122223333',
      port: 0,
      dnsPort: 0,
      databases: { source: databaseConfig('source'), target: databaseConfig('target') },
      secrets: {},
      zones: [],
      replicationInstances: ['bench'],
      topics: [],
      alarms: [],
      // Only states are shorter than AWS's; rows move as in every rehearsal.
      kind: 'benchmark',
    },
    entry: builtEntry('rehearsal/main.js'),
    log: () => undefined,
  });
  enter(rehearsal);
  const clients = createAwsClients({ region: rehearsal.region, profile: null, assumeRole: null });
  const secrets = createSecrets({ clients, env: {}, baseFolder: stateDir });
  const replication = createReplication({ clients, secrets, identity: createIdentity(clients) });
  const opened: { close(): Promise<unknown> }[] = [];
  const config = (side: Side, database: string): pg.ClientConfig & { readonly host: string; readonly port: number } => {
    const found = rehearsal.databases[side];
    if (!found) throw new Error(`no ${side} in the rehearsal`);
    return { host: found.host, port: found.port, user: found.superuser, password: found.superuserPassword, database };
  };
  const connect: Servers['connect'] = async (side, database) => {
    const client = new pg.Client(config(side, database));
    client.on('error', () => undefined);
    await client.connect();
    opened.push({ close: () => client.end() });
    return client;
  };
  return {
    rehearsal,
    replication,
    instanceArn: (await replication.instance('bench'))?.arn ?? '',
    connect,
    createDatabase: async (name) => {
      for (const side of ['source', 'target'] as const) {
        await (await connect(side, 'postgres')).query(`CREATE DATABASE ${name}`);
        const client = await connect(side, name);
        await client.query(
          `GRANT CREATE ON SCHEMA public TO octank_dms; GRANT CREATE ON DATABASE ${name} TO octank_dms`,
        );
      }
    },
    open: async (side, database) => {
      const secret = await secrets.read({ kind: 'secretsManager', id: `bench/${side}` });
      const found = await openDatabase({
        name: side,
        engine: side === 'source' ? 'postgres' : 'aurora-postgresql',
        secret: JSON.stringify({ ...(JSON.parse(secret) as object), dbname: database }),
        fencing: readOnly,
      });
      opened.push(found);
      return found;
    },
    address: (side, database) => {
      const { host, port, user, password } = config(side, database);
      return `host=${host} port=${port} user=${user} password=${password} dbname=${database}`;
    },
    stop: async () => {
      await Promise.all(opened.map((one) => one.close().catch(() => undefined)));
      clients.close();
      await stopRehearsal(stateDir);
      await rm(stateDir, { recursive: true, force: true });
    },
  };
};

/** Asks until it holds; the deadline says what was waited for. */
export const until = async (what: string, holds: () => Promise<boolean>, seconds = 300): Promise<void> => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(10);
  }
};

/** Builds the ports of one plan: AWS clients, databases, gates, repoint drivers. Nothing connects before it is asked. */
import { dirname, resolve } from 'node:path';
import { createAwsClients } from '../adapters/aws/clients.ts';
import { createMetrics } from '../adapters/aws/cloudwatch.ts';
import { createReplication } from '../adapters/aws/dms.ts';
import { createTraffic } from '../adapters/aws/route53.ts';
import { createSecretStore, createSecrets } from '../adapters/aws/secrets.ts';
import { createNotify } from '../adapters/aws/sns.ts';
import { createIdentity } from '../adapters/aws/sts.ts';
import { openDatabase } from '../adapters/engines/index.ts';
import { createHealth } from '../adapters/health/index.ts';
import { createClock } from '../adapters/local/clock.ts';
import { createRepoint } from '../adapters/repoint/index.ts';
import { createRunCommand } from '../adapters/repoint/run-command.ts';
import { Fault } from '../model/fault.ts';
import type { DatabaseSpec, Plan, SecretRef } from '../model/plan.ts';
import type { Ports } from '../phases/contract.ts';
import type { Clock } from '../ports/clock.ts';
import type { Database, FencingToken } from '../ports/database.ts';
import type { Identity } from '../ports/identity.ts';
import type { CheckpointStore } from '../ports/journal-store.ts';
import type { Settings } from './settings.ts';

export interface World {
  readonly ports: Ports;
  readonly identity: Identity;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly plan: Plan;
  readonly settings: Settings;
  readonly fencing: FencingToken;
  readonly checkpoints: CheckpointStore;
  /** What a person has to do or to know, from adapters that cannot say it by a fault. */
  readonly announce: (text: string) => void;
}

/** Commands that only read: any SQL effect is refused. */
export const readOnly: FencingToken = { lineage: '', current: () => undefined };

export const noCheckpoints: CheckpointStore = {
  load: async () => undefined,
  save: async () => {
    throw new Fault({ code: 'internal.assertion', summary: 'A reading command tried to save a checkpoint.' });
  },
};

export const clockOf = (settings: Settings): Clock => createClock(settings.clock);

const specOf = (plan: Plan, name: string): DatabaseSpec => {
  const spec = plan.databases[name];
  if (spec) return spec;
  throw new Fault({
    code: 'plan.unknown-database',
    summary: 'The plan does not name this database.',
    detail: name,
    hint: `It names ${Object.keys(plan.databases).join(', ')}.`,
  });
};

export const openWorld = (options: WorldOptions): World => {
  const { plan, settings } = options;
  const clock = clockOf(settings);
  const clients = createAwsClients({
    region: plan.aws.region,
    profile: plan.aws.profile,
    assumeRole: plan.aws.assumeRole,
  });
  const identity = createIdentity(clients);
  const baseFolder = dirname(resolve(plan.file));
  const secrets = createSecrets({ clients, env: settings.environment, baseFolder });
  const traffic = createTraffic({ clients, clock });
  const databases = new Map<string, Promise<Database>>();

  const open = async (spec: DatabaseSpec, ref: SecretRef): Promise<Database> =>
    openDatabase({
      name: spec.name,
      engine: spec.engine,
      secret: await secrets.read(ref),
      fencing: options.fencing,
    });

  const database = (name: string, as: 'octank' | 'replication' = 'octank'): Promise<Database> => {
    const spec = specOf(plan, name);
    const ref = as === 'octank' ? spec.connection : spec.replicationConnection;
    const key = `${name} ${JSON.stringify(ref)}`;
    const known = databases.get(key);
    if (known) return known;
    const opening = open(spec, ref);
    databases.set(key, opening);
    // A secret that could not be read now may be there at the next try.
    opening.catch(() => databases.delete(key));
    return opening;
  };

  const probe: Ports['probe'] = async ({ database: name, secret, role, statement }) => {
    const connection = await open(specOf(plan, name), secret);
    try {
      const [reached, expected] = await Promise.all([
        connection.facts(),
        database(name).then((target) => target.facts()),
      ]);
      if (reached.identity !== expected.identity) return `it reaches another database than ${name}`;
      return await connection.sessions.tryAs({ role, statement });
    } catch (error) {
      if (error instanceof Fault) return error.summary;
      throw error;
    } finally {
      await connection.close();
    }
  };

  const metrics = createMetrics(clients);
  const ports: Ports = {
    clock,
    secrets,
    replication: createReplication({ clients, secrets, identity }),
    traffic,
    health: createHealth({
      metrics,
      countSessions: async ({ database: name, role }) => (await database(name)).sessions.countOf(role),
    }),
    notify: createNotify({
      clients,
      topicArn: plan.notify.snsTopicArn,
      onFailure: (fault) => options.announce(`A notice could not be sent: ${fault.message}`),
    }),
    checkpoints: options.checkpoints,
    database,
    probe,
    repoint: (spec) =>
      createRepoint(spec, {
        secretStore: createSecretStore(clients),
        traffic,
        clock,
        run: createRunCommand({ cwd: baseFolder }),
        announce: options.announce,
      }),
  };
  return {
    ports,
    identity,
    close: async () => {
      for (const opening of databases.values()) {
        const opened = await opening.catch(() => undefined);
        await opened?.close();
      }
      clients.close();
    },
  };
};

/** The databases of a rehearsal: an on-premises server and an Aurora one, each as its config says, kept over restarts. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Client } from 'pg';
import type { RehearsalConfig, RehearsalDatabaseConfig, RehearsalEndpoint } from '../config.ts';
import { createRoles, grantRights, migratorRole, type RolesOptions, replicationRole } from './roles.ts';
import { seedFile } from './seed.ts';
import { discardCluster, type PostgresServer, startPostgres } from './server.ts';

export interface StandInsOptions {
  readonly config: Pick<RehearsalConfig, 'stateDir' | 'databases'>;
  /** Stores a secret, by Secrets Manager name; called at every start, with the same text as long as nothing moved. */
  readonly putSecret: (name: string, value: string) => Promise<void>;
  readonly log: (line: string) => void;
}

export interface StandIns {
  readonly databases: RehearsalEndpoint['databases'];
  stop(): Promise<void>;
}

/** What must be the same at the next start; mode 0600, because passwords are in it. */
interface Saved {
  readonly dataDir: string;
  readonly superuserPassword: string;
  readonly passwords: Readonly<Record<string, string>>;
  port: number;
  isSeeded: boolean;
}

/** Real pairs of servers are never set up alike; neither are these. */
const settings = {
  'on-premises': {
    wal_level: 'logical',
    max_connections: '120',
    max_replication_slots: '12',
    max_wal_senders: '12',
    max_prepared_transactions: '10',
    max_slot_wal_keep_size: '4GB',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    timezone: 'Europe/Berlin',
    default_transaction_isolation: 'read committed',
    extra_float_digits: '0',
  },
  aurora: {
    wal_level: 'logical',
    max_connections: '90',
    max_replication_slots: '20',
    max_wal_senders: '20',
    max_prepared_transactions: '0',
    shared_buffers: '192MB',
    max_wal_size: '2GB',
    timezone: 'UTC',
    random_page_cost: '1.1',
    idle_in_transaction_session_timeout: '1d',
  },
} as const satisfies Record<RehearsalDatabaseConfig['role'], Record<string, string>>;

const locales = { 'on-premises': 'C.UTF-8', aurora: 'C' } as const;

const newPassword = (): string => randomBytes(18).toString('base64url');

const isPassable = async (folder: string): Promise<boolean> => {
  for (let at = folder; ; at = dirname(at)) {
    const mode = await stat(at).then(
      (found) => found.mode,
      () => 0o777,
    );
    if ((mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
};

/** As root the server runs under another account, which may not pass a private state folder: then its data lies aside. */
const dataFolder = async (stateDir: string, name: string): Promise<string> => {
  const inState = join(resolve(stateDir), 'stand-ins');
  const isFine = process.getuid?.() !== 0 || (await isPassable(dirname(inState)));
  const digest = createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 12);
  const folder = isFine ? inState : join(tmpdir(), `octank-stand-ins-${digest}`);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
  return join(folder, name);
};

const readSaved = async (file: string): Promise<Saved | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Saved;
  } catch (error) {
    // Anything but absence is not a fresh start: the data would be seeded over.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const writeSaved = async (file: string, saved: Saved): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
};

const rolesOf = (config: RehearsalDatabaseConfig): readonly string[] => [
  ...new Set([config.owner, migratorRole, replicationRole, ...Object.values(config.roles)]),
];

const open = async (server: PostgresServer, database: string): Promise<Client> => {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.superuser,
    password: server.superuserPassword,
    database,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

const using = async (
  server: PostgresServer,
  database: string,
  use: (client: Client) => Promise<void>,
): Promise<void> => {
  const client = await open(server, database);
  try {
    await use(client);
  } finally {
    await client.end();
  }
};

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Roles, database and seed, the first time; a first time that broke off begins again with an empty database. */
const build = async (server: PostgresServer, config: RehearsalDatabaseConfig, roles: RolesOptions): Promise<void> => {
  await using(server, 'postgres', async (client) => {
    await createRoles(client, roles);
    await client.query(`drop database if exists ${quote(config.dbname)} with (force)`);
    // Aurora's first database belongs to its master user, an application's to the application.
    const owner = config.role === 'aurora' ? migratorRole : config.owner;
    await client.query(`create database ${quote(config.dbname)} owner ${quote(owner)} template template0`);
    await client.query('drop role if exists octank_seed');
  });
  await using(server, config.dbname, async (client) => {
    if (config.seedFile !== undefined) await seedFile(client, { file: config.seedFile, owner: config.owner });
    await grantRights(client, roles);
  });
};

/** Removes the databases of a rehearsal that is stopped, those whose data lies aside included. */
export const discardStandIns = async (stateDir: string): Promise<void> => {
  const folder = join(stateDir, 'stand-ins');
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
    const saved = await readSaved(join(folder, name));
    if (!saved) continue;
    await discardCluster(saved.dataDir);
    // The folder of all of them, when this was the last.
    await rmdir(dirname(saved.dataDir)).catch(() => undefined);
  }
};

const startOne = async (
  name: string,
  config: RehearsalDatabaseConfig,
  options: StandInsOptions,
): Promise<{ readonly server: PostgresServer; readonly saved: Saved }> => {
  const folder = join(options.config.stateDir, 'stand-ins');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  const known = await readSaved(file);
  // Data may lie outside the state folder and outlive it; without the passwords that lay inside nobody can use them.
  if (!known) await discardCluster(await dataFolder(options.config.stateDir, name));
  const saved: Saved = {
    dataDir: known?.dataDir ?? (await dataFolder(options.config.stateDir, name)),
    superuserPassword: known?.superuserPassword ?? newPassword(),
    passwords: Object.fromEntries(rolesOf(config).map((role) => [role, known?.passwords[role] ?? newPassword()])),
    port: known?.port ?? 0,
    isSeeded: known?.isSeeded ?? false,
  };
  // Before the server exists: a password that was never written down would lock us out of it.
  await writeSaved(file, saved);
  const server = await startPostgres({
    dataDir: saved.dataDir,
    port: saved.port,
    superuserPassword: saved.superuserPassword,
    settings: settings[config.role],
    locale: locales[config.role],
  });
  saved.port = server.port;
  await writeSaved(file, saved);
  const roles: RolesOptions = {
    kind: config.role,
    database: config.dbname,
    owner: config.owner,
    passwords: saved.passwords,
  };
  if (!saved.isSeeded) await build(server, config, roles);
  saved.isSeeded = true;
  await writeSaved(file, saved);
  options.log(`stand-in ${name} (${config.role}) on port ${server.port}`);
  return { server, saved };
};

const secretText = (server: PostgresServer, config: RehearsalDatabaseConfig, role: string, saved: Saved): string =>
  JSON.stringify({
    engine: config.role === 'aurora' ? 'aurora-postgresql' : 'postgres',
    host: server.host,
    port: server.port,
    username: role,
    password: saved.passwords[role] ?? '',
    dbname: config.dbname,
    sslmode: 'disable',
  });

/** Starts, or adopts where they still run, the databases of a rehearsal, and puts their connections into the secret store. */
export const startStandIns = async (options: StandInsOptions): Promise<StandIns> => {
  const started = await Promise.allSettled(
    Object.entries(options.config.databases).map(async ([name, config]) => {
      const { server, saved } = await startOne(name, config, options);
      const secrets = { [config.secret]: migratorRole, ...config.roles };
      for (const [secret, role] of Object.entries(secrets))
        await options.putSecret(secret, secretText(server, config, role, saved));
      return { name, config, server };
    }),
  );
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map(({ server }) => server.stop('fast')));
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed?.status === 'rejected') {
    await stop();
    throw failed.reason;
  }
  return {
    stop,
    databases: Object.fromEntries(
      running.map(({ name, config, server }) => [
        name,
        {
          host: server.host,
          port: server.port,
          dbname: config.dbname,
          superuser: server.superuser,
          superuserPassword: server.superuserPassword,
        },
      ]),
    ),
  };
};

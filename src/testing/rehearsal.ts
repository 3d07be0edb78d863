/** One migration for a test: a plan in a folder of its own, the embedded AWS started for it, superuser access to both databases. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type StartedRehearsal, startForPlan, stopForPlan } from '../app/rehearsal-control.ts';
import { discardRehearsal } from '../rehearsal/lifecycle.ts';
import { type CliOptions, type CliProcess, type CliResult, octank, spawnOctank } from './cli.ts';
import { projectRoot } from './dist.ts';

export interface TestMigrationOptions {
  /** Turns the text of plans/shop.yaml into the plan that is wanted; the name must stay. */
  readonly plan?: (yaml: string) => string;
  /** The same for plans/shop.rehearsal.yaml. */
  readonly rehearsal?: (yaml: string) => string;
  /** Orders of the generated shop. */
  readonly rows: number;
  /** How many times faster ladder and gate times run. */
  readonly rate: number;
}

export type Side = 'source' | 'target';

export interface TestMigration {
  readonly folder: string;
  readonly planFile: string;
  readonly started: StartedRehearsal;
  /** Points octank at this rehearsal. */
  readonly env: Readonly<Record<string, string>>;
  /** Where this plan's lock and runs lie. */
  readonly stateFolder: string;
  journalFolder(run?: number): string;
  /** Superuser connection settings; the source is the plan's database `monolith`, the target `accounts`. */
  connection(side: Side): pg.ClientConfig;
  /** Runs SQL as superuser, in a connection of its own. */
  query<T extends object = Record<string, unknown>>(side: Side, sql: string): Promise<T[]>;
  /** A connection that the caller ends: for transactions that stay open. */
  connect(side: Side, as?: { readonly user: string; readonly password: string }): Promise<pg.Client>;
  /** Asks the embedded AWS for a fault; see behaviour.md, section Faults. */
  fault(body: object): Promise<void>;
  clearFaults(): Promise<void>;
  octank(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  spawn(args: readonly string[], options?: CliOptions): CliProcess;
  /** Writes another plan beside the first, for the same rehearsal; answers its path. */
  writePlan(name: string, change: (yaml: string) => string): Promise<string>;
  stop(): Promise<void>;
}

const databaseOf: Readonly<Record<Side, string>> = { source: 'monolith', target: 'accounts' };

/** A test means to change something: a replacement that finds nothing would test another plan than it says. */
export const replaced = (text: string, from: string | RegExp, to: string): string => {
  const result = text.replace(from, to);
  if (result === text) throw new Error(`the plan has no ${from}`);
  return result;
};

/** A YAML section that begins at the margin, until the next one. */
export const withoutSection = (yaml: string, name: string): string =>
  replaced(yaml, new RegExp(`^${name}:.*\\n(?:(?:[ #].*)?\\n)*`, 'm'), '');

const same = (text: string): string => text;

export const testMigration = async (options: TestMigrationOptions): Promise<TestMigration> => {
  const folder = await mkdtemp(join(tmpdir(), 'octank-migration-'));
  // The databases may run under another account; the folder above their data must be passable.
  await chmod(folder, 0o755);
  const example = (name: string) => readFile(join(projectRoot, 'plans', name), 'utf8');
  const [planText, rehearsalText] = await Promise.all([example('shop.yaml'), example('shop.rehearsal.yaml')]);
  const plan = (options.plan ?? same)(planText);
  const planFile = join(folder, 'shop.yaml');
  await writeFile(planFile, plan);
  await writeFile(join(folder, 'shop.rehearsal.yaml'), (options.rehearsal ?? same)(rehearsalText));
  const root = join(folder, 'rehearsal');
  const started = await startForPlan({
    planFile,
    root,
    fresh: true,
    rows: options.rows,
    rate: options.rate,
    log: () => undefined,
  }).catch(async (error: unknown) => {
    // A test whose beginning failed never gets what it would stop.
    await stopForPlan(planFile, root).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const env = started.environment;
  const stateFolder = join(env.OCTANK_STATE ?? '', started.plan.name);

  const connection = (side: Side): pg.ClientConfig => {
    const database = started.endpoint.databases[databaseOf[side]];
    if (!database) throw new Error(`the rehearsal has no database ${databaseOf[side]}`);
    const { host, port, dbname, superuser, superuserPassword } = database;
    return { host, port, database: dbname, user: superuser, password: superuserPassword };
  };
  const connect: TestMigration['connect'] = async (side, as) => {
    const client = new pg.Client({ ...connection(side), ...as });
    // The server may be stopped, or the session ended, while it is open.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const faults = async (init: RequestInit): Promise<void> => {
    const answer = await fetch(`${started.endpoint.url}/_octank/faults`, init);
    if (!answer.ok) throw new Error(`the rehearsal refused the fault: ${await answer.text()}`);
  };
  const withEnv = (given: CliOptions = {}): CliOptions => ({ ...given, env: { ...env, ...given.env } });

  return {
    folder,
    planFile,
    started,
    env,
    stateFolder,
    journalFolder: (run = 1) => join(stateFolder, 'runs', String(run).padStart(4, '0'), 'journal'),
    connection,
    connect,
    query: async (side, sql) => {
      const client = await connect(side);
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    fault: (body) =>
      faults({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    clearFaults: () => faults({ method: 'DELETE' }),
    octank: (args, given) => octank(args, withEnv(given)),
    spawn: (args, given) => spawnOctank(args, withEnv(given)),
    writePlan: async (name, change) => {
      const path = join(folder, name);
      await writeFile(path, change(plan));
      return path;
    },
    stop: async () => {
      await discardRehearsal(started.stateDir);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

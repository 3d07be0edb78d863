/** Use case: the embedded AWS as a long-running endpoint: start, stop, status, and the environment that points at it. */

import { access, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { prepareSource } from '../lab/index.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Plan } from '../model/plan.ts';
import type { RehearsalEndpoint } from '../rehearsal/config.ts';
import {
  discardRehearsal,
  lastEndpoint,
  rehearsalStatus,
  startRehearsal,
  stopRehearsal,
} from '../rehearsal/lifecycle.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { rehearsalConfigFor, rehearsalEnvironment } from './rehearsal-config.ts';
import { type RehearsalFile, readRehearsalFile } from './rehearsal-file.ts';
import { builtEntry } from './settings.ts';

export interface StartedRehearsal {
  readonly plan: Plan;
  readonly file: RehearsalFile;
  readonly stateDir: string;
  readonly endpoint: RehearsalEndpoint;
  readonly environment: Readonly<Record<string, string>>;
}

export interface StartOptions {
  readonly planFile: string;
  /** Where the embedded AWS and the journals of rehearsals lie. */
  readonly root: string;
  /** Begin with nothing: what an earlier rehearsal left is removed. */
  readonly fresh: boolean;
  readonly rows: number | null;
  readonly rate: number | null;
  readonly log: (line: string) => void;
}

export const rehearsalRoot = '.octank/rehearsal';

const stateDirOf = (root: string, plan: Plan): string => resolve(join(root, plan.name));

const ownersOf = (file: RehearsalFile, database: string) => ({
  owner: file.databases[database]?.owner ?? 'shop_app',
  writers: Object.values(file.databases[database]?.roles ?? {}),
});

/** Whether the generated shop, or the ledger beside a real seed, goes into this database. */
export const labModeOf = (file: RehearsalFile, database: string): 'shop' | 'generic' =>
  typeof file.databases[database]?.seed === 'object' ? 'generic' : 'shop';

const seed = async (started: StartedRehearsal, log: (line: string) => void): Promise<void> => {
  const sources = [...new Set(started.plan.waves.map((wave) => wave.source))];
  for (const name of sources) {
    const database = started.endpoint.databases[name];
    if (!database) continue;
    const mode = labModeOf(started.file, name);
    log(mode === 'shop' ? `Seeding the shop: ${started.file.rows} orders.` : 'Adding the ledger of the workload.');
    await prepareSource({
      mode,
      connection: {
        host: database.host,
        port: database.port,
        user: database.superuser,
        password: database.superuserPassword,
        database: database.dbname,
      },
      ...ownersOf(started.file, name),
      rows: started.file.rows,
    });
  }
};

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export const startForPlan = async (options: StartOptions): Promise<StartedRehearsal> => {
  const plan = requirePlan(await openPlan(options.planFile));
  const given = await readRehearsalFile(options.planFile);
  const file: RehearsalFile = { ...given, rows: options.rows ?? given.rows };
  const stateDir = stateDirOf(options.root, plan);
  if (options.fresh) {
    await discardRehearsal(stateDir);
  }
  // Where it ran before it goes on: time must not jump back, and whoever was given its address still has it.
  const earlier = await lastEndpoint(stateDir);
  const clock = earlier?.clock ?? { rate: options.rate ?? file.clock.rate, originMs: Date.now() };
  const endpoint = await startRehearsal({
    config: {
      ...rehearsalConfigFor({ plan, file, stateDir, clock }),
      ...(earlier ? { port: Number(new URL(earlier.url).port), dnsPort: earlier.dns.port } : {}),
    },
    entry: builtEntry('rehearsal/main.js'),
    log: options.log,
  });
  const started: StartedRehearsal = {
    plan,
    file,
    stateDir,
    endpoint,
    environment: rehearsalEnvironment({
      url: endpoint.url,
      region: endpoint.region,
      clock: endpoint.clock,
      stateDir,
    }),
  };
  // Databases are kept over restarts, and so are their rows.
  const marker = join(stateDir, 'seeded');
  if (!(await isThere(marker))) {
    await seed(started, options.log);
    await writeFile(marker, '');
  }
  return started;
};

const notRunning = (planFile: string): Fault =>
  new Fault({
    code: 'rehearsal.not-running',
    summary: 'No rehearsal of this plan is running.',
    hint: `Start it: octank rehearsal start ${planFile}`,
    exitCode: exitCodes.fault,
  });

export const statusForPlan = async (planFile: string, root: string) => {
  const plan = requirePlan(await openPlan(planFile));
  const stateDir = stateDirOf(root, plan);
  const status = await rehearsalStatus(stateDir);
  if (status.state !== 'running') return { formatVersion: 1 as const, plan: plan.name, state: status.state, stateDir };
  const { url, dns, pid, region, clock, databases } = status.endpoint;
  return {
    formatVersion: 1 as const,
    plan: plan.name,
    state: 'running' as const,
    stateDir,
    url,
    dns,
    pid,
    region,
    clockRate: clock.rate,
    // The superusers' passwords stay in the endpoint file, which only its owner reads.
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, { host, port, dbname }]) => [name, { host, port, dbname }]),
    ),
  };
};

export const environmentForPlan = async (planFile: string, root: string): Promise<Readonly<Record<string, string>>> => {
  const plan = requirePlan(await openPlan(planFile));
  const stateDir = stateDirOf(root, plan);
  const status = await rehearsalStatus(stateDir);
  if (status.state !== 'running') throw notRunning(planFile);
  const { url, region, clock } = status.endpoint;
  return rehearsalEnvironment({ url, region, clock, stateDir });
};

export const stopForPlan = async (planFile: string, root: string): Promise<boolean> => {
  const plan = requirePlan(await openPlan(planFile));
  return stopRehearsal(stateDirOf(root, plan));
};

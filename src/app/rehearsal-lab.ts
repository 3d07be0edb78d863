/** What makes a rehearsal a test: the workload and traffic on it, and the checker that watches from outside. */
import { join } from 'node:path';
import { type Lab, startChecker, startLab } from '../lab/index.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { type TableName, type TablePair, tableKey } from '../model/table.ts';
import { waveInputs } from '../phases/wave.ts';
import { computeChangeSet } from './compute.ts';
import { secretNames } from './rehearsal-config.ts';
import { labModeOf, type StartedRehearsal } from './rehearsal-control.ts';
import { stateFolderOf } from './run-folder.ts';
import { builtEntry, type Settings } from './settings.ts';
import { noCheckpoints, openWorld, readOnly } from './world.ts';

const firstWriteSeconds = 60;

export const waitForWrites = async (lab: Lab): Promise<void> => {
  const deadline = Date.now() + firstWriteSeconds * 1000;
  while ((lab.status().workload?.acknowledged ?? 0) === 0) {
    if (lab.dead().length > 0 || Date.now() > deadline)
      throw new Fault({
        code: 'lab.no-writes',
        summary: 'The workload of the rehearsal writes nothing.',
        detail: lab.dead().join(', '),
        hint: 'Does the rehearsal file name the secret and role that the application uses?',
      });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

export const firstWave = (plan: Plan): Wave => {
  const wave = plan.waves[0];
  if (wave) return wave;
  throw new Fault({
    code: 'rehearsal.no-wave',
    summary: 'The plan moves no tables, so there is nothing to rehearse.',
    exitCode: exitCodes.invalid,
  });
};

export interface MovingTables {
  readonly pairs: readonly TablePair[];
  /** Source tables through which rows of those are written, themselves included. */
  readonly written: readonly TableName[];
}

/** What the first wave moves; nothing where the plan is refused. */
export const movingTables = async (started: StartedRehearsal, settings: Settings): Promise<MovingTables> => {
  const { plan } = started;
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  try {
    const { changeSet } = await computeChangeSet(plan, world);
    if (!changeSet) return { pairs: [], written: [] };
    const { pairs, parents } = waveInputs(changeSet, firstWave(plan).name);
    return { pairs, written: [...parents, ...pairs].map((pair) => pair.source) };
  } finally {
    await world.close();
  }
};

export const openLab = async (started: StartedRehearsal, moving: MovingTables): Promise<Lab> => {
  const { plan, file, endpoint, stateDir } = started;
  const wave = firstWave(plan);
  const named = wave.cutover.repoint.map(secretNames).find((names) => names !== null);
  const secret = file.application.secret ?? named?.secret;
  if (secret === undefined)
    throw new Fault({
      code: 'rehearsal.no-secret',
      summary: 'Nothing says from which secret the application reads its database.',
      hint: 'Name application.secret in the rehearsal file.',
      exitCode: exitCodes.invalid,
    });
  const traffic = plan.traffic[0];
  return startLab({
    mode: labModeOf(file, wave.source),
    entries: { workload: builtEntry('lab/workload.js'), traffic: builtEntry('lab/traffic.js') },
    folder: join(stateDir, 'lab'),
    aws: { endpoint: endpoint.url, region: endpoint.region },
    secret,
    ...(file.application.batchSecret ? { batchSecret: file.application.batchSecret } : {}),
    tables: moving.written.map(tableKey),
    rows: file.rows,
    writesPerSecond: file.application.writesPerSecond,
    ...(file.application.clients ? { clients: file.application.clients } : {}),
    traffic: traffic
      ? {
          clock: endpoint.clock,
          dns: endpoint.dns,
          name: `${traffic.record.name}.${traffic.record.zone}`,
          requestsPerSecond: file.requestsPerSecond,
          addresses: { [traffic.source.id]: traffic.source.value, [traffic.target.id]: traffic.target.value },
        }
      : null,
  });
};

/** Superuser connections of the checker: its own, never the product's. */
const checkedDatabase = (started: StartedRehearsal, name: string) => {
  const database = started.endpoint.databases[name];
  if (!database)
    throw new Fault({ code: 'rehearsal.no-database', summary: 'The rehearsal lacks a database.', detail: name });
  return {
    connection: {
      host: database.host,
      port: database.port,
      user: database.superuser,
      password: database.superuserPassword,
      database: database.dbname,
    },
    role: started.file.databases[name]?.owner ?? 'shop_app',
  };
};

/** Watches from now on; the journal it reads is that of the plan's first run. */
export const openChecker = (
  started: StartedRehearsal,
  settings: Settings,
  moving: MovingTables,
): ReturnType<typeof startChecker> => {
  const { plan, endpoint } = started;
  const wave = firstWave(plan);
  const folder = stateFolderOf(plan, settings);
  return startChecker({
    mode: labModeOf(started.file, wave.source),
    wave: wave.name,
    source: checkedDatabase(started, wave.source),
    target: checkedDatabase(started, wave.target),
    pairs: moving.pairs,
    aws: { endpoint: endpoint.url, region: endpoint.region },
    dns: endpoint.dns,
    records: plan.traffic.map(({ record, source, target }) => ({
      zone: record.zone,
      name: record.name,
      type: record.type,
      source: source.id,
      target: target.id,
    })),
    journalFolder: () => join(folder.path, 'runs', '0001', 'journal'),
  });
};

/** Use case: credentials, endpoints, connectivity, engine settings and versions, each asked and answered by name. */
import { type ExitCode, exitCodes, Fault } from '../model/fault.ts';
import { computeChangeSet } from './compute.ts';
import { openPlan, requirePlan } from './open-plan.ts';
import { latestRun, stateFolderOf } from './run-folder.ts';
import type { Settings } from './settings.ts';
import { clockOf, noCheckpoints, openWorld, readOnly } from './world.ts';

export interface Finding {
  readonly name: string;
  readonly result: 'ok' | 'warning' | 'error';
  readonly detail: string;
  readonly hint: string;
}

export interface DoctorReport {
  readonly formatVersion: 1;
  readonly octank: string;
  readonly node: string;
  readonly findings: readonly Finding[];
  readonly exitCode: ExitCode;
}

const ok = (name: string, detail: string): Finding => ({ name, result: 'ok', detail, hint: '' });

const ask = async (name: string, read: () => Promise<string>): Promise<Finding> => {
  try {
    return ok(name, await read());
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { name, result: 'error', detail: `${error.summary} ${error.detail}`, hint: error.hint };
  }
};

/** What a run changes on purpose: no problem once one has begun. */
const changedByRun: ReadonlySet<string> = new Set([
  'preflight.target-not-empty',
  'preflight.repoint-not-at-source',
  'preflight.weight-not-zero',
]);

export const runDoctor = async (file: string, settings: Settings): Promise<DoctorReport> => {
  const opened = await openPlan(file);
  const plan = requirePlan(opened);
  const world = openWorld({ plan, settings, fencing: readOnly, checkpoints: noCheckpoints, announce: () => undefined });
  const folder = stateFolderOf(plan, settings);
  const findings: Finding[] = [ok('plan', `${plan.name}, digest ${plan.digest.slice(0, 12)}`)];
  try {
    findings.push(
      await ask('endpoints', async () =>
        Object.entries(await world.identity.endpoints())
          .map(([service, url]) => `${service} ${url}`)
          .join(', '),
      ),
      await ask('credentials', async () => {
        const { account, arn } = await world.identity.whoami();
        return `${arn} in account ${account}`;
      }),
      await ask('lock', async () => {
        const held = await folder.lock.holder();
        return held ? `held by ${held.holder.owner}, ${held.alive ? 'alive' : 'dead'}` : 'free';
      }),
    );
    for (const name of Object.keys(plan.databases))
      findings.push(
        await ask(`database ${name}`, async () => {
          const facts = await (await world.ports.database(name)).facts();
          return `PostgreSQL ${facts.version}, database ${facts.database}, as ${facts.role.name}, wal_level ${facts.walLevel}`;
        }),
      );
    const begun = (await latestRun(folder, { clock: clockOf(settings), fencing: () => 0 }))?.state ?? null;
    const { diagnostics } = await computeChangeSet(plan, world);
    const meant = diagnostics.filter((d) => begun === null || !changedByRun.has(d.code));
    for (const { severity, code, summary, detail, hint } of [...opened.diagnostics, ...meant])
      findings.push({
        name: code,
        result: severity === 'error' ? 'error' : 'warning',
        detail: `${summary} ${detail}`,
        hint,
      });
    const failed = findings.some((finding) => finding.result === 'error');
    return {
      formatVersion: 1,
      octank: settings.version,
      node: process.version,
      findings,
      exitCode: failed ? exitCodes.fault : exitCodes.done,
    };
  } finally {
    await world.close();
  }
};

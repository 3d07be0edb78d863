/** Reads the world for planning: both databases of every wave and the live DNS records. Changes nothing. */

import type { Diagnostic } from '../model/diagnostic.ts';
import { Fault } from '../model/fault.ts';
import type { Plan, SecretRef, Wave } from '../model/plan.ts';
import { parseTableKey, type TablePair, tableKey } from '../model/table.ts';
import { matchTables } from '../plan/globs.ts';
import type { Database } from '../ports/database.ts';
import type { Ports } from './contract.ts';
import type { Observed, WaveObserved } from './observed.ts';

const sameSecret = (a: SecretRef, b: SecretRef): boolean => JSON.stringify(a) === JSON.stringify(b);

const replicationRole = async (plan: Plan, name: string, ports: Ports, own: string): Promise<string> => {
  const spec = plan.databases[name];
  if (!spec || sameSecret(spec.connection, spec.replicationConnection)) return own;
  return (await (await ports.database(name, 'replication')).facts()).role.name;
};

/** The wave's tables on both sides. Partitions travel with their own names: the log names them, not their parent. */
const pairTables = (wave: Wave, names: readonly string[]): { pairs: TablePair[]; unmatched: readonly string[] } => {
  const { matched, unmatchedPatterns } = matchTables(wave.tables.include, wave.tables.exclude, names);
  const pairs = matched.map((key) => ({
    source: parseTableKey(key),
    target: parseTableKey(wave.tables.rename[key] ?? key),
  }));
  return { pairs, unmatched: unmatchedPatterns };
};

export const gatherWave = async (
  plan: Plan,
  wave: Wave,
  ports: Ports,
): Promise<{ observed: WaveObserved; diagnostics: readonly Diagnostic[] }> => {
  const open = async (name: string): Promise<Database> => ports.database(name);
  const [source, target] = await Promise.all([open(wave.source), open(wave.target)]);
  const [sourceFacts, targetFacts, sourceTables, sourceModel, targetModel] = await Promise.all([
    source.facts(),
    target.facts(),
    source.tables(),
    source.schema.inspect(),
    target.schema.inspect(),
  ]);
  const { pairs, unmatched } = pairTables(
    wave,
    sourceTables.map((table) => tableKey(table.name)),
  );
  const replicationRoles = {
    source: await replicationRole(plan, wave.source, ports, sourceFacts.role.name),
    target: await replicationRole(plan, wave.target, ports, targetFacts.role.name),
  };
  const writers = await source.sessions.writers(pairs.map((pair) => pair.source));
  const writerRoles = [...new Set(writers.filter((writer) => writer.mayWrite).map((writer) => writer.role))].filter(
    (role) => role !== sourceFacts.role.name && role !== replicationRoles.source,
  );
  const diagnostics: Diagnostic[] = unmatched.map((pattern) => ({
    severity: 'error',
    code: 'plan.glob-matches-nothing',
    summary: 'A table pattern matches no table of the source.',
    detail: `Wave ${wave.name}: ${pattern} matches none of the ${sourceTables.length} tables of ${wave.source}.`,
    hint:
      sourceTables.length > 0
        ? `Its tables are: ${sourceTables
            .slice(0, 8)
            .map((t) => tableKey(t.name))
            .join(', ')}${sourceTables.length > 8 ? ', ...' : ''}`
        : 'The database has no tables.',
    range: wave.range,
  }));
  return {
    observed: {
      pairs,
      source: sourceFacts,
      target: targetFacts,
      sourceTables,
      sourceModel,
      targetModel,
      replicationRoles,
      writerRoles,
    },
    diagnostics,
  };
};

const gatherTraffic = async (plan: Plan, ports: Ports): Promise<Observed['traffic']> =>
  Object.fromEntries(
    await Promise.all(
      plan.traffic.map(
        async ({ record }) =>
          [
            `${record.name}.${record.zone}`,
            await ports.traffic.read({ zone: record.zone, name: record.name }),
          ] as const,
      ),
    ),
  );

/** One thing that could not be read: planning goes on, so that everything wrong is shown at once. */
const asDiagnostic = (fault: Fault, detail: string): Diagnostic => ({
  severity: 'error',
  code: fault.code,
  summary: fault.summary,
  detail: `${detail}${fault.detail}`,
  hint: fault.hint,
  range: null,
});

export const gatherObserved = async (plan: Plan, ports: Ports): Promise<Observed> => {
  const diagnostics: Diagnostic[] = [];
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      diagnostics.push(asDiagnostic(error, what));
      return undefined;
    }
  };
  const waves: Record<string, WaveObserved> = {};
  for (const wave of plan.waves) {
    const gathered = await attempt(`Wave ${wave.name}: `, () => gatherWave(plan, wave, ports));
    if (!gathered) continue;
    waves[wave.name] = gathered.observed;
    diagnostics.push(...gathered.diagnostics);
  }
  const traffic = (await attempt('Traffic: ', () => gatherTraffic(plan, ports))) ?? {};
  return { waves, traffic, diagnostics };
};

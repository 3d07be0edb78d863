/** Named checks over what was observed: the same list at planning, at preflight and right before a cutover. Pure. */
import type { Diagnostic, Severity } from '../model/diagnostic.ts';
import type { Plan, Wave } from '../model/plan.ts';
import { quoteTable } from '../model/postgres-quote.ts';
import { type TableName, tableKey } from '../model/table.ts';
import type { ServerFacts, TableFacts } from '../ports/database.ts';
import { crossingEdges } from '../schema/crossing.ts';
import { schemaPlanOf } from './convert-schema.ts';
import type { WaveObserved } from './observed.ts';
import { tableList } from './wave.ts';

export interface CheckInput {
  readonly plan: Plan;
  readonly wave: Wave;
  readonly observed: WaveObserved;
}

interface Check {
  /** `preflight.NAME`; stable, people filter on it. */
  readonly name: string;
  readonly run: (input: CheckInput) => readonly Found[];
}

interface Found {
  readonly severity: Severity;
  readonly summary: string;
  readonly detail: string;
  readonly hint: string;
}

const error = (summary: string, detail: string, hint: string): Found => ({ severity: 'error', summary, detail, hint });
const warning = (summary: string, detail: string, hint: string): Found => ({
  severity: 'warning',
  summary,
  detail,
  hint,
});

const reverses = (wave: Wave): boolean => wave.cutover.fallback === 'reverse-replication';

/** Each side that must act as a change source: the source always, the target when changes flow back. */
const changeSources = ({ wave, observed }: CheckInput): readonly (readonly [string, ServerFacts])[] => [
  [wave.source, observed.source],
  ...(reverses(wave) ? [[wave.target, observed.target] as const] : []),
];

const applyTargets = ({ wave, observed }: CheckInput): readonly (readonly [string, ServerFacts])[] => [
  [wave.target, observed.target],
  ...(reverses(wave) ? [[wave.source, observed.source] as const] : []),
];

const waveFacts = ({ observed }: CheckInput): readonly TableFacts[] => {
  const wanted = new Set(observed.pairs.map((pair) => tableKey(pair.source)));
  return observed.sourceTables.filter((table) => wanted.has(tableKey(table.name)));
};

const isMoving = (observed: WaveObserved, name: TableName): boolean =>
  observed.pairs.some((pair) => tableKey(pair.source) === tableKey(name));

const accepted = (wave: Wave, edge: string): boolean => wave.accept.some((item) => item.edge === edge);

export const checks: readonly Check[] = [
  {
    name: 'same-database',
    run: ({ wave, observed }) =>
      observed.source.identity === observed.target.identity
        ? [
            error(
              'Source and target are the same database.',
              `${wave.source} and ${wave.target} reach one server and database.`,
              'Correct one of the two connections.',
            ),
          ]
        : [],
  },
  {
    name: 'wal-level',
    run: (input) =>
      changeSources(input).flatMap(([name, facts]) =>
        facts.walLevel === 'logical'
          ? []
          : [
              error(
                'A database does not write the log that change capture needs.',
                `${name} has wal_level = ${facts.walLevel}.`,
                name === input.wave.source
                  ? 'Set wal_level = logical and restart the server (rds.logical_replication = 1 on RDS).'
                  : 'Set rds.logical_replication = 1 on the target and reboot it, or set fallback: none.',
              ),
            ],
      ),
  },
  {
    name: 'replication-right',
    run: (input) =>
      changeSources(input).flatMap(([name, facts]) =>
        facts.role.replication || facts.role.superuser
          ? []
          : [
              error(
                'The role may not read the change log.',
                `${facts.role.name} on ${name} lacks the REPLICATION right.`,
                `Run on ${name}: ALTER ROLE "${facts.role.name}" REPLICATION (on RDS: GRANT rds_replication TO "${facts.role.name}").`,
              ),
            ],
      ),
  },
  {
    name: 'apply-right',
    run: (input) =>
      applyTargets(input).flatMap(([name, facts]) =>
        facts.role.mayApplyAsReplica
          ? []
          : [
              error(
                'The role may not apply changes without firing triggers.',
                `${facts.role.name} on ${name} may not set session_replication_role.`,
                `Run on ${name}: GRANT SET ON PARAMETER session_replication_role TO "${facts.role.name}".`,
              ),
            ],
      ),
  },
  {
    name: 'control-right',
    run: ({ wave, observed }) =>
      (
        [
          [wave.source, observed.source],
          [wave.target, observed.target],
        ] as const
      ).flatMap(([name, facts]) =>
        facts.role.mayCreateInDatabase
          ? []
          : [
              error(
                'The role may not create the schema that octank keeps its fence and marker rows in.',
                `${facts.role.name} on ${name}.`,
                `Run on ${name}: GRANT CREATE ON DATABASE "${facts.database}" TO "${facts.role.name}".`,
              ),
            ],
      ),
  },
  {
    name: 'session-rights',
    run: ({ wave, observed }) => {
      const { role } = observed.source;
      if (role.maySeeAllSessions && role.mayEndSessions) return [];
      return [
        error(
          'The role may not see or end the sessions of writers, so the fence could not be known to be closed.',
          `${role.name} on ${wave.source}.`,
          `Run on ${wave.source}: GRANT pg_monitor, pg_signal_backend TO "${role.name}".`,
        ),
      ];
    },
  },
  {
    name: 'slots-free',
    run: (input) =>
      changeSources(input).flatMap(([name, facts]) =>
        facts.maxReplicationSlots - facts.usedReplicationSlots >= 2
          ? []
          : [
              error(
                'A database has too few replication slots left.',
                `${name} has ${facts.usedReplicationSlots} of ${facts.maxReplicationSlots} in use; two are needed.`,
                `Raise max_replication_slots on ${name}.`,
              ),
            ],
      ),
  },
  {
    name: 'slot-unbounded',
    run: (input) =>
      changeSources(input).flatMap(([name, facts]) =>
        facts.maxSlotWalKeepBytes >= 0
          ? []
          : [
              warning(
                'Nothing on the server itself keeps a slot from filling the disk.',
                `${name} has max_slot_wal_keep_size = -1; octank stops at ${input.wave.replication.slotBudgetBytes} bytes, but only while it runs.`,
                `Set max_slot_wal_keep_size on ${name}.`,
              ),
            ],
      ),
  },
  {
    name: 'read-only-target',
    run: ({ wave, observed }) =>
      observed.target.readOnly
        ? [
            error(
              'The target accepts no writes.',
              `${wave.target} is read-only or in recovery.`,
              'Name the writer endpoint in the connection.',
            ),
          ]
        : [],
  },
  {
    name: 'encoding',
    run: ({ wave, observed }) =>
      observed.source.encoding === observed.target.encoding
        ? []
        : [
            error(
              'The databases have different encodings.',
              `${wave.source}: ${observed.source.encoding}, ${wave.target}: ${observed.target.encoding}.`,
              `Create the target database with ENCODING '${observed.source.encoding}'.`,
            ),
          ],
  },
  {
    name: 'collation',
    run: ({ wave, observed }) =>
      observed.source.collation === observed.target.collation
        ? []
        : [
            warning(
              'The databases sort text differently by default.',
              `${wave.source}: ${observed.source.collation}, ${wave.target}: ${observed.target.collation}. ORDER BY and text ranges may answer in another order.`,
              'Create the target with the same locale if the application depends on order.',
            ),
          ],
  },
  {
    name: 'no-tables',
    run: ({ wave, observed }) =>
      observed.pairs.length > 0
        ? []
        : [error('A wave has no tables.', `Wave ${wave.name}.`, 'Correct tables.include.')],
  },
  {
    name: 'may-alter',
    run: (input) => {
      const denied = waveFacts(input).filter((table) => !table.mayAlter);
      return denied.length === 0
        ? []
        : [
            error(
              'The role may not put the fence on a table.',
              `${input.observed.source.role.name} does not own ${tableList(denied.map((t) => t.name))}.`,
              `Run on ${input.wave.source}: GRANT "${denied[0]?.owner}" TO "${input.observed.source.role.name}"; where the owner is a superuser, give the table to another role first.`,
            ),
          ];
    },
  },
  {
    name: 'table-without-key',
    run: (input) =>
      waveFacts(input)
        .filter((table) => !table.hasKey && !table.isPartitioned)
        .map((table) => {
          const edge = `keyless:${tableKey(table.name)}`;
          const detail = `${tableKey(table.name)}: change capture carries no UPDATE and no DELETE of it, and a restart may double rows.`;
          return accepted(input.wave, edge)
            ? warning(
                'A table without a key moves with its inserts only.',
                detail,
                'Parity compares it as a multiset before the cutover.',
              )
            : error(
                'A table has no key.',
                detail,
                `Add a primary key, exclude it, or, if it is only ever inserted into, accept it: { edge: "${edge}", reason: ... }.`,
              );
        }),
  },
  {
    name: 'table-without-columns',
    run: ({ wave, observed }) =>
      observed.sourceModel.tables
        .map((table) => ({ name: { schema: table.schema, table: table.name }, columns: table.columns }))
        .filter(({ name, columns }) => columns.length === 0 && isMoving(observed, name))
        .map(({ name }) =>
          error(
            'A table has no columns, which replication cannot carry.',
            `${tableKey(name)} in wave ${wave.name}.`,
            `Exclude ${tableKey(name)}.`,
          ),
        ),
  },
  {
    name: 'inheritance',
    run: ({ wave, observed }) => {
      const parents = observed.sourceModel.tables
        .filter((table) => isMoving(observed, { schema: table.schema, table: table.name }))
        .flatMap((table) => table.inherits.filter((parent) => isMoving(observed, parent)).map(tableKey));
      return [...new Set(parents)].map((parent) =>
        error(
          'A table is inherited from: reading it reads the rows of its children too.',
          `${parent} in wave ${wave.name}: replication would load those rows a second time, into the parent.`,
          `Exclude ${parent} and the tables that inherit from it and move them otherwise, or make it a partitioned table.`,
        ),
      );
    },
  },
  {
    name: 'replica-identity',
    run: (input) =>
      waveFacts(input)
        .filter((table) => table.hasKey && table.replicaIdentity === 'nothing')
        .map((table) =>
          error(
            'A table has a key, but its log does not carry it.',
            `${tableKey(table.name)} has REPLICA IDENTITY NOTHING: neither replication nor octank's feed sees its UPDATE and DELETE.`,
            `Run on ${input.wave.source}: ALTER TABLE ${quoteTable(table.name)} REPLICA IDENTITY DEFAULT.`,
          ),
        ),
  },
  {
    name: 'exempt-writer',
    run: ({ wave, observed }) => {
      const exempt = new Set([observed.source.role.name, observed.replicationRoles.source]);
      const applications = new Set([
        ...wave.writers,
        ...(wave.cutover.appProbe === null ? [] : [wave.cutover.appProbe.as]),
      ]);
      return [...applications]
        .filter((role) => exempt.has(role))
        .map((role) =>
          error(
            'An application writes as a role that the fence lets through.',
            `${role} on ${wave.source} is what octank or replication connects as, and the plan names it as a writer of wave ${wave.name}.`,
            'Give octank and replication roles of their own, in the secrets that the plan names.',
          ),
        );
    },
  },
  {
    name: 'unnamed-writer',
    run: ({ wave, observed }) =>
      observed.writerRoles
        .filter((role) => !wave.writers.includes(role))
        .map((role) =>
          warning(
            'Someone writes these tables whom the plan does not name.',
            `Role ${role} may log in and write tables of wave ${wave.name}. The fence will refuse it at cutover, and it is not repointed.`,
            `Name it under writers if it follows the repoint; otherwise stop it or move it before the cutover.`,
          ),
        ),
  },
  {
    name: 'schema-finding',
    run: ({ plan, wave, observed }) =>
      schemaPlanOf(wave, observed.pairs, observed).findings.map((finding) => {
        const { severity, summary } = finding;
        const detail = `${finding.id}: ${finding.detail}`;
        if (severity !== 'error' || !finding.acceptable) return { severity, summary, detail, hint: finding.hint };
        return accepted(wave, finding.id)
          ? warning(summary, `${detail} The plan accepts it.`, '')
          : error(
              summary,
              detail,
              `${finding.hint} To accept it in ${plan.file}: accept: [{ edge: "${finding.id}", reason: ... }].`,
            );
      }),
  },
  {
    name: 'crossing-edge',
    run: ({ plan, wave, observed }) => {
      const own = observed.pairs.map((pair) => pair.source);
      return crossingEdges(observed.sourceModel, own).map((edge) =>
        accepted(wave, edge.id)
          ? warning('An edge crosses the wave, as the plan accepts.', `${edge.id}: ${edge.detail}`, '')
          : error(
              'Something ties tables of this wave to tables outside it.',
              `${edge.id}: ${edge.detail}`,
              `Move both in one wave, or accept it in ${plan.file}: accept: [{ edge: "${edge.id}", reason: ... }].`,
            ),
      );
    },
  },
];

/** Every check of a wave, in the order of the list. */
export const runChecks = (input: CheckInput): readonly Diagnostic[] =>
  checks.flatMap((check) =>
    check.run(input).map((found) => ({ ...found, code: `preflight.${check.name}`, range: input.wave.range })),
  );

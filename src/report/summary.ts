/** The end of a run: what the last lines say, and the result object that scripts read. */
import type { RunState } from '../journal/run-state.ts';
import type { Fault } from '../model/fault.ts';
import { formatCount, formatPercent, formatSeconds } from './format.ts';
import type { ResultJson, RollbackCost } from './json-types.ts';
import { parityTotals, runResultPhases, totalDowntime } from './run-facts.ts';
import { renderRollbackCost } from './status.ts';
import { noStyle, type Style } from './style.ts';

/** What only a rehearsal can know, because it owns the clients. */
export interface Measured {
  readonly writes: NonNullable<ResultJson['writes']>;
  readonly databaseGapSeconds: number | null;
  readonly clients: NonNullable<ResultJson['clients']>;
  readonly requests: number;
  readonly failedRequests: number;
  readonly violations: NonNullable<ResultJson['violations']>;
}

/** The last share measured on each rung. */
const sharesOf = (state: RunState): NonNullable<ResultJson['traffic']>['shares'] => {
  const last = new Map<string, { record: string; expectedPercent: number; measuredPercent: number | null }>();
  for (const { record, expectedPercent, measuredPercent } of state.shares)
    last.set(`${record} ${expectedPercent}`, {
      record,
      expectedPercent,
      measuredPercent: measuredPercent === null ? null : Number(measuredPercent.toFixed(2)),
    });
  return [...last.values()];
};

export const resultOf = (options: {
  readonly state: RunState | null;
  readonly outcome: ResultJson['outcome'];
  readonly exitCode: number;
  readonly fault: Fault | null;
  readonly rollback: RollbackCost;
  readonly measured: Measured | null;
  readonly clockRate: number;
  readonly report?: string | undefined;
}): ResultJson => {
  const { state, measured, fault } = options;
  const downtime = measured?.databaseGapSeconds ?? (state ? totalDowntime(state) : null);
  const shares = state ? sharesOf(state) : [];
  const totals = state && parityTotals(state);
  return {
    type: 'result',
    outcome: options.outcome,
    exitCode: options.exitCode,
    phases: state ? [...runResultPhases(state)] : [],
    downtimeSeconds: downtime === null ? null : Number(downtime.toFixed(3)),
    clients: measured?.clients ?? null,
    writes: measured?.writes ?? null,
    parity: totals && { verdict: totals.verdict, tables: totals.tables, rows: totals.rows },
    traffic:
      shares.length > 0 || measured
        ? { requests: measured?.requests ?? null, failed: measured?.failedRequests ?? null, shares }
        : null,
    rollback: options.rollback,
    ...(measured ? { violations: measured.violations } : {}),
    fault: fault && { code: fault.code, summary: fault.summary, detail: fault.detail, hint: fault.hint },
    ...(options.report === undefined ? {} : { report: options.report }),
    clockRate: options.clockRate,
  };
};

const seconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? 'not measured' : formatSeconds(value);

export const renderSummary = (result: ResultJson, style: Style = noStyle): string => {
  const { writes, clients, parity, traffic } = result;
  const good = result.outcome === 'succeeded' && (result.violations?.length ?? 0) === 0;
  const row = (name: string, text: string): string => `  ${style.dim(name.padEnd(11))} ${text}`;
  const lines: string[] = ['', `${(good ? style.green : style.red)(style.bold(result.outcome))}`];
  if (result.phases.length > 0)
    lines.push(row('phases', result.phases.map((p) => `${p.name} ${formatSeconds(p.seconds)}`).join(' · ')));
  if (writes)
    lines.push(
      row(
        'writes',
        `${formatCount(writes.acknowledged)} acknowledged, ${formatCount(writes.refused)} refused, ${formatCount(writes.indeterminate)} indeterminate, lost ${style.bold(String(writes.lost))}, duplicated ${style.bold(String(writes.duplicated))}`,
      ),
    );
  if (result.downtimeSeconds !== null)
    lines.push(
      row(
        'downtime',
        `database ${formatSeconds(result.downtimeSeconds)}${clients ? `; clients median ${seconds(clients.medianDowntimeSeconds)}, p99 ${seconds(clients.p99DowntimeSeconds)}` : ''}`,
      ),
    );
  if (parity) lines.push(row('parity', `${parity.verdict}: ${parity.tables} tables, ${formatCount(parity.rows)} rows`));
  if (traffic) {
    if (traffic.requests !== null)
      lines.push(
        row('traffic', `${formatCount(traffic.requests)} requests, ${formatCount(traffic.failed ?? 0)} failed`),
      );
    for (const share of traffic.shares)
      lines.push(
        row(
          'share',
          `${share.record}: ${formatPercent(share.expectedPercent)} set, ${share.measuredPercent === null ? 'not measured' : `${formatPercent(share.measuredPercent)} measured`}`,
        ),
      );
  }
  if (result.clockRate !== 1)
    lines.push(
      row('clock', `bake, settle and gate times ran ${result.clockRate} times as fast; databases in real time`),
    );
  for (const violation of result.violations ?? [])
    lines.push(`  ${style.red('violation')} ${violation.code}: ${violation.detail}`);
  if (result.report) lines.push(row('report', result.report));
  lines.push(`  ${style.bold('rollback now costs:')} ${renderRollbackCost(result.rollback)}`);
  return `${lines.join('\n')}\n`;
};

/** The decoded plan file: what is wanted. Durations are seconds, shares percent. Made by src/plan only. */

import type { SourceRange } from './diagnostic.ts';
import type { JsonObject } from './json.ts';

/** Where a secret is read from; the value itself is never part of a plan. */
export type SecretRef =
  | { readonly kind: 'secretsManager'; readonly id: string }
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string };

export type EngineKind = 'postgres' | 'aurora-postgresql';

export interface DatabaseSpec {
  readonly name: string;
  readonly engine: EngineKind;
  /** octank's own connection. */
  readonly connection: SecretRef;
  /** The replication engine's connection; octank's own where the plan names none. Must be secretsManager for DMS. */
  readonly replicationConnection: SecretRef;
}

export type WaveOrder = 'database-first' | 'application-first' | 'together';

export interface RepointSpec {
  /** `secretsManager`, `route53`, `command`, `manual`. */
  readonly kind: string;
  readonly settings: JsonObject;
}

export interface GateSpec {
  readonly name: string;
  /** `cloudwatch`, `alarm`, `sessions`. */
  readonly kind: string;
  readonly settings: JsonObject;
  readonly failWhen: { readonly comparison: '>' | '>=' | '<' | '<='; readonly threshold: number };
  readonly windowSeconds: number;
  readonly periodSeconds: number;
  readonly datapointsToFail: number;
  readonly evaluationPoints: number;
  /** Fewer requests than this in the window are `insufficientSamples`. 0: no floor. */
  readonly minRequests: number;
  readonly noData: 'hold' | 'fail' | 'success';
  readonly range: SourceRange | null;
}

export interface Wave {
  readonly name: string;
  readonly needs: readonly string[];
  readonly source: string;
  readonly target: string;
  readonly order: WaveOrder;
  readonly tables: {
    readonly include: readonly string[];
    readonly exclude: readonly string[];
    /** `schema.table` -> `schema.table` on the target. */
    readonly rename: Readonly<Record<string, string>>;
  };
  readonly schema: { readonly convert: 'copy' };
  readonly replication: {
    readonly use: 'dms';
    readonly instance: string;
    readonly plugin: 'test-decoding' | 'pglogical';
    readonly lob: { readonly mode: 'inline' | 'full' | 'limited'; readonly maxKb: number };
    readonly batchApply: boolean;
    /** Bytes of WAL that one slot may hold back on either database before octank stops the migration. */
    readonly slotBudgetBytes: number;
  };
  readonly parity: { readonly require: 'equal'; readonly maxAgeSeconds: number };
  /** Roles that are known to write these tables; any other is a finding. Empty: not named. */
  readonly writers: readonly string[];
  /** Crossing edges (foreign keys, triggers, views, routines) that the plan accepts by name, with the reason. */
  readonly accept: readonly { readonly edge: string; readonly reason: string }[];
  readonly cutover: {
    readonly downtimeBudgetSeconds: number;
    /** Lag that must hold before the fence, seconds. */
    readonly maxLagSeconds: number;
    readonly repoint: readonly RepointSpec[];
    readonly appProbe: { readonly as: string; readonly statement: string; readonly secret: SecretRef | null } | null;
    readonly gates: readonly string[];
    readonly fallback: 'reverse-replication' | 'none';
  };
  readonly range: SourceRange | null;
}

export interface Rung {
  readonly sharePercent: number;
  readonly bakeSeconds: number;
  readonly approval: boolean;
  /** A failed or held run stays here instead of returning to the last approved share. */
  readonly unattended: boolean;
}

export interface RequestMetric {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface TrafficSpec {
  readonly record: {
    readonly zone: string;
    readonly name: string;
    readonly type: 'A' | 'AAAA' | 'CNAME';
    readonly ttlSeconds: number;
  };
  readonly source: { readonly id: string; readonly value: string };
  readonly target: {
    readonly id: string;
    readonly value: string;
    /** Waves whose tables this side writes; absent: all of the plan's. */
    readonly writes?: readonly string[];
  };
  readonly after: readonly string[];
  readonly ladder: readonly Rung[];
  readonly maxStepPercent: number;
  readonly gates: readonly string[];
  /** Request counts at both ends, from which the real share is measured; null: TTL alone is waited for. */
  readonly measure: { readonly source: RequestMetric; readonly target: RequestMetric } | null;
  readonly range: SourceRange | null;
}

export type ApprovalPoint = 'cutover' | 'traffic' | 'no-fallback' | 'local-state';

export interface Plan {
  readonly apiVersion: 'octank/v1';
  readonly name: string;
  /** As given on the command line, for diagnostics and hints. */
  readonly file: string;
  /** sha256 of the decoded plan in canonical JSON: comments and layout do not count. */
  readonly digest: string;
  readonly aws: {
    readonly region: string;
    readonly profile: string | null;
    readonly assumeRole: string | null;
    readonly tags: Readonly<Record<string, string>>;
  };
  readonly state: { readonly backend: 'local'; readonly path: string };
  readonly databases: Readonly<Record<string, DatabaseSpec>>;
  readonly waves: readonly Wave[];
  readonly traffic: readonly TrafficSpec[];
  readonly gates: readonly GateSpec[];
  readonly approvals: readonly ApprovalPoint[];
  readonly notify: { readonly snsTopicArn: string | null };
}

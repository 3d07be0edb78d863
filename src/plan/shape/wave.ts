/** One entry of `waves:` as it is written, and the defaults of what it leaves out. */
import { z } from 'zod';
import type { PlanCatalog } from '../catalog.ts';
import { repointShape } from './kinds.ts';
import { byteCount, duration, name, secretRef, tablePattern, text } from './scalars.ts';

const replication = () =>
  z
    .strictObject({
      use: z.literal('dms').default('dms'),
      instance: text().describe('Identifier of the DMS replication instance'),
      plugin: z.enum(['test-decoding', 'pglogical']).default('test-decoding'),
      lob: z
        .strictObject({
          mode: z.enum(['inline', 'full', 'limited']).default('inline'),
          maxKb: z.int().min(1).max(102_400).default(64),
        })
        .prefault({}),
      batchApply: z.boolean().default(false).describe('Faster, but the order between tables is not kept'),
      slotBudget: byteCount().prefault('10GiB'),
    })
    .transform(({ slotBudget, ...rest }) => ({ ...rest, slotBudgetBytes: slotBudget }));

const appProbe = () =>
  z
    .strictObject({ as: text(), statement: text().default('select 1'), secret: secretRef().optional() })
    .transform(({ secret, ...rest }) => ({ ...rest, secret: secret ?? null }));

const cutover = (catalog: PlanCatalog) =>
  z
    .strictObject({
      downtimeBudget: duration('1s', '1h'),
      maxLag: duration('100ms', '10m').default(5),
      repoint: z.array(repointShape(catalog)).min(1),
      appProbe: appProbe().optional(),
      gates: z.array(name()).default([]),
      fallback: z.enum(['reverse-replication', 'none']).default('reverse-replication'),
    })
    .transform(({ downtimeBudget, maxLag, ...rest }) => ({
      downtimeBudgetSeconds: downtimeBudget,
      maxLagSeconds: maxLag,
      repoint: rest.repoint,
      appProbe: rest.appProbe ?? null,
      gates: rest.gates,
      fallback: rest.fallback,
    }));

/** Renames are looked up by whole names, so the schema that a short name means is written out here. */
const qualified = (table: string): string => (table.includes('.') ? table : `public.${table}`);

const tables = () =>
  z
    .strictObject({
      include: z.array(tablePattern()).min(1),
      exclude: z.array(tablePattern()).default([]),
      rename: z.record(tablePattern(), tablePattern()).default({}),
    })
    .transform(({ include, exclude, rename }) => ({
      include: include.map(qualified),
      exclude: exclude.map(qualified),
      rename: Object.fromEntries(Object.entries(rename).map(([from, to]) => [qualified(from), qualified(to)])),
    }));

export const waveShape = (catalog: PlanCatalog) =>
  z.strictObject({
    name: name(),
    needs: z.array(name()).default([]),
    source: name(),
    target: name(),
    order: z.literal('database-first').default('database-first'),
    tables: tables(),
    schema: z.strictObject({ convert: z.literal('copy').default('copy') }).prefault({}),
    replication: replication(),
    parity: z
      .strictObject({ require: z.literal('equal').default('equal'), maxAge: duration('10s', '1d').default(600) })
      .prefault({})
      .transform(({ require, maxAge }) => ({ require, maxAgeSeconds: maxAge })),
    writers: z.array(text()).default([]),
    accept: z.array(z.strictObject({ edge: text(), reason: text() })).default([]),
    cutover: cutover(catalog),
  });

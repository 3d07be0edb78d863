/** The whole file: one schema, from which decoding, known keys and the editors' JSON Schema all come. */
import { z } from 'zod';
import type { Plan } from '../../model/plan.ts';
import type { PlanCatalog } from '../catalog.ts';
import { gateShape } from './kinds.ts';
import { arn, name, region, secretRef, text } from './scalars.ts';
import { trafficShape } from './traffic.ts';
import { waveShape } from './wave.ts';

const aws = () =>
  z
    .strictObject({
      region: region(),
      profile: text().optional(),
      assumeRole: arn('iam').optional(),
      tags: z.record(text(), z.string()).default({}),
    })
    .transform((given) => ({ ...given, profile: given.profile ?? null, assumeRole: given.assumeRole ?? null }));

const database = (catalog: PlanCatalog) =>
  z.strictObject({
    engine: z.enum(catalog.engines),
    connection: secretRef(),
    replicationConnection: secretRef().optional(),
  });

export const planShape = (catalog: PlanCatalog) =>
  z
    .strictObject({
      apiVersion: z.literal('octank/v1'),
      name: name(),
      aws: aws(),
      state: z.strictObject({ backend: z.literal('local').default('local'), path: text().optional() }).prefault({}),
      databases: z.record(name(), database(catalog)),
      waves: z.array(waveShape(catalog)).min(1),
      traffic: z.array(trafficShape()).default([]),
      gates: z.array(gateShape(catalog)).default([]),
      approvals: z.array(z.enum(['cutover', 'traffic', 'no-fallback', 'local-state'])).default([]),
      notify: z.strictObject({ sns: arn('sns').optional() }).prefault({}),
    })
    .transform(
      (written): Omit<Plan, 'file' | 'digest'> => ({
        apiVersion: written.apiVersion,
        name: written.name,
        aws: written.aws,
        state: { backend: 'local', path: written.state.path ?? '.octank' },
        databases: Object.fromEntries(
          Object.entries(written.databases).map(([key, { engine, connection, replicationConnection }]) => [
            key,
            { name: key, engine, connection, replicationConnection: replicationConnection ?? connection },
          ]),
        ),
        waves: written.waves.map((wave) => ({ ...wave, range: null })),
        traffic: written.traffic.map((entry) => ({ ...entry, range: null })),
        gates: written.gates.map((gate) => ({ ...gate, range: null })),
        approvals: written.approvals,
        notify: { snsTopicArn: written.notify.sns ?? null },
      }),
    );

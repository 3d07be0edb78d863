/** The file beside a plan that says what stands in for the world in a rehearsal: seed, rates, clock. DESIGN section 3. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { exitCodes, Fault } from '../model/fault.ts';

const seed = z.union([z.literal('shop'), z.strictObject({ file: z.string() })]);

const database = z.strictObject({
  dbname: z.string().default('shop'),
  /** Role that the application is, and that owns its objects. */
  owner: z.string().default('shop_app'),
  /** Secret -> role, beside those that the plan names. */
  roles: z.record(z.string(), z.string()).default({}),
  seed: seed.optional(),
});

export const rehearsalFile = z.strictObject({
  /** How many times faster than the wall ladder and gate times run. */
  clock: z.strictObject({ rate: z.number().positive() }).default({ rate: 60 }),
  databases: z.record(z.string(), database).default({}),
  /** Orders of the generated shop. */
  rows: z.number().int().positive().default(100_000),
  application: z
    .strictObject({
      /** Secret that the application reads; the plan's first secretsManager repoint where absent. */
      secret: z.string().optional(),
      batchSecret: z.string().optional(),
      writesPerSecond: z.number().positive().default(200),
      clients: z.number().int().positive().optional(),
    })
    .default({ writesPerSecond: 200 }),
  requestsPerSecond: z.number().positive().default(100),
});

export type RehearsalFile = z.infer<typeof rehearsalFile>;

const fileBeside = (planFile: string): string => planFile.replace(/(\.ya?ml)?$/, '.rehearsal.yaml');

const invalid = (file: string, detail: string): Fault =>
  new Fault({
    code: 'rehearsal.file-invalid',
    summary: 'The rehearsal file is not valid.',
    detail: `${file}: ${detail}`,
    hint: 'Compare it with plans/shop.rehearsal.yaml.',
    exitCode: exitCodes.invalid,
  });

/** Defaults where there is no such file. Seed files are relative to it. */
export const readRehearsalFile = async (planFile: string): Promise<RehearsalFile> => {
  const file = fileBeside(planFile);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw invalid(file, error.message);
  });
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 10 }) ?? {};
  } catch (error) {
    throw invalid(file, error instanceof Error ? error.message : String(error));
  }
  const decoded = rehearsalFile.safeParse(value);
  if (!decoded.success)
    throw invalid(
      file,
      decoded.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`).join('; '),
    );
  const databases = Object.fromEntries(
    Object.entries(decoded.data.databases).map(([name, spec]) => [
      name,
      typeof spec.seed === 'object' ? { ...spec, seed: { file: resolve(dirname(file), spec.seed.file) } } : spec,
    ]),
  );
  return { ...decoded.data, databases };
};

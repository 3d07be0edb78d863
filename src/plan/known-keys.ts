/** Which keys may stand at a place of the plan, asked of the schema itself. */
import type { z } from 'zod';
import type { Path } from './yaml-source.ts';

const isSchema = (value: unknown): value is z.core.$ZodType =>
  typeof value === 'object' && value !== null && '_zod' in value;

/** What stands behind optional, default and transform: the schema of what is written. */
const bare = (schema: z.core.$ZodType): z.core.$ZodType => {
  const { def } = schema._zod;
  if ('innerType' in def && isSchema(def.innerType)) return bare(def.innerType);
  if ('in' in def && isSchema(def.in)) return bare(def.in);
  return schema;
};

const shapeOf = (schema: z.core.$ZodType): Readonly<Record<string, unknown>> | undefined => {
  const { def } = schema._zod;
  return 'shape' in def && typeof def.shape === 'object' && def.shape !== null
    ? (def.shape as Record<string, unknown>)
    : undefined;
};

const branches = (schema: z.core.$ZodType): readonly z.core.$ZodType[] => {
  const { def } = bare(schema)._zod;
  return 'options' in def && Array.isArray(def.options)
    ? def.options.filter(isSchema).flatMap(branches)
    : [bare(schema)];
};

const member = (schema: z.core.$ZodType, segment: PropertyKey): readonly z.core.$ZodType[] =>
  branches(schema).flatMap((branch) => {
    const { def } = branch._zod;
    const inner = shapeOf(branch)?.[String(segment)] ?? ('element' in def ? def.element : undefined);
    const found = inner ?? ('valueType' in def ? def.valueType : undefined);
    return isSchema(found) ? [found] : [];
  });

export const knownKeys = (schema: z.core.$ZodType, path: Path): readonly string[] => {
  const places = path.reduce<readonly z.core.$ZodType[]>(
    (schemas, segment) => schemas.flatMap((current) => member(current, segment)),
    [schema],
  );
  return [...new Set(places.flatMap(branches).flatMap((schema) => Object.keys(shapeOf(schema) ?? {})))];
};

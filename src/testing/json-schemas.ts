/** Holds output against the JSON Schemas that are committed: what scripts rely on, not the types that it was built from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { projectRoot } from './dist.ts';

export type OutputName = 'plan' | 'verify' | 'status' | 'result';

/** What is wrong with the output, in words; empty when it is as promised. */
export const schemaProblems = (name: OutputName, output: unknown): readonly string[] => {
  const text = readFileSync(join(projectRoot, 'schemas', `${name}.schema.json`), 'utf8');
  const decoded = z.fromJSONSchema(JSON.parse(text)).safeParse(output);
  return decoded.success
    ? []
    : decoded.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`);
};

/** The example plans with the kinds that ship, the editors' schema, and the YAML test suite. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { engines } from '../adapters/engines/index.ts';
import { healthSources } from '../adapters/health/index.ts';
import { repointDrivers } from '../adapters/repoint/index.ts';
import { projectRoot } from '../testing/dist.ts';
import type { PlanCatalog } from './catalog.ts';
import { decodePlan, readPlan } from './decode.ts';
import { jsonSchema } from './json-schema.ts';
import { renderPlan } from './render.ts';
import { testCatalog } from './testing/catalog.ts';

const folder = join(projectRoot, 'plans');
const plans = readdirSync(folder).filter((file) => /\.yaml$/.test(file) && !file.includes('.rehearsal.'));

/** The kinds that ship: a test may look down into the adapters, the room itself never does. */
const shipped: PlanCatalog = {
  engines: engines.flatMap(({ kinds }) => kinds),
  gates: healthSources,
  repoints: repointDrivers,
};

const catalogs = [
  ['a catalog of its own', testCatalog],
  ['the kinds that ship', shipped],
] as const;

describe.each(plans.flatMap((file) => catalogs.map(([name, catalog]) => ({ file, name, catalog }))))(
  'plans/$file with $name',
  ({ file, catalog }) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const options = { file, catalog };

    it('has no problem that a user would have to mend', () => {
      const { plan, diagnostics } = readPlan(text, options);
      expect(diagnostics.filter(({ severity }) => severity !== 'info')).toEqual([]);
      expect(plan?.name).toBeTruthy();
    });

    it('is the same plan when written out with every default', () => {
      const { plan } = decodePlan(text, options);
      const again = plan && decodePlan(renderPlan(plan), options);
      expect(again?.diagnostics).toEqual([]);
      expect(again?.plan?.digest).toBe(plan?.digest);
    });

    it('uses only keys that editors offer', () => {
      expect(unknownTo(jsonSchema(catalog), parse(text))).toEqual([]);
    });
  },
);

type Schema = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys of `value` that the JSON Schema does not offer; a small reading of it, enough for objects, lists and maps. */
const unknownTo = (schema: unknown, value: unknown, path = ''): readonly string[] => {
  if (!isObject(schema)) return [];
  if (Array.isArray(schema.anyOf)) {
    const each = schema.anyOf.map((branch) => unknownTo(branch, value, path));
    return each.find((found) => found.length === 0) ?? each.flat();
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => unknownTo(schema.items, item, `${path}[${index}]`));
  if (!isObject(value) || (!isObject(schema.properties) && !isObject(schema.additionalProperties))) return [];
  const { properties, additionalProperties } = schema;
  return Object.entries(value).flatMap(([key, member]) => {
    const inner = isObject(properties) && key in properties ? properties[key] : additionalProperties;
    return inner === false || inner === undefined ? [`${path}.${key}`] : unknownTo(inner, member, `${path}.${key}`);
  });
};

describe('the schema for editors', () => {
  it('would not offer a mistyped key', () => {
    expect(unknownTo(jsonSchema(testCatalog), { waves: [{ nme: 'x' }], extra: 1 })).toEqual([
      '.waves[0].nme',
      '.extra',
    ]);
  });

  it('lists the kinds of the catalog', () => {
    const schema = JSON.stringify(jsonSchema(testCatalog));
    for (const { kind } of [...testCatalog.gates, ...testCatalog.repoints]) expect(schema).toContain(`"${kind}"`);
  });
});

const suite = join(projectRoot, '..', 'shared', 'inputs', 'yaml-test-suite', 'src');
if (!existsSync(suite)) console.warn('skipped: the YAML test suite is not beside the checkout');

interface SuiteCase {
  readonly id: string;
  readonly yaml: string;
  readonly fail: boolean;
}

/** The suite draws white space with signs; these are what they stand for. */
const undrawn = (text: string): string =>
  text
    .replaceAll('␣', ' ')
    .replaceAll(/—*»/g, '\t')
    .replaceAll('↵', '')
    .replaceAll('⇔', '\uFEFF')
    .replaceAll('←', '\r')
    .replace(/∎\n?$/, '');

const suiteCases = (): readonly SuiteCase[] =>
  readdirSync(suite).flatMap((file) => {
    const entries: unknown = parse(readFileSync(join(suite, file), 'utf8'));
    if (!Array.isArray(entries)) return [];
    let yaml = '';
    return entries.filter(isObject).map((entry, index) => {
      yaml = typeof entry.yaml === 'string' ? entry.yaml : yaml;
      return { id: `${file}#${index}`, yaml: undrawn(yaml), fail: entry.fail === true };
    });
  });

describe.skipIf(!existsSync(suite))('the YAML test suite', () => {
  const cases = existsSync(suite) ? suiteCases() : [];

  it('never makes decode throw, and nothing in it is a plan', () => {
    expect(cases.length).toBeGreaterThan(150);
    for (const { id, yaml } of cases) {
      const { plan, diagnostics } = decodePlan(yaml, { file: id, catalog: testCatalog });
      expect(plan, id).toBeNull();
      expect(diagnostics.length, id).toBeGreaterThan(0);
      for (const { range } of diagnostics) {
        expect(range?.line, id).toBeGreaterThanOrEqual(1);
        expect(range?.column, id).toBeGreaterThanOrEqual(1);
      }
    }
  });

  it('says of broken YAML that the YAML is broken', () => {
    const missed = cases
      .filter(({ fail }) => fail)
      .filter(({ yaml, id }) => {
        const { diagnostics } = decodePlan(yaml, { file: id, catalog: testCatalog });
        return !diagnostics.some(({ code }) =>
          /^plan\.(yaml-syntax|duplicate-key|multiple-documents|alias)$/.test(code),
        );
      });
    expect(missed.map(({ id }) => id)).toEqual([]);
  });
});

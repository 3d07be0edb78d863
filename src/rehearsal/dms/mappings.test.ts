/** Table mappings and task settings: AWS's own examples are understood, and what AWS refuses is refused. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../testing/dist.ts';
import { decodeMappings, requirePerformable, selects, targetColumn, targetTable } from './mappings.ts';
import { decodeSettings, lobPolicy } from './settings.ts';

const folder = join(projectRoot, '..', 'shared', 'inputs', 'dms-mappings', 'aws-dms-user-guide');
const files = existsSync(folder) ? readdirSync(folder) : [];
const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');
if (files.length === 0) console.log('skipped: the mappings of the AWS guide are not beside this checkout');

const selection = (id: number, action: string, schema: string, table: string, more: object = {}) => ({
  'rule-type': 'selection',
  'rule-id': id,
  'rule-name': `r${id}`,
  'rule-action': action,
  'object-locator': { 'schema-name': schema, 'table-name': table },
  ...more,
});

const rules = (...given: readonly object[]): string => JSON.stringify({ rules: given });

describe.skipIf(files.length === 0)('mappings of the AWS guide', () => {
  // The guide prints fragments and files for Kinesis and the like; what is whole and has a selection must be understood.
  it.each(files.filter((file) => file.startsWith('mapping-valid')))(
    '%s is understood, or refused with a reason',
    (file) => {
      const text = textOf(file);
      const given = JSON.parse(text);
      const whole =
        Array.isArray(given.rules) && given.rules.some((r: Record<string, string>) => r['rule-type'] === 'selection');
      try {
        const mappings = decodeMappings(text);
        expect(mappings.selections.length).toBeGreaterThan(0);
      } catch (error) {
        expect(String(error)).toMatch(/Error in mapping rules\. ./);
        expect(whole && !/valid object-mapping|rule-id = |rules\./.test(String(error))).toBe(false);
      }
    },
  );

  it.each(files.filter((file) => file.startsWith('mapping-invalid')))('%s is refused', (file) => {
    expect(() => decodeMappings(textOf(file))).toThrow(/Error in mapping rules/);
  });

  it('takes the settings of the guide', () => {
    const settings = decodeSettings(textOf('settings-valid-TaskSettings-01.json'));
    expect(lobPolicy(settings)).toEqual({ mode: 'limited', maxBytes: 32 * 1024 });
    expect(settings.ErrorBehavior.RecoverableErrorCount).toBe(0);
  });
});

describe('mappings', () => {
  it.each([
    ['no JSON', '{', /not json/],
    ['no rules', '{"rules":[]}', /rules/],
    ['no include', rules(selection(1, 'exclude', 's', 't')), /No include/],
    [
      'a doubled id',
      rules(selection(1, 'include', 's', 't'), { ...selection(1, 'include', 's', 'u'), 'rule-name': 'x' }),
      /Duplicate rule-id/,
    ],
    ['a wildcard in an explicit rule', rules(selection(1, 'explicit', 's', '%')), /Wildcards/],
    [
      'a wildcard in table-settings',
      rules(selection(1, 'include', 's', 't'), {
        'rule-type': 'table-settings',
        'rule-id': '2',
        'rule-name': '2',
        'object-locator': { 'schema-name': 's', 'table-name': '%' },
      }),
      /Exact schema and table name required when using table settings rule\./,
    ],
    [
      'a filter on an exclude',
      rules(
        selection(1, 'include', 's', 't'),
        selection(2, 'exclude', 's', 'u', {
          filters: [
            {
              'filter-type': 'source',
              'column-name': 'c',
              'filter-conditions': [{ 'filter-operator': 'eq', value: '1' }],
            },
          ],
        }),
      ),
      /Filters/,
    ],
  ])('refuse %s', (_, text, message) => {
    expect(() => decodeMappings(text)).toThrow(message);
  });

  it('refuses by name what the rehearsal would otherwise ignore', () => {
    const text = rules(selection(1, 'include', 's', 't'), {
      'rule-type': 'transformation',
      'rule-id': '2',
      'rule-name': '2',
      'rule-target': 'column',
      'rule-action': 'change-data-type',
      'object-locator': { 'schema-name': 's', 'table-name': 't', 'column-name': 'c' },
    });
    expect(decodeMappings(text).transformations).toHaveLength(1);
    expect(() => requirePerformable(text)).toThrow(/change-data-type/);
  });

  it('lets an exclude win over an include and an explicit rule over both, and loads the highest order first', () => {
    const mappings = decodeMappings(
      rules(
        selection(1, 'include', '%', '%'),
        selection(2, 'exclude', 's', 'secret%'),
        selection(3, 'explicit', 's', 'secret_but_named'),
        selection(4, 'include', 's', 'first', { 'load-order': '5' }),
      ),
    );
    expect(selects(mappings, 's', 'secrets')).toBeUndefined();
    expect(selects(mappings, 's', 'secret_but_named')).toBeDefined();
    expect(selects(mappings, 's', 'first')?.loadOrder).toBe(5);
    expect(selects(mappings, 's', 'other')?.loadOrder).toBe(0);
  });

  it('renames by the first rule that fits, and is case-sensitive', () => {
    const transform = (id: number, target: string, action: string, more: object) => ({
      'rule-type': 'transformation',
      'rule-id': id,
      'rule-name': `t${id}`,
      'rule-target': target,
      'rule-action': action,
      'object-locator': { 'schema-name': 's', 'table-name': 'T%' },
      ...more,
    });
    const mappings = decodeMappings(
      rules(
        selection(1, 'include', 's', '%'),
        transform(2, 'table', 'convert-lowercase', {}),
        transform(3, 'table', 'add-prefix', { value: 'x_' }),
        transform(4, 'column', 'remove-prefix', {
          value: 'c_',
          'object-locator': { 'schema-name': 's', 'table-name': 'T%', 'column-name': 'c_%' },
        }),
      ),
    );
    expect(targetTable(mappings, 's', 'Table')).toEqual({ schema: 's', table: 'table' });
    expect(targetTable(mappings, 's', 'other')).toEqual({ schema: 's', table: 'other' });
    expect(targetColumn(mappings, 's', 'Table', 'c_name')).toBe('name');
    expect(targetColumn(mappings, 's', 'Table', 'name')).toBe('name');
  });
});

describe('task settings', () => {
  it("I14 are AWS's defaults where nothing is given: limited LOBs of 32 KB, errors only logged", () => {
    const settings = decodeSettings(null);
    expect(lobPolicy(settings)).toEqual({ mode: 'limited', maxBytes: 32 * 1024 });
    expect(settings.ErrorBehavior.ApplyErrorInsertPolicy).toBe('LOG_ERROR');
    expect(settings.FullLoadSettings.TargetTablePrepMode).toBe('DO_NOTHING');
  });

  it.each([
    ['both LOB modes', { TargetMetadata: { FullLobMode: true, LimitedSizeLobMode: true } }],
    ['both stops', { FullLoadSettings: { StopTaskCachedChangesApplied: true, StopTaskCachedChangesNotApplied: true } }],
    ['an unknown word', { FullLoadSettings: { TargetTablePrepMode: 'MAYBE' } }],
  ])('refuse %s', (_, given) => {
    expect(() => decodeSettings(JSON.stringify(given))).toThrow(/Invalid task settings json/);
  });
});

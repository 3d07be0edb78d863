/** Dangers of what a task is told: a table too many, a rename that hits others, rows refused in silence, LOBs cut in silence. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMappings, exactTables, selects, targetTable } from '../../rehearsal/dms/mappings.ts';
import { decodeSettings } from '../../rehearsal/dms/settings.ts';
import { endpointInput, endpointMatches, secretFacts } from './dms-endpoint.ts';
import { tableMappings, taskSettings } from './dms-task.ts';

const pair = (source: string, target = source) => {
  const [a = '', b = ''] = source.split('.');
  const [c = '', d = ''] = target.split('.');
  return { source: { schema: a, table: b }, target: { schema: c, table: d } };
};

describe('table mappings', () => {
  it('carry each table to its place, whatever the names are', () => {
    const name = fc.stringMatching(/^[a-z][a-zA-Z0-9_$ "]{0,12}$/);
    const schemas = fc.uniqueArray(name, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        schemas,
        fc.uniqueArray(fc.tuple(fc.nat(2), name, name), {
          minLength: 1,
          maxLength: 8,
          selector: ([s, t]) => `${s}.${t}`,
        }),
        fc.dictionary(fc.nat(2).map(String), name),
        (names, tables, renames) => {
          const pairs = tables.map(([index, table, renamed]) => {
            const schema = names[index % names.length]!;
            const target = renames[String(index % names.length)] ?? schema;
            return { source: { schema, table }, target: { schema: target, table: renamed } };
          });
          const unique = [...new Map(pairs.map((p) => [JSON.stringify(p.source), p])).values()];
          const mappings = decodeMappings(tableMappings({ tables: unique, controlTables: [] }));
          expect(exactTables(mappings)).toEqual(unique.map((p) => p.source));
          // An independent reader of AWS's format; its underscore rule is looser, so only names without one are asked back.
          for (const { source, target } of unique)
            if (
              !/_/.test(source.schema + source.table) &&
              unique.every((p) => !/_/.test(p.source.schema + p.source.table))
            )
              expect(targetTable(mappings, source.schema, source.table)).toEqual(target);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('select exactly: an underscore is no wildcard, and control tables come along', () => {
    const json = tableMappings({
      tables: [pair('shop.order_line')],
      controlTables: [{ schema: 'octank', table: 'heartbeat_forward' }],
    });
    const rules = JSON.parse(json).rules as { 'rule-action': string; 'object-locator': object }[];
    expect(rules.map((rule) => rule['rule-action'])).toEqual(['explicit', 'explicit']);
    const mappings = decodeMappings(json);
    expect(selects(mappings, 'octank', 'heartbeat_forward')).toBeDefined();
    expect(selects(mappings, 'shop', 'customer')).toBeUndefined();
  });

  it('refuse what DMS cannot do, instead of moving a table elsewhere', () => {
    expect(() => tableMappings({ tables: [pair('a.x', 'b.x'), pair('a.y', 'c.y')], controlTables: [] })).toThrow(
      expect.objectContaining({ code: 'dms.rename-unsupported' }),
    );
    expect(() => tableMappings({ tables: [pair('a.x'), pair('a.x')], controlTables: [] })).toThrow(
      expect.objectContaining({ code: 'dms.table-twice' }),
    );
  });
});

describe('task settings', () => {
  const settings = (more: object = {}) =>
    decodeSettings(
      taskSettings({ lob: { mode: 'inline', maxKb: 64 }, batchApply: false, stopAfterFullLoad: true, ...more }),
    );

  it('never log a lost row and go on', () => {
    const { ErrorBehavior: errors } = settings();
    expect(errors.DataErrorPolicy).toBe('SUSPEND_TABLE');
    expect(errors.DataTruncationErrorPolicy).toBe('SUSPEND_TABLE');
    expect(JSON.stringify(errors)).not.toContain('LOG_ERROR');
  });

  it('leave the tables of the target alone, and stop before cached changes where asked', () => {
    expect(settings().FullLoadSettings).toMatchObject({
      TargetTablePrepMode: 'DO_NOTHING',
      StopTaskCachedChangesNotApplied: true,
      StopTaskCachedChangesApplied: false,
    });
    expect(settings({ stopAfterFullLoad: false }).FullLoadSettings.StopTaskCachedChangesNotApplied).toBe(false);
    expect(settings({ batchApply: true }).TargetMetadata.BatchApplyEnabled).toBe(true);
  });

  it.each([
    ['inline', { FullLobMode: true, LimitedSizeLobMode: false, InlineLobMaxSize: 64 }],
    ['full', { FullLobMode: true, LimitedSizeLobMode: false, InlineLobMaxSize: 0 }],
    ['limited', { FullLobMode: false, LimitedSizeLobMode: true, LobMaxSize: 64 }],
  ])('give %s LOBs their mode and no other', (mode, wanted) => {
    expect(settings({ lob: { mode, maxKb: 64 } }).TargetMetadata).toMatchObject(wanted);
  });
});

describe('endpoints', () => {
  const spec = {
    identifier: 'octank-shop-forward-source',
    role: 'source' as const,
    engine: 'postgres',
    secretId: 'octank/monolith',
    database: null,
    plugin: 'test-decoding' as const,
    slotName: null,
    afterConnect: null,
    tags: { project: 'octank' },
  };
  const facts = { database: 'shop', sslMode: 'require' as const };
  const role = 'arn:aws:iam::1:role/r';

  it('say the database that the secret names, and encrypt unless the host is this machine', () => {
    expect(secretFacts('{"host":"db.example","dbname":"shop"}', 's')).toEqual(facts);
    expect(secretFacts('{"host":"127.0.0.1","dbname":"shop"}', 's').sslMode).toBe('none');
    expect(secretFacts('{"host":"db.example","dbname":"shop","sslmode":"disable"}', 's').sslMode).toBe('none');
  });

  it.each(['not json: hunter2', '{"password":"hunter2"}'])('never show what an unfit secret holds (%#)', (text) => {
    try {
      secretFacts(text, 'octank/x');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'secret.incomplete' });
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('hunter2');
    }
  });

  it('match themselves, also under the ARN of their secret, and nothing that replays differently', () => {
    const wanted = endpointInput(spec, facts, role);
    const live = {
      EndpointType: 'SOURCE' as never,
      EngineName: 'postgres',
      DatabaseName: 'shop',
      PostgreSQLSettings: {
        ...wanted.PostgreSQLSettings,
        SecretsManagerSecretId: 'arn:aws:secretsmanager:eu-west-1:1:secret:octank/monolith-AbC123',
      },
    };
    expect(endpointMatches(live, wanted)).toBe(true);
    const settings = live.PostgreSQLSettings;
    for (const other of [
      { ...live, DatabaseName: 'other' },
      { ...live, EngineName: 'aurora-postgresql' },
      { ...live, PostgreSQLSettings: { ...settings, SlotName: 'someone_else' } },
      { ...live, PostgreSQLSettings: { ...settings, PluginName: 'pglogical' as const } },
      { ...live, PostgreSQLSettings: { ...settings, AfterConnectScript: 'SET x = 1' } },
      { ...live, PostgreSQLSettings: { ...settings, SecretsManagerSecretId: 'octank/other' } },
      { ...live, PostgreSQLSettings: { ...settings, SecretsManagerSecretId: 'octank/monolith-2' } },
    ])
      expect(endpointMatches(other, wanted)).toBe(false);
  });
});

/** A DMS endpoint as it is asked for, and whether an existing one is the same in everything AWS shows. Pure. */
import type { CreateEndpointCommandInput, Endpoint } from '@aws-sdk/client-database-migration-service';
import { Fault } from '../../model/fault.ts';
import type { EndpointSpec } from '../../ports/replication.ts';

/** What DMS needs and the secret knows: its own secret carries host and password, never the database or whether to encrypt. */
export interface SecretFacts {
  readonly database: string;
  readonly sslMode: 'none' | 'require';
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);

/** Certificates are the endpoint's own business in DMS; without one to name, `require` is the most that can be asked. */
export const secretFacts = (text: string, secretId: string): SecretFacts => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const fields = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Readonly<Record<string, unknown>>;
  if (typeof fields.dbname !== 'string' || typeof fields.host !== 'string')
    throw new Fault({
      code: 'secret.incomplete',
      summary: 'A connection secret lacks a field.',
      detail: `${secretId} needs host, port, username, password and dbname.`,
      hint: 'Write the missing field into the secret.',
    });
  const plain = fields.sslmode === 'disable' || (fields.sslmode === undefined && isLoopback(fields.host));
  return { database: fields.dbname, sslMode: plain ? 'none' : 'require' };
};

const tagList = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export const endpointInput = (
  spec: EndpointSpec,
  facts: SecretFacts,
  accessRoleArn: string,
): CreateEndpointCommandInput => ({
  EndpointIdentifier: spec.identifier,
  EndpointType: spec.role,
  EngineName: spec.engine,
  DatabaseName: spec.database ?? facts.database,
  SslMode: facts.sslMode,
  PostgreSQLSettings: {
    SecretsManagerSecretId: spec.secretId,
    SecretsManagerAccessRoleArn: accessRoleArn,
    // Without it on both ends a boolean becomes varchar(5).
    MapBooleanAsBoolean: true,
    ...(spec.role === 'source'
      ? {
          // DDL capture would create an event trigger and a table on the source.
          CaptureDdls: false,
          ...(spec.plugin === null ? {} : { PluginName: spec.plugin }),
          ...(spec.slotName === null ? {} : { SlotName: spec.slotName }),
        }
      : {}),
    ...(spec.afterConnect === null ? {} : { AfterConnectScript: spec.afterConnect }),
  },
  Tags: tagList(spec.tags),
});

/** A secret is named by its name or by its ARN, which ends in the name, a hyphen and six characters. */
const sameSecret = (live: string, wanted: string): boolean => {
  const nameOf = (id: string): string =>
    /^arn:[^:]+:secretsmanager:/.test(id) ? id.split(':').slice(6).join(':') : id;
  const [a, b] = [nameOf(live), nameOf(wanted)];
  const isSuffixed = (long: string, short: string): boolean =>
    long.startsWith(`${short}-`) && /^[A-Za-z0-9]{6}$/.test(long.slice(short.length + 1));
  return a === b || isSuffixed(a, b) || isSuffixed(b, a);
};

/** What AWS does not return cannot differ; what it returns must be what was asked. */
export const endpointMatches = (live: Endpoint, wanted: CreateEndpointCommandInput): boolean => {
  const [has, wants] = [live.PostgreSQLSettings ?? {}, wanted.PostgreSQLSettings ?? {}];
  const same = <T>(shown: T | undefined, asked: T | undefined): boolean => shown === undefined || shown === asked;
  return (
    live.EndpointType?.toLowerCase() === wanted.EndpointType &&
    live.EngineName === wanted.EngineName &&
    same(live.DatabaseName, wanted.DatabaseName) &&
    same(live.SslMode, wanted.SslMode) &&
    (has.SecretsManagerSecretId === undefined ||
      sameSecret(has.SecretsManagerSecretId, wants.SecretsManagerSecretId ?? '')) &&
    same(has.SecretsManagerAccessRoleArn, wants.SecretsManagerAccessRoleArn) &&
    // These two decide what is replayed: absent where asked for is a difference too.
    (has.SlotName ?? '') === (wants.SlotName ?? '') &&
    (has.AfterConnectScript ?? '') === (wants.AfterConnectScript ?? '') &&
    (wants.PluginName === undefined || same(has.PluginName, wants.PluginName)) &&
    same(has.MapBooleanAsBoolean, wants.MapBooleanAsBoolean)
  );
};

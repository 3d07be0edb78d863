/** Endpoints and their connection tests. Passwords come in and never go out. behaviour.md I2, I9, I10, I12. */
import { type JsonInput, ServiceError } from '../service.ts';
import { requireInstance } from './instances.ts';
import type { PluginName } from './plane/slot.ts';
import { closeQuietly, connect, type DatabaseAddress, messageOf } from './plane/sql.ts';
import type { ConnectionRecord, EndpointRecord } from './records.ts';
import { arnOf, connectionId, newResourceId, type Room } from './registry.ts';
import {
  alreadyExists,
  filtersOf,
  identifier,
  invalidCombination,
  invalidState,
  invalidValue,
  matching,
  notFound,
  oneOf,
  optionalNumber,
  optionalText,
  page,
  record,
  text,
} from './request.ts';
import { tagsIn } from './tags.ts';

const engines = ['postgres', 'aurora-postgresql'] as const;
const displayNames: Readonly<Record<string, string>> = {
  postgres: 'PostgreSQL',
  'aurora-postgresql': 'Amazon Aurora PostgreSQL',
};
const sslModes = ['none', 'require', 'verify-ca', 'verify-full'];

const settingText = (endpoint: EndpointRecord, name: string): string | null => {
  const value = endpoint.settings[name];
  return typeof value === 'string' && value !== '' ? value : null;
};

const view = (endpoint: EndpointRecord) => {
  const { Password: _, ...settings } = endpoint.settings;
  return {
    EndpointIdentifier: endpoint.identifier,
    EndpointArn: endpoint.arn,
    EndpointType: endpoint.type.toUpperCase(),
    EngineName: endpoint.engine,
    EngineDisplayName: displayNames[endpoint.engine],
    Status: endpoint.status,
    SslMode: endpoint.sslMode,
    ...(endpoint.extraAttributes === '' ? {} : { ExtraConnectionAttributes: endpoint.extraAttributes }),
    ...(endpoint.server === null
      ? { DatabaseName: settingText(endpoint, 'DatabaseName') ?? undefined }
      : {
          ServerName: endpoint.server.host,
          Port: endpoint.server.port,
          Username: endpoint.server.user,
          DatabaseName: endpoint.server.database,
        }),
    PostgreSQLSettings: settings,
  };
};

/** Semicolon-separated `name=value`, the older way to give the same settings. */
const extraSettings = (attributes: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    attributes
      .split(';')
      .map((part) => part.split('='))
      .flatMap(([name, ...rest]) => (name?.trim() ? [[name.trim().toLowerCase(), rest.join('=').trim()]] : [])),
  );

export const pluginOf = (endpoint: EndpointRecord): PluginName => {
  const given = (
    settingText(endpoint, 'PluginName') ??
    extraSettings(endpoint.extraAttributes).pluginname ??
    ''
  ).toLowerCase();
  if (given === 'test_decoding' || given === 'test-decoding') return 'test-decoding';
  return given === 'pglogical' ? 'pglogical' : 'no-preference';
};

export const slotNameOf = (endpoint: EndpointRecord): string | null =>
  settingText(endpoint, 'SlotName') ?? extraSettings(endpoint.extraAttributes).slotname ?? null;

interface SecretValue {
  readonly host?: string;
  readonly port?: number | string;
  readonly username?: string;
  readonly password?: string;
  readonly dbname?: string;
}

/** Where the endpoint leads now: a secret is read anew each time, so that a rotated password is seen. */
export const addressOf = (room: Room, endpoint: EndpointRecord): DatabaseAddress => {
  const afterConnect =
    settingText(endpoint, 'AfterConnectScript') ?? extraSettings(endpoint.extraAttributes).afterconnectscript ?? null;
  const secretId = settingText(endpoint, 'SecretsManagerSecretId');
  if (secretId === null) {
    if (endpoint.server === null) throw new Error('the endpoint names no server');
    return { ...endpoint.server, afterConnect };
  }
  const secret = room.context.neighbours.secret(secretId);
  if (secret === undefined)
    throw new Error(
      `Unable to find Secrets Manager secret, Application-Detailed-Message: Unable to find AWS Secrets Manager secret Arn '${secretId}'`,
    );
  let value: SecretValue;
  try {
    value = JSON.parse(secret) as SecretValue;
  } catch {
    throw new Error('the secret is not JSON');
  }
  return {
    host: value.host ?? '',
    port: Number(value.port ?? 5432),
    user: value.username ?? '',
    password: value.password ?? '',
    database: settingText(endpoint, 'DatabaseName') ?? endpoint.server?.database ?? value.dbname ?? '',
    afterConnect,
  };
};

const serverIn = (input: JsonInput, settings: Readonly<Record<string, unknown>>): EndpointRecord['server'] => {
  const of = (top: string, inner: string = top): string | null =>
    optionalText(input, top) ?? (typeof settings[inner] === 'string' ? (settings[inner] as string) : null);
  const host = of('ServerName');
  if (host === null) return null;
  const port = optionalNumber(input, 'Port') ?? (typeof settings.Port === 'number' ? settings.Port : 5432);
  return { host, port, user: of('Username') ?? '', password: of('Password') ?? '', database: of('DatabaseName') ?? '' };
};

/** A secret holds host and password; which database it is, only the endpoint itself says. */
const withDatabase = (
  input: JsonInput,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> => {
  const database = optionalText(input, 'DatabaseName');
  return database === null || optionalText(input, 'ServerName') !== null
    ? settings
    : { ...settings, DatabaseName: database };
};

const checkSettings = (settings: Readonly<Record<string, unknown>>): void => {
  const plugin = settings.PluginName;
  if (plugin !== undefined && !['no-preference', 'pglogical', 'test-decoding'].includes(String(plugin).toLowerCase()))
    throw invalidValue('PluginName must be one of no-preference, pglogical, test-decoding');
  if (settings.SecretsManagerSecretId !== undefined && settings.SecretsManagerAccessRoleArn === undefined)
    throw invalidCombination('SecretsManagerAccessRoleArn is required when SecretsManagerSecretId is given.');
};

export const requireEndpoint = (room: Room, arn: string): EndpointRecord => {
  const found = room.endpoints.get(arn);
  if (!found) throw notFound(`Endpoint ${arn} not found.`);
  return found;
};

const createEndpoint = (room: Room) => async (input: JsonInput) => {
  const name = identifier(input, 'EndpointIdentifier');
  if ([...room.endpoints.values()].some((item) => item.identifier === name))
    throw alreadyExists(`Endpoint already exists with name ${name}`);
  const settings = withDatabase(input, record(input, 'PostgreSQLSettings'));
  checkSettings(settings);
  const engine = text(input, 'EngineName');
  if (!engines.some((known) => known === engine))
    throw new ServiceError('InvalidParameterValueException', `Engine ${engine} is not performed by the rehearsal.`);
  const server = serverIn(input, settings);
  if (server === null && settings.SecretsManagerSecretId === undefined)
    throw invalidCombination('ServerName or SecretsManagerSecretId must be given.');
  const sslMode = optionalText(input, 'SslMode') ?? 'none';
  if (!sslModes.includes(sslMode)) throw invalidValue(`SslMode must be one of ${sslModes.join(', ')}`);
  const endpoint: EndpointRecord = {
    arn: arnOf(room.context, 'endpoint', optionalText(input, 'ResourceIdentifier') ?? newResourceId()),
    identifier: name,
    type: oneOf(input, 'EndpointType', ['source', 'target']),
    engine,
    server,
    settings,
    sslMode,
    extraAttributes: optionalText(input, 'ExtraConnectionAttributes') ?? '',
    status: 'active',
  };
  room.endpoints.set(endpoint.arn, endpoint);
  room.tags.set(endpoint.arn, tagsIn(input));
  await room.save();
  return { Endpoint: view(endpoint) };
};

const fieldOf = (endpoint: EndpointRecord, name: string): string =>
  ({
    'endpoint-arn': endpoint.arn,
    'endpoint-id': endpoint.identifier,
    'endpoint-type': endpoint.type,
    'engine-name': endpoint.engine,
  })[name] ?? '';

const describeEndpoints = (room: Room) => async (input: JsonInput) => {
  const filters = filtersOf(input, ['endpoint-arn', 'endpoint-id', 'endpoint-type', 'engine-name']);
  const found = matching([...room.endpoints.values()], filters, fieldOf);
  if (found.length === 0 && filters.length > 0) throw notFound('No endpoints found matching the filters.');
  const { items, marker } = page(input, found);
  return { Endpoints: items.map(view), ...marker };
};

const usersOf = (room: Room, arn: string) =>
  [...room.tasks.values()].filter((task) => task.sourceArn === arn || task.targetArn === arn);

const modifyEndpoint = (room: Room) => async (input: JsonInput) => {
  const endpoint = requireEndpoint(room, text(input, 'EndpointArn'));
  if (usersOf(room, endpoint.arn).some((task) => task.status === 'running' || task.status === 'starting'))
    throw invalidState(`Endpoint ${endpoint.arn} is in use by a running ReplicationTask.`);
  const given = withDatabase(input, record(input, 'PostgreSQLSettings'));
  const settings = input.ExactSettings === true ? given : { ...endpoint.settings, ...given };
  checkSettings(settings);
  endpoint.settings = settings;
  endpoint.server = serverIn(input, given) ?? endpoint.server;
  endpoint.extraAttributes = optionalText(input, 'ExtraConnectionAttributes') ?? endpoint.extraAttributes;
  endpoint.sslMode = optionalText(input, 'SslMode') ?? endpoint.sslMode;
  await room.save();
  for (const item of room.connections.values()) if (item.endpointArn === endpoint.arn) await test(room, item);
  return { Endpoint: view(endpoint) };
};

const deleteEndpoint = (room: Room) => async (input: JsonInput) => {
  const endpoint = requireEndpoint(room, text(input, 'EndpointArn'));
  if (usersOf(room, endpoint.arn).length > 0)
    throw invalidState(`Endpoint ${endpoint.arn} is part of one or more ReplicationTasks.`);
  endpoint.status = 'deleting';
  await room.save();
  room.later(() => {
    room.endpoints.delete(endpoint.arn);
    room.tags.delete(endpoint.arn);
    for (const [id, item] of room.connections) if (item.endpointArn === endpoint.arn) room.connections.delete(id);
    return room.save();
  });
  return { Endpoint: view(endpoint) };
};

const failureText = (error: unknown): string =>
  `Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to connect Network error has occurred, Application-Detailed-Message: ${messageOf(error)}`;

/** Really connects, after the time AWS takes. */
const test = async (room: Room, connection: ConnectionRecord): Promise<void> => {
  connection.status = 'testing';
  connection.failure = null;
  await room.save();
  room.later(async () => {
    const endpoint = room.endpoints.get(connection.endpointArn);
    if (!endpoint || connection.status !== 'testing') return;
    try {
      const client = await connect(addressOf(room, endpoint));
      await client.query('select 1');
      await closeQuietly(client);
      connection.status = 'successful';
    } catch (error) {
      connection.status = 'failed';
      connection.failure = failureText(error);
    }
    await room.save();
  });
};

/** A test that a restart cut off is asked again. */
export const resumeTests = async (room: Room): Promise<void> => {
  for (const connection of room.connections.values()) if (connection.status === 'testing') await test(room, connection);
};

const connectionView = (room: Room, connection: ConnectionRecord) => ({
  ReplicationInstanceArn: connection.instanceArn,
  EndpointArn: connection.endpointArn,
  Status: connection.status,
  ...(connection.failure === null ? {} : { LastFailureMessage: connection.failure }),
  EndpointIdentifier: room.endpoints.get(connection.endpointArn)?.identifier,
  ReplicationInstanceIdentifier: room.instances.get(connection.instanceArn)?.identifier,
});

const connectionOperations = (room: Room) => ({
  TestConnection: async (input: JsonInput) => {
    const instance = requireInstance(room, text(input, 'ReplicationInstanceArn'));
    const endpoint = requireEndpoint(room, text(input, 'EndpointArn'));
    if (instance.status !== 'available')
      throw invalidState(`Replication instance ${instance.identifier} is not available.`);
    const id = connectionId(instance.arn, endpoint.arn);
    const known = room.connections.get(id);
    if (known?.status === 'testing') throw invalidState('Connection is already being tested.');
    const connection: ConnectionRecord = known ?? {
      instanceArn: instance.arn,
      endpointArn: endpoint.arn,
      status: 'testing',
      failure: null,
    };
    room.connections.set(id, connection);
    await test(room, connection);
    return { Connection: connectionView(room, connection) };
  },
  DescribeConnections: async (input: JsonInput) => {
    const filters = filtersOf(input, ['endpoint-arn', 'replication-instance-arn']);
    const found = matching([...room.connections.values()], filters, (item, name) =>
      name === 'endpoint-arn' ? item.endpointArn : item.instanceArn,
    );
    if (found.length === 0 && filters.length > 0) throw notFound('No connections found matching the filters.');
    const { items, marker } = page(input, found);
    return { Connections: items.map((item) => connectionView(room, item)), ...marker };
  },
  DeleteConnection: async (input: JsonInput) => {
    const id = connectionId(text(input, 'ReplicationInstanceArn'), text(input, 'EndpointArn'));
    const connection = room.connections.get(id);
    if (!connection) throw notFound('Connection not found.');
    connection.status = 'deleting';
    await room.save();
    room.later(() => {
      room.connections.delete(id);
      return room.save();
    });
    return { Connection: connectionView(room, connection) };
  },
});

export const endpointOperations = (room: Room) => ({
  CreateEndpoint: createEndpoint(room),
  DescribeEndpoints: describeEndpoints(room),
  ModifyEndpoint: modifyEndpoint(room),
  DeleteEndpoint: deleteEndpoint(room),
  ...connectionOperations(room),
});

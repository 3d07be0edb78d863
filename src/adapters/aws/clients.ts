/** AWS SDK clients, each loaded when first used: where they talk to is the SDK's own configuration, shown and checked here. */
import { exitCodes, Fault } from '../../model/fault.ts';
import { awsFault, required } from './faults.ts';

export interface AwsOptions {
  readonly region: string;
  readonly profile: string | null;
  /** Role to assume on top of the profile's credentials. */
  readonly assumeRole: string | null;
  /** Milliseconds one attempt may take; a lost answer is then an unknown outcome, not a hang. */
  readonly attemptTimeoutMs?: number;
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** One attempt at most for effects whose retry cannot be told from a conflict; the caller settles those. */
type Attempts = 'many' | 'once';

const settingsFor = (options: AwsOptions, attempts: Attempts) => ({
  region: options.region,
  ...(options.profile === null ? {} : { profile: options.profile }),
  maxAttempts: attempts === 'once' ? 1 : 5,
  requestHandler: {
    connectionTimeout: 3000,
    requestTimeout: options.attemptTimeoutMs ?? 20_000,
    // Without this the SDK only prints a warning and waits on.
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: 16 },
    httpsAgent: { keepAlive: true, maxSockets: 16 },
  },
});

export type ClientSettings = ReturnType<typeof settingsFor> & { readonly credentials?: () => Promise<Credentials> };

/** Per service: how its package is loaded, and a harmless command to see an endpoint by. */
const loaders = {
  sts: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-sts');
    return { sdk, client: new sdk.STSClient(settings), probe: () => new sdk.GetCallerIdentityCommand({}) };
  },
  secretsManager: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-secrets-manager');
    return { sdk, client: new sdk.SecretsManagerClient(settings), probe: () => new sdk.ListSecretsCommand({}) };
  },
  dms: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-database-migration-service');
    const client = new sdk.DatabaseMigrationServiceClient(settings);
    return { sdk, client, probe: () => new sdk.DescribeReplicationInstancesCommand({}) };
  },
  route53: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-route-53');
    return { sdk, client: new sdk.Route53Client(settings), probe: () => new sdk.ListHostedZonesCommand({}) };
  },
  cloudWatch: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-cloudwatch');
    return { sdk, client: new sdk.CloudWatchClient(settings), probe: () => new sdk.ListMetricsCommand({}) };
  },
  sns: async (settings: ClientSettings) => {
    const sdk = await import('@aws-sdk/client-sns');
    return { sdk, client: new sdk.SNSClient(settings), probe: () => new sdk.ListTopicsCommand({}) };
  },
};

type Loaders = typeof loaders;
export type ServiceName = keyof Loaders;
export type Loaded<S extends ServiceName> = Pick<Awaited<ReturnType<Loaders[S]>>, 'sdk' | 'client'>;

export interface AwsClients {
  readonly region: string;
  get<S extends ServiceName>(service: S, attempts?: Attempts): Promise<Loaded<S>>;
  /** Service -> URL that its client really talks to. Loads every client. Faults: `aws.mixed-endpoints`. */
  endpoints(): Promise<Readonly<Record<ServiceName, string>>>;
  close(): void;
}

const isLoopback = (url: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

interface Probe {
  readonly middlewareStack: {
    add(
      middleware: () => (args: { request?: unknown }) => Promise<{ output: unknown; response: unknown }>,
      options: { step: 'build'; priority: 'high' },
    ): void;
  };
}

/** The SDK resolves its endpoint per request, so a request is built as for sending and caught before it is signed. */
const resolveEndpoint = async (probe: Probe, send: (command: Probe) => Promise<unknown>): Promise<string> => {
  let url: string | undefined;
  probe.middlewareStack.add(
    () => async (args) => {
      const request = args.request as { protocol: string; hostname: string; port?: number };
      url = `${request.protocol}//${request.hostname}${request.port === undefined ? '' : `:${request.port}`}`;
      return { output: {}, response: {} };
    },
    { step: 'build', priority: 'high' },
  );
  await send(probe);
  if (url === undefined)
    throw new Fault({ code: 'aws.no-endpoint', summary: 'The SDK resolved no endpoint for a service.' });
  return url;
};

const mixed = (endpoints: ReadonlyMap<ServiceName, string>): Fault =>
  new Fault({
    code: 'aws.mixed-endpoints',
    summary: 'Some AWS services would be asked on this machine and others at AWS.',
    detail: [...endpoints].map(([service, url]) => `${service}: ${url}`).join(', '),
    hint: 'Set AWS_ENDPOINT_URL alone for all services, or unset AWS_ENDPOINT_URL and every AWS_ENDPOINT_URL_<SERVICE>, also in the AWS config file.',
    exitCode: exitCodes.invalid,
  });

/** Temporary credentials, assumed once for all clients and again five minutes before they end. */
const assumeRole = (options: AwsOptions, roleArn: string): (() => Promise<Credentials>) => {
  const marginMs = 5 * 60_000;
  let current: Promise<Credentials> | undefined;
  const assume = async (): Promise<Credentials> => {
    const { sdk, client } = await loaders.sts(settingsFor(options, 'many'));
    const call = { service: 'STS', operation: 'AssumeRole', mutates: false };
    try {
      const { Credentials: given } = await client.send(
        new sdk.AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'octank' }),
      );
      return {
        accessKeyId: required(given?.AccessKeyId, call, 'AccessKeyId'),
        secretAccessKey: required(given?.SecretAccessKey, call, 'SecretAccessKey'),
        sessionToken: required(given?.SessionToken, call, 'SessionToken'),
        expiration: required(given?.Expiration, call, 'Expiration'),
      };
    } catch (error) {
      throw awsFault(error, call);
    } finally {
      client.destroy();
    }
  };
  return async () => {
    const known = await current?.catch(() => undefined);
    if (known && known.expiration.getTime() - Date.now() > marginMs) return known;
    current = assume();
    return current;
  };
};

export const createAwsClients = (options: AwsOptions): AwsClients => {
  // Read by the SDK when the first client is made: its warning about Node versions would go into the middle of our screen.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const credentials = options.assumeRole === null ? {} : { credentials: assumeRole(options, options.assumeRole) };
  const open = new Map<string, Promise<{ readonly client: { destroy(): void } }>>();
  const seen = new Map<ServiceName, string>();

  const load = async <S extends ServiceName>(service: S, attempts: Attempts): Promise<Loaded<S>> => {
    const loaded = await loaders[service]({ ...settingsFor(options, attempts), ...credentials });
    const client = loaded.client as { send(command: Probe): Promise<unknown> };
    seen.set(service, await resolveEndpoint(loaded.probe() as unknown as Probe, (command) => client.send(command)));
    // A stray AWS_ENDPOINT_URL_<SERVICE> would send half of a real run to nowhere, or half of a rehearsal to AWS.
    if (new Set([...seen.values()].map(isLoopback)).size > 1) throw mixed(seen);
    return loaded as unknown as Loaded<S>;
  };

  const get = <S extends ServiceName>(service: S, attempts: Attempts = 'many'): Promise<Loaded<S>> => {
    const key = `${service}/${attempts}`;
    const known = open.get(key);
    if (known) return known as Promise<Loaded<S>>;
    const made = load(service, attempts);
    open.set(key, made as Promise<{ readonly client: { destroy(): void } }>);
    return made;
  };

  return {
    region: options.region,
    get,
    endpoints: async () => {
      const names = Object.keys(loaders) as ServiceName[];
      await Promise.all(names.map((service) => get(service)));
      return Object.fromEntries(names.map((name) => [name, seen.get(name) ?? ''])) as Record<ServiceName, string>;
    },
    close: () => {
      for (const made of open.values())
        made.then(
          ({ client }) => client.destroy(),
          () => undefined,
        );
      open.clear();
    },
  };
};

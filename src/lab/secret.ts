/** A database secret as an application reads it: over the wire, kept for a while, read again when a connection fails. */
import { createHash } from 'node:crypto';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';

/** Only loopback: a workload must never be let loose on real AWS. */
export const awsConfig = z.strictObject({
  endpoint: z.string().refine((url) => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname), {
    message: 'the lab talks to a loopback endpoint only',
  }),
  region: z.string(),
});

export type AwsConfig = z.infer<typeof awsConfig>;

/** The rehearsal accepts any signature; these are names, not secrets. */
export const clientOptions = (aws: AwsConfig) => {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  return {
    endpoint: aws.endpoint,
    region: aws.region,
    credentials: { accessKeyId: 'octank-lab', secretAccessKey: 'octank-lab' },
  };
};

const connectionText = z.object({
  host: z.string(),
  port: z.coerce.number(),
  username: z.string(),
  password: z.string(),
  dbname: z.string(),
});

export interface DatabaseSecret extends z.infer<typeof connectionText> {
  /** Changes when anything in the secret changes; says nothing about it. */
  readonly fingerprint: string;
}

export interface SecretCache {
  read(): Promise<DatabaseSecret>;
  /** The next read asks the service again. */
  distrust(): void;
  close(): void;
}

/** A failing application must not hammer the service: distrust is heard at most this often. */
const minReadMs = 250;

export const openSecret = (options: {
  readonly aws: AwsConfig;
  readonly id: string;
  readonly ttlMs: number;
}): SecretCache => {
  let client: SecretsManagerClient | undefined;
  let kept: { readonly value: DatabaseSecret; readonly at: number; readonly trusted: boolean } | undefined;
  let reading: Promise<DatabaseSecret> | undefined;

  const fetchSecret = async (): Promise<DatabaseSecret> => {
    const { GetSecretValueCommand, SecretsManagerClient: Client } = await import('@aws-sdk/client-secrets-manager');
    client ??= new Client({
      ...clientOptions(options.aws),
      maxAttempts: 2,
      requestHandler: { requestTimeout: 2000, connectionTimeout: 1000 },
    });
    const { SecretString: text = '' } = await client.send(new GetSecretValueCommand({ SecretId: options.id }));
    const fingerprint = createHash('sha256').update(text).digest('hex');
    return { ...connectionText.parse(JSON.parse(text)), fingerprint };
  };

  const refresh = (): Promise<DatabaseSecret> => {
    reading ??= fetchSecret()
      .then((value) => {
        kept = { value, at: Date.now(), trusted: true };
        return value;
      })
      .catch((error: unknown) => {
        // A service that does not answer is no reason to forget what still may work.
        if (!kept) throw error;
        kept = { ...kept, at: Date.now() };
        return kept.value;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };

  return {
    read: async () => {
      if (!kept) return refresh();
      const age = Date.now() - kept.at;
      return age > options.ttlMs || (!kept.trusted && age > minReadMs) ? refresh() : kept.value;
    },
    distrust: () => {
      if (kept) kept = { ...kept, trusted: false };
    },
    close: () => client?.destroy(),
  };
};

/** Secrets by reference (Secrets Manager, environment, file), and secrets that applications read. Values never leave in faults. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Fault } from '../../model/fault.ts';
import type { SecretRef } from '../../model/plan.ts';
import type { SecretStore, Secrets } from '../../ports/secrets.ts';
import type { AwsClients } from './clients.ts';
import { type AwsCall, awsFault, calling, callingUnless } from './faults.ts';

const service = 'Secrets Manager';
const reading: AwsCall = { service, operation: 'GetSecretValue', mutates: false, secret: true };

const missing = (detail: string, hint: string): Fault =>
  new Fault({ code: 'secret.missing', summary: 'A secret is not there.', detail, hint });

const fingerprintOf = (text: string): string => createHash('sha256').update(text).digest('hex');

interface SecretValue {
  readonly text: string;
  readonly versionId: string;
}

const fetchValue = async (clients: AwsClients, id: string): Promise<SecretValue | undefined> => {
  const { sdk, client } = await clients.get('secretsManager');
  try {
    const answer = await client.send(new sdk.GetSecretValueCommand({ SecretId: id }));
    const text =
      answer.SecretString ?? (answer.SecretBinary ? Buffer.from(answer.SecretBinary).toString('utf8') : undefined);
    return text === undefined || answer.VersionId === undefined ? undefined : { text, versionId: answer.VersionId };
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
    const fault = awsFault(error, reading);
    if (fault.code !== 'aws.denied') throw fault;
    throw new Fault({
      code: 'secret.denied',
      summary: 'A secret may not be read.',
      detail: `${service}: ${id}`,
      hint: 'Grant secretsmanager:GetSecretValue on it, and kms:Decrypt on its key.',
    });
  }
};

const requireValue = async (clients: AwsClients, id: string): Promise<SecretValue> => {
  const found = await fetchValue(clients, id);
  if (found) return found;
  throw missing(`${service}: ${id} in ${clients.region}`, 'Create it with a value, or correct its name in the plan.');
};

const keepPrivate = 'Keep it readable by its owner only: chmod 600.';

const readSecretFile = async (path: string): Promise<string> => {
  try {
    // Readable by the whole machine is no secret; readable by a group may be meant (mounted secrets).
    if (((await stat(path)).mode & 0o007) !== 0)
      throw new Fault({
        code: 'secret.exposed',
        summary: 'A secret file is open to every user of the machine.',
        detail: path,
        hint: keepPrivate,
      });
    return (await readFile(path, 'utf8')).trimEnd();
  } catch (error) {
    if (error instanceof Fault) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') throw missing(path, `Write it, or correct its path in the plan. ${keepPrivate}`);
    throw new Fault({
      code: 'secret.denied',
      summary: 'A secret may not be read.',
      detail: `${path}: ${code}`,
      hint: keepPrivate,
    });
  }
};

export const createSecrets = (options: {
  readonly clients: AwsClients;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** File references are relative to it: the plan's folder. */
  readonly baseFolder: string;
}): Secrets => ({
  read: async (ref: SecretRef) => {
    switch (ref.kind) {
      case 'secretsManager':
        return (await requireValue(options.clients, ref.id)).text;
      case 'env': {
        const value = options.env[ref.variable];
        if (value === undefined || value === '')
          throw missing(`Environment variable ${ref.variable}`, 'Set it where octank is started.');
        return value;
      }
      case 'file':
        return readSecretFile(resolve(options.baseFolder, ref.path));
    }
  },
});

/** Client request tokens are version ids: 32 to 64 characters. The content takes part, because one token with another content is refused. */
const versionToken = (token: string, fingerprint: string): string =>
  createHash('sha256').update(`${token}\0${fingerprint}`).digest('hex');

export const createSecretStore = (clients: AwsClients): SecretStore => {
  const currentVersion = async (id: string): Promise<string | undefined> => {
    const { sdk, client } = await clients.get('secretsManager');
    const answer = await calling({ service, operation: 'DescribeSecret', mutates: false }, () =>
      client.send(new sdk.DescribeSecretCommand({ SecretId: id })),
    );
    const stages = Object.entries(answer.VersionIdsToStages ?? {});
    return stages.find(([, names]) => names.includes('AWSCURRENT'))?.[0];
  };

  const makeCurrent = async (id: string, versionId: string): Promise<void> => {
    const current = await currentVersion(id);
    if (current === versionId) return;
    const { sdk, client } = await clients.get('secretsManager');
    const moved = await callingUnless(
      { service, operation: 'UpdateSecretVersionStage', mutates: true },
      { names: ['ResourceNotFoundException', 'InvalidParameterException'], answer: undefined },
      () =>
        client.send(
          new sdk.UpdateSecretVersionStageCommand({
            SecretId: id,
            VersionStage: 'AWSCURRENT',
            MoveToVersionId: versionId,
            RemoveFromVersionId: current,
          }),
        ),
    );
    if (moved === undefined)
      throw new Fault({
        code: 'secret.version-missing',
        summary: 'An earlier version of a secret is not there any more, or the secret was changed meanwhile.',
        detail: `${id}: version ${versionId}`,
        hint: 'Write the wanted value into the secret by hand, then run the same command again.',
      });
  };

  return {
    current: async (id) => {
      const found = await fetchValue(clients, id);
      return found && { versionId: found.versionId, fingerprint: fingerprintOf(found.text) };
    },
    copy: async ({ from, to, token }) => {
      const { text } = await requireValue(clients, from);
      const fingerprint = fingerprintOf(text);
      const versionId = versionToken(token, fingerprint);
      const { sdk, client } = await clients.get('secretsManager');
      const call: AwsCall = { service, operation: `PutSecretValue on ${to}`, mutates: true, secret: true };
      await calling(call, () =>
        client.send(new sdk.PutSecretValueCommand({ SecretId: to, SecretString: text, ClientRequestToken: versionId })),
      );
      // A token that was used before is answered as if done, but moves nothing: after an undo the version must be made current again.
      await makeCurrent(to, versionId);
      return { versionId, fingerprint };
    },
    restore: ({ id, versionId }) => makeCurrent(id, versionId),
  };
};

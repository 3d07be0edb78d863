/** Secrets Manager: secrets by name or ARN, versions under staging labels. behaviour.md, section Secrets Manager. */
import { randomInt, randomUUID } from 'node:crypto';
import {
  type JsonInput,
  type JsonService,
  type RunningService,
  type ServiceContext,
  ServiceError,
} from '../../service.ts';
import { objects, optionalFlag, optionalNumber, optionalText, text, texts } from '../input.ts';
import {
  addVersion,
  findSecret,
  holderOf,
  moveStage,
  removeStage,
  requireLive,
  requireSecret,
  requireVersion,
  type Secret,
  type Secrets,
  type Version,
} from './state.ts';

export interface SecretsManager extends RunningService {
  secret(nameOrArn: string): string | undefined;
  putSecret(name: string, value: string): Promise<void>;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const randomSuffix = (): string => Array.from({ length: 6 }, () => alphabet[randomInt(alphabet.length)]).join('');
const maxBytes = 65_536;

const secretValue = (input: JsonInput): Pick<Version, 'text' | 'binary'> | undefined => {
  const plain = optionalText(input, 'SecretString');
  const binary = optionalText(input, 'SecretBinary');
  if (plain !== undefined && binary !== undefined)
    throw new ServiceError(
      'InvalidParameterException',
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  if (Buffer.byteLength(plain ?? '') > maxBytes)
    throw new ServiceError(
      'ValidationException',
      `Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to ${maxBytes}`,
    );
  if (plain !== undefined) return { text: plain };
  return binary === undefined ? undefined : { binary };
};

const requireValue = (input: JsonInput): Pick<Version, 'text' | 'binary'> => {
  const value = secretValue(input);
  if (!value)
    throw new ServiceError('InvalidParameterException', 'You must provide either SecretString or SecretBinary.');
  return value;
};

const tagsOf = (input: JsonInput): Record<string, string> =>
  Object.fromEntries(objects(input, 'Tags').map((tag) => [text(tag, 'Key'), optionalText(tag, 'Value') ?? '']));

const seconds = (ms: number): number => ms / 1000;

const stagesByVersion = (secret: Secret): Record<string, string[]> =>
  Object.fromEntries(Object.entries(secret.versions).flatMap(([id, v]) => (v.stages.length ? [[id, v.stages]] : [])));

const described = (secret: Secret): object => ({
  ARN: secret.arn,
  Name: secret.name,
  ...(secret.description === undefined ? {} : { Description: secret.description }),
  CreatedDate: seconds(secret.createdAt),
  LastChangedDate: seconds(secret.changedAt),
  ...(secret.deletedAt === undefined ? {} : { DeletedDate: seconds(secret.deletedAt) }),
  Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
});

const paged = <T>(all: readonly T[], input: JsonInput): { readonly page: readonly T[]; readonly next: object } => {
  const from = Number(optionalText(input, 'NextToken') ?? 0);
  if (!Number.isInteger(from) || from < 0)
    throw new ServiceError('InvalidNextTokenException', 'The NextToken value is invalid.');
  const until = from + (optionalNumber(input, 'MaxResults') ?? 100);
  return { page: all.slice(from, until), next: until < all.length ? { NextToken: String(until) } : {} };
};

export const createSecretsManager = async (context: ServiceContext): Promise<SecretsManager> => {
  const secrets = (await context.store.load<Secrets>('secretsmanager')) ?? {};
  const save = (): Promise<void> => context.store.save('secretsmanager', secrets);
  const now = (): number => context.clock.now();

  /** What is scheduled for deletion goes when its time has come. */
  const expire = (): void => {
    for (const [name, secret] of Object.entries(secrets))
      if (secret.deletedAt !== undefined && secret.deletedAt <= now()) delete secrets[name];
  };
  const live = (input: JsonInput): Secret => {
    expire();
    return requireLive(secrets, text(input, 'SecretId'));
  };
  const named = (secret: Secret): object => ({ ARN: secret.arn, Name: secret.name });

  const newSecret = (name: string): Secret => ({
    arn: `arn:aws:secretsmanager:${context.region}:${context.accountId}:secret:${name}-${randomSuffix()}`,
    name,
    createdAt: now(),
    changedAt: now(),
    tags: {},
    versions: {},
  });

  const put = async (
    secret: Secret,
    input: JsonInput,
    value: Pick<Version, 'text' | 'binary'>,
  ): Promise<[string, readonly string[]]> => {
    const token = optionalText(input, 'ClientRequestToken') ?? randomUUID();
    const given = texts(input, 'VersionStages');
    const version: Version = { ...value, createdAt: now(), stages: [] };
    if (addVersion(secret, { token, version, stages: given.length ? given : ['AWSCURRENT'] })) secret.changedAt = now();
    await save();
    return [token, secret.versions[token]?.stages ?? []];
  };

  const create = async (input: JsonInput): Promise<object> => {
    expire();
    const name = text(input, 'Name');
    if (!/^[\w/+=.@-]{1,512}$/.test(name))
      throw new ServiceError(
        'ValidationException',
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      );
    const value = secretValue(input);
    const token = optionalText(input, 'ClientRequestToken');
    const existing = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (existing) {
      if (existing.deletedAt !== undefined)
        throw new ServiceError(
          'InvalidRequestException',
          "You can't create this secret because a secret with this name is already scheduled for deletion.",
        );
      const version = token === undefined ? undefined : existing.versions[token];
      if (version && version.text === value?.text && version.binary === value?.binary)
        return { ...named(existing), VersionId: token };
      throw new ServiceError(
        'ResourceExistsException',
        `The operation failed because the secret ${name} already exists.`,
      );
    }
    const secret = newSecret(name);
    const description = optionalText(input, 'Description');
    if (description !== undefined) secret.description = description;
    secret.tags = tagsOf(input);
    secrets[name] = secret;
    if (!value) {
      await save();
      return named(secret);
    }
    const [VersionId] = await put(secret, input, value);
    return { ...named(secret), VersionId };
  };

  const get = async (input: JsonInput): Promise<object> => {
    const secret = live(input);
    const versionId = optionalText(input, 'VersionId');
    const stage = optionalText(input, 'VersionStage');
    const [VersionId, version] = requireVersion(secret, {
      ...(versionId ? { versionId } : {}),
      ...(stage ? { stage } : {}),
    });
    return {
      ...named(secret),
      VersionId,
      ...(version.text === undefined ? { SecretBinary: version.binary } : { SecretString: version.text }),
      VersionStages: version.stages,
      CreatedDate: seconds(version.createdAt),
    };
  };

  const update = async (input: JsonInput): Promise<object> => {
    const secret = live(input);
    const description = optionalText(input, 'Description');
    if (description !== undefined) secret.description = description;
    const value = secretValue(input);
    if (value) return { ...named(secret), VersionId: (await put(secret, input, value))[0] };
    secret.changedAt = now();
    await save();
    return named(secret);
  };

  const updateStage = async (input: JsonInput): Promise<object> => {
    const secret = live(input);
    const stage = text(input, 'VersionStage');
    const from = optionalText(input, 'RemoveFromVersionId');
    const to = optionalText(input, 'MoveToVersionId');
    const holder = holderOf(secret, stage);
    if (holder !== undefined && holder !== to && from !== holder)
      throw new ServiceError(
        'InvalidParameterException',
        from === undefined
          ? `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`
          : `The staging label ${stage} is currently attached to version ${holder}, not to the version in RemoveFromVersionId.`,
      );
    if (to === undefined && stage === 'AWSCURRENT')
      throw new ServiceError(
        'InvalidParameterException',
        "You can't remove the staging label AWSCURRENT; move it to another version.",
      );
    if (from !== undefined && holder === undefined)
      throw new ServiceError(
        'InvalidParameterException',
        `The staging label ${stage} isn't attached to version ${from}.`,
      );
    if (to === undefined) removeStage(secret, stage);
    else moveStage(secret, stage, to);
    secret.changedAt = now();
    await save();
    return named(secret);
  };

  const remove = async (input: JsonInput): Promise<object> => {
    expire();
    const secret = requireSecret(secrets, text(input, 'SecretId'));
    const days = optionalNumber(input, 'RecoveryWindowInDays');
    if (optionalFlag(input, 'ForceDeleteWithoutRecovery')) {
      if (days !== undefined)
        throw new ServiceError(
          'InvalidParameterException',
          "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        );
      delete secrets[secret.name];
      await save();
      return { ...named(secret), DeletionDate: seconds(now()) };
    }
    if (days !== undefined && (days < 7 || days > 30))
      throw new ServiceError(
        'InvalidParameterException',
        'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).',
      );
    requireLive(secrets, secret.arn);
    secret.deletedAt = now() + (days ?? 30) * 86_400_000;
    await save();
    return { ...named(secret), DeletionDate: seconds(secret.deletedAt) };
  };

  const restore = async (input: JsonInput): Promise<object> => {
    expire();
    const secret = requireSecret(secrets, text(input, 'SecretId'));
    delete secret.deletedAt;
    await save();
    return named(secret);
  };

  const listVersions = async (input: JsonInput): Promise<object> => {
    const secret = requireSecret(secrets, text(input, 'SecretId'));
    const all = Object.entries(secret.versions).filter(
      ([, v]) => optionalFlag(input, 'IncludeDeprecated') || v.stages.length > 0,
    );
    const { page, next } = paged(all, input);
    return {
      ...named(secret),
      Versions: page.map(([VersionId, v]) => ({
        VersionId,
        VersionStages: v.stages,
        CreatedDate: seconds(v.createdAt),
      })),
      ...next,
    };
  };

  const list = async (input: JsonInput): Promise<object> => {
    expire();
    const all = Object.values(secrets).filter(
      (s) => optionalFlag(input, 'IncludePlannedDeletion') || s.deletedAt === undefined,
    );
    const { page, next } = paged(all, input);
    return { SecretList: page.map((s) => ({ ...described(s), SecretVersionsToStages: stagesByVersion(s) })), ...next };
  };

  const tag = async (input: JsonInput): Promise<object> => {
    Object.assign(live(input).tags, tagsOf(input));
    await save();
    return {};
  };
  const untag = async (input: JsonInput): Promise<object> => {
    const secret = live(input);
    for (const key of texts(input, 'TagKeys')) delete secret.tags[key];
    await save();
    return {};
  };

  const service: JsonService = {
    protocol: 'json-1.1',
    scope: 'secretsmanager',
    targetPrefix: 'secretsmanager',
    operations: {
      CreateSecret: create,
      GetSecretValue: get,
      PutSecretValue: async (input) => {
        const secret = live(input);
        const [VersionId, VersionStages] = await put(secret, input, requireValue(input));
        return { ...named(secret), VersionId, VersionStages };
      },
      UpdateSecret: update,
      UpdateSecretVersionStage: updateStage,
      DescribeSecret: async (input) => {
        const secret = requireSecret(secrets, text(input, 'SecretId'));
        return { ...described(secret), VersionIdsToStages: stagesByVersion(secret) };
      },
      ListSecrets: list,
      ListSecretVersionIds: listVersions,
      DeleteSecret: remove,
      RestoreSecret: restore,
      TagResource: tag,
      UntagResource: untag,
    },
  };

  return {
    service,
    secret: (nameOrArn) => {
      const secret = findSecret(secrets, nameOrArn);
      const current = secret && secret.deletedAt === undefined ? holderOf(secret, 'AWSCURRENT') : undefined;
      return current === undefined ? undefined : secret?.versions[current]?.text;
    },
    putSecret: async (name, value) => {
      const secret = secrets[name] ?? newSecret(name);
      secrets[name] = secret;
      const current = holderOf(secret, 'AWSCURRENT');
      if (current !== undefined && secret.versions[current]?.text === value) return;
      await put(secret, {}, { text: value });
    },
    stop: save,
  };
};

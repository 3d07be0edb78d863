/** Secrets, their versions, and the rules by which staging labels move. Pure but for the state handed in. */
import { ServiceError } from '../../service.ts';

export interface Version {
  readonly text?: string;
  /** Base64. */
  readonly binary?: string;
  readonly createdAt: number;
  stages: string[];
}

export interface Secret {
  readonly arn: string;
  readonly name: string;
  description?: string;
  readonly createdAt: number;
  changedAt: number;
  deletedAt?: number;
  tags: Record<string, string>;
  versions: Record<string, Version>;
}

export type Secrets = Record<string, Secret>;

const missing = (what: string): ServiceError =>
  new ServiceError('ResourceNotFoundException', `Secrets Manager can't find the specified ${what}`);

/** By name, by ARN, or by the ARN without its six random characters. */
export const findSecret = (secrets: Secrets, id: string): Secret | undefined =>
  // Own only: a secret may be called as an object's own method is.
  (Object.hasOwn(secrets, id) ? secrets[id] : undefined) ??
  Object.values(secrets).find((secret) => secret.arn === id || secret.arn.slice(0, -7) === id);

export const requireSecret = (secrets: Secrets, id: string): Secret => {
  const secret = findSecret(secrets, id);
  if (!secret) throw missing('secret.');
  return secret;
};

/** As `requireSecret`, and not scheduled for deletion. */
export const requireLive = (secrets: Secrets, id: string): Secret => {
  const secret = requireSecret(secrets, id);
  if (secret.deletedAt !== undefined)
    throw new ServiceError(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  return secret;
};

export const holderOf = (secret: Secret, stage: string): string | undefined =>
  Object.keys(secret.versions).find((id) => secret.versions[id]?.stages.includes(stage));

export const requireVersion = (
  secret: Secret,
  wanted: { readonly versionId?: string; readonly stage?: string },
): [id: string, version: Version] => {
  const id = wanted.versionId ?? holderOf(secret, wanted.stage ?? 'AWSCURRENT');
  const version = id === undefined ? undefined : secret.versions[id];
  if (id === undefined || !version)
    throw missing(
      wanted.versionId
        ? `secret value for VersionId: ${wanted.versionId}`
        : `secret value for staging label: ${wanted.stage ?? 'AWSCURRENT'}`,
    );
  if (wanted.stage && !version.stages.includes(wanted.stage))
    throw new ServiceError(
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
  return [id, version];
};

const takeOff = (secret: Secret, stage: string): string | undefined => {
  const holder = holderOf(secret, stage);
  const version = holder === undefined ? undefined : secret.versions[holder];
  if (version) version.stages = version.stages.filter((one) => one !== stage);
  return holder;
};

/** Moves a label; where AWSCURRENT goes, AWSPREVIOUS follows to the version that lost it. */
export const moveStage = (secret: Secret, stage: string, to: string): void => {
  const target = secret.versions[to];
  if (!target) throw missing(`secret value for VersionId: ${to}`);
  if (target.stages.includes(stage)) return;
  const from = takeOff(secret, stage);
  target.stages.push(stage);
  if (stage !== 'AWSCURRENT' || from === undefined) return;
  takeOff(secret, 'AWSPREVIOUS');
  secret.versions[from]?.stages.push('AWSPREVIOUS');
};

export const removeStage = (secret: Secret, stage: string): void => {
  takeOff(secret, stage);
};

/** Versions without a label are deprecated; AWS keeps about a hundred. */
export const pruneVersions = (secret: Secret, keep = 100): void => {
  const deprecated = Object.entries(secret.versions)
    .filter(([, version]) => version.stages.length === 0)
    .sort(([, a], [, b]) => b.createdAt - a.createdAt);
  for (const [id] of deprecated.slice(keep)) delete secret.versions[id];
};

/** Adds a version under its token; the same token with the same value is ignored (true: something changed). */
export const addVersion = (
  secret: Secret,
  options: { readonly token: string; readonly version: Version; readonly stages: readonly string[] },
): boolean => {
  const { token, version, stages } = options;
  const existing = secret.versions[token];
  if (existing) {
    if (existing.text === version.text && existing.binary === version.binary) return false;
    throw new ServiceError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }
  secret.versions[token] = version;
  // The first version is current whatever was asked for: a secret with values always has one.
  const wanted = holderOf(secret, 'AWSCURRENT') === undefined ? [...new Set(['AWSCURRENT', ...stages])] : stages;
  for (const stage of wanted) moveStage(secret, stage, token);
  pruneVersions(secret);
  return true;
};

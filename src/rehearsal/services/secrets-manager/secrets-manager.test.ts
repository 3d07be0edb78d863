/** behaviour.md, section Secrets Manager, by the real SDK. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestRehearsal, testRehearsal } from '../../testing.ts';

let test: TestRehearsal;
let client: SecretsManagerClient;

beforeAll(async () => {
  test = await testRehearsal({ secrets: { 'octank/app': 'first', 'octank/copy': '@secret:octank/app' } });
  client = new SecretsManagerClient(test.client);
});
afterAll(() => test.stop());

const token = (digit: number): string => `00000000-0000-0000-0000-00000000000${digit}`;
const stages = async (id: string): Promise<Record<string, string[]>> =>
  (await client.send(new DescribeSecretCommand({ SecretId: id }))).VersionIdsToStages ?? {};

const created = async (name: string): Promise<string> => {
  const { ARN } = await client.send(
    new CreateSecretCommand({ Name: name, SecretString: 'one', ClientRequestToken: token(1) }),
  );
  return ARN ?? '';
};

describe('secrets manager', () => {
  it('S1 finds a secret by name, ARN and ARN without suffix, and not by a part of its name', async () => {
    const arn = await created('s1/app');
    expect(arn).toMatch(/^arn:aws:secretsmanager:eu-west-1:111122223333:secret:s1\/app-[A-Za-z0-9]{6}$/);
    for (const SecretId of ['s1/app', arn, arn.slice(0, -7)])
      expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('one');
    await expect(client.send(new GetSecretValueCommand({ SecretId: 's1/ap' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
    });
    await expect(client.send(new GetSecretValueCommand({ SecretId: 'constructor' }))).rejects.toThrow("can't find");
  });

  it('S3 moves AWSCURRENT with a put and leaves AWSPREVIOUS at the one before, never at two', async () => {
    await created('s3/app');
    for (const digit of [2, 3])
      await client.send(
        new PutSecretValueCommand({ SecretId: 's3/app', SecretString: `v${digit}`, ClientRequestToken: token(digit) }),
      );
    expect(await stages('s3/app')).toEqual({ [token(2)]: ['AWSPREVIOUS'], [token(3)]: ['AWSCURRENT'] });
    await client.send(
      new PutSecretValueCommand({
        SecretId: 's3/app',
        SecretString: 'p',
        ClientRequestToken: token(4),
        VersionStages: ['AWSPENDING'],
      }),
    );
    expect((await client.send(new GetSecretValueCommand({ SecretId: 's3/app' }))).SecretString).toBe('v3');
    expect(
      (await client.send(new GetSecretValueCommand({ SecretId: 's3/app', VersionStage: 'AWSPENDING' }))).SecretString,
    ).toBe('p');
    const { Versions = [] } = await client.send(new ListSecretVersionIdsCommand({ SecretId: 's3/app' }));
    expect(Versions.length).toBe(3);
    const all = await client.send(new ListSecretVersionIdsCommand({ SecretId: 's3/app', IncludeDeprecated: true }));
    expect(all.Versions?.length).toBe(4);
  });

  it('S4 ignores a repeated token, even when a newer version is current, and refuses it with another text', async () => {
    await created('s4/app');
    const put = (digit: number, SecretString: string) =>
      client.send(new PutSecretValueCommand({ SecretId: 's4/app', SecretString, ClientRequestToken: token(digit) }));
    await put(2, 'two');
    await put(3, 'three');
    await put(2, 'two');
    expect((await client.send(new GetSecretValueCommand({ SecretId: 's4/app' }))).SecretString).toBe('three');
    await expect(put(2, 'other')).rejects.toMatchObject({ name: 'ResourceExistsException' });
  });

  it('S5 moves a label only from the version that is named, and AWSPREVIOUS follows', async () => {
    await created('s5/app');
    await client.send(
      new PutSecretValueCommand({ SecretId: 's5/app', SecretString: 'two', ClientRequestToken: token(2) }),
    );
    const move = { SecretId: 's5/app', VersionStage: 'AWSCURRENT', MoveToVersionId: token(1) };
    await expect(client.send(new UpdateSecretVersionStageCommand(move))).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining("RemoveFromVersionId can't be empty"),
    });
    await client.send(new UpdateSecretVersionStageCommand({ ...move, RemoveFromVersionId: token(2) }));
    expect(await stages('s5/app')).toEqual({ [token(1)]: ['AWSCURRENT'], [token(2)]: ['AWSPREVIOUS'] });
    await expect(
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: 's5/app',
          VersionStage: 'AWSCURRENT',
          RemoveFromVersionId: token(1),
        }),
      ),
    ).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('S6 refuses values of a secret marked for deletion until it is restored, and its name until it is gone', async () => {
    await created('s6/app');
    await client.send(new DeleteSecretCommand({ SecretId: 's6/app', RecoveryWindowInDays: 7 }));
    await expect(client.send(new GetSecretValueCommand({ SecretId: 's6/app' }))).rejects.toMatchObject({
      name: 'InvalidRequestException',
    });
    await expect(created('s6/app')).rejects.toMatchObject({ name: 'InvalidRequestException' });
    await client.send(new RestoreSecretCommand({ SecretId: 's6/app' }));
    expect((await client.send(new GetSecretValueCommand({ SecretId: 's6/app' }))).SecretString).toBe('one');
    await client.send(new DeleteSecretCommand({ SecretId: 's6/app', ForceDeleteWithoutRecovery: true }));
    await created('s6/app');
  });

  it('S2 says which label or version is not there', async () => {
    await created('s2/app');
    await expect(client.send(new GetSecretValueCommand({ SecretId: 's2/app', VersionStage: 'X' }))).rejects.toThrow(
      'staging label: X',
    );
    await expect(client.send(new GetSecretValueCommand({ SecretId: 's2/app', VersionId: token(9) }))).rejects.toThrow(
      `VersionId: ${token(9)}`,
    );
  });

  it('copies the secrets that the config names, pages its lists, and stamps on the scaled clock', async () => {
    const value = await client.send(new GetSecretValueCommand({ SecretId: 'octank/copy' }));
    expect(value.SecretString).toBe('first');
    expect(value.CreatedDate).toBeInstanceOf(Date);
    const first = await client.send(new ListSecretsCommand({ MaxResults: 1 }));
    const second = await client.send(new ListSecretsCommand({ MaxResults: 1, NextToken: first.NextToken ?? '' }));
    expect(first.SecretList?.[0]?.Name).not.toBe(second.SecretList?.[0]?.Name);
  });
});

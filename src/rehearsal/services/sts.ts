/** STS: who the caller is, and roles assumed. behaviour.md, section STS. */
import { randomBytes } from 'node:crypto';
import { type Call, type QueryService, type RunningService, type ServiceContext, ServiceError } from '../service.ts';

interface Session {
  readonly arn: string;
  readonly userId: string;
  readonly expiresAt: number;
}

const roleArn = /^arn:aws[\w-]*:iam::(\d{12}):role\/(?:.+\/)?([\w+=,.@-]+)$/;

const randomId = (prefix: string): string => prefix + randomBytes(16).toString('hex').toUpperCase().slice(0, 16);

export const createSts = async (context: ServiceContext): Promise<RunningService> => {
  const sessions = (await context.store.load<Record<string, Session>>('sts')) ?? {};

  const assumeRole = async (input: Readonly<Record<string, string>>): Promise<object> => {
    const match = roleArn.exec(input.RoleArn ?? '');
    if (!match) throw new ServiceError('ValidationError', `${input.RoleArn ?? ''} is invalid`);
    const name = input.RoleSessionName ?? '';
    if (!/^[\w+=,.@-]{2,64}$/.test(name))
      throw new ServiceError('ValidationError', 'Value at roleSessionName failed to satisfy constraint');
    const seconds = Number(input.DurationSeconds ?? 3600);
    if (!(seconds >= 900 && seconds <= 43_200))
      throw new ServiceError('ValidationError', 'Value at durationSeconds failed to satisfy constraint: 900 to 43200');
    const accessKeyId = randomId('ASIA');
    const roleId = randomId('AROA');
    const arn = `arn:aws:sts::${match[1]}:assumed-role/${match[2]}/${name}`;
    // Real time, unlike everything else: the SDK compares it with the wall.
    const expiresAt = Date.now() + seconds * 1000;
    for (const [key, session] of Object.entries(sessions)) if (session.expiresAt < Date.now()) delete sessions[key];
    sessions[accessKeyId] = { arn, userId: `${roleId}:${name}`, expiresAt };
    await context.store.save('sts', sessions);
    return {
      AssumedRoleUser: { AssumedRoleId: `${roleId}:${name}`, Arn: arn },
      Credentials: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: randomBytes(30).toString('base64'),
        SessionToken: randomBytes(60).toString('base64'),
        Expiration: new Date(expiresAt).toISOString(),
      },
      PackedPolicySize: 0,
    };
  };

  const callerIdentity = async (_input: unknown, call: Call): Promise<object> => {
    const session = sessions[call.accessKeyId];
    if (session && session.expiresAt < Date.now())
      throw new ServiceError('ExpiredToken', 'The security token included in the request is expired', { status: 403 });
    if (!session && call.accessKeyId.startsWith('ASIA'))
      throw new ServiceError('InvalidClientTokenId', 'The security token included in the request is invalid.', {
        status: 403,
      });
    return session
      ? { UserId: session.userId, Account: session.arn.split(':')[4], Arn: session.arn }
      : {
          UserId: 'AIDAREHEARSAL0000000',
          Account: context.accountId,
          Arn: `arn:aws:iam::${context.accountId}:user/rehearsal`,
        };
  };

  const service: QueryService = {
    protocol: 'query',
    scope: 'sts',
    version: '2011-06-15',
    operations: { GetCallerIdentity: callerIdentity, AssumeRole: assumeRole },
  };
  return { service, stop: async () => context.store.save('sts', sessions) };
};

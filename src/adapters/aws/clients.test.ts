/** Dangers of clients: half a run sent elsewhere by a stray variable, an expired role, a warning in the middle of the screen. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAwsClients } from './clients.ts';
import { createIdentity } from './sts.ts';
import { clientsAt, pointSdkAt, type Stub, startStub } from './testdata/stub.ts';

let stub: Stub;
let assumed = 0;
let lifetimeMs = 3_600_000;

beforeAll(async () => {
  stub = await startStub(({ operation }) => {
    if (operation === 'AssumeRole') {
      assumed += 1;
      const expires = new Date(Date.now() + lifetimeMs).toISOString();
      return {
        body: `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA${assumed}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
      };
    }
    if (operation === 'GetCallerIdentity')
      return {
        body: '<R><GetCallerIdentityResult><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/me</Arn><UserId>U</UserId></GetCallerIdentityResult></R>',
      };
    return { body: '{}' };
  });
});
afterAll(() => stub.close());

describe('endpoints', () => {
  it('shows where each client really talks to, without asking anyone', async () => {
    const clients = clientsAt(stub.url);
    const before = stub.asked.length;
    const endpoints = await createIdentity(clients).endpoints();
    expect(new Set(Object.values(endpoints))).toEqual(new Set([stub.url]));
    expect(Object.keys(endpoints).sort()).toEqual(['cloudWatch', 'dms', 'route53', 'secretsManager', 'sns', 'sts']);
    expect(stub.asked.length).toBe(before);
    clients.close();
  });

  it('shows those of AWS where nothing is configured', async () => {
    pointSdkAt(stub.url);
    delete process.env.AWS_ENDPOINT_URL;
    const clients = createAwsClients({ region: 'eu-central-1', profile: null, assumeRole: null });
    const endpoints = await clients.endpoints();
    expect(endpoints.dms).toBe('https://dms.eu-central-1.amazonaws.com');
    expect(endpoints.route53).toBe('https://route53.amazonaws.com');
  });

  it('refuses a run that would be half here and half at AWS', async () => {
    pointSdkAt(stub.url);
    delete process.env.AWS_ENDPOINT_URL;
    process.env.AWS_ENDPOINT_URL_ROUTE_53 = stub.url;
    const clients = createAwsClients({ region: 'eu-west-1', profile: null, assumeRole: null });
    await expect(clients.endpoints()).rejects.toMatchObject({
      code: 'aws.mixed-endpoints',
      detail: expect.stringContaining(stub.url),
    });
    // Also when nobody asked for the list first: the second kind of client is refused before it is used.
    const fresh = createAwsClients({ region: 'eu-west-1', profile: null, assumeRole: null });
    await fresh.get('dms');
    await expect(fresh.get('route53')).rejects.toMatchObject({ code: 'aws.mixed-endpoints' });
  });
});

describe('assumed role', () => {
  it('is assumed once for all clients, and used by them', async () => {
    assumed = 0;
    lifetimeMs = 3_600_000;
    const clients = clientsAt(stub.url, { assumeRole: 'arn:aws:iam::1:role/octank' });
    await createIdentity(clients).whoami();
    const dms = await clients.get('dms');
    await dms.client.send(new dms.sdk.DescribeReplicationInstancesCommand({}));
    const [last] = stub.asked.slice(-1);
    expect(last?.accessKeyId).toBe('ASIA1');
    expect(assumed).toBe(1);
  });

  it('is assumed again before it ends', async () => {
    assumed = 0;
    lifetimeMs = 60_000;
    const identity = createIdentity(clientsAt(stub.url, { assumeRole: 'arn:aws:iam::1:role/octank' }));
    await identity.whoami();
    lifetimeMs = 3_600_000;
    await identity.whoami();
    expect(assumed).toBeGreaterThanOrEqual(2);
    expect(stub.asked.at(-1)?.accessKeyId).not.toBe('ASIA1');
  });
});

it('keeps the warning about Node versions off the screen', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): number => warnings.push(warning);
  process.on('warning', listen);
  const clients = clientsAt(stub.url);
  await clients.endpoints();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  expect(warnings.filter(({ name }) => name.includes('NodeVersion'))).toEqual([]);
});

/** behaviour.md, sections Wire, Faults, STS and SNS: real SDK clients, and bytes no SDK would send. */
import { request } from 'node:http';
import { ListHostedZonesCommand, Route53Client } from '@aws-sdk/client-route-53';
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  CreateTopicCommand,
  GetTopicAttributesCommand,
  ListTopicsCommand,
  PublishCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestRehearsal, testRehearsal } from '../testing.ts';

let test: TestRehearsal;

beforeAll(async () => {
  test = await testRehearsal({ secrets: { app: 'x' }, topics: ['octank-migrations'] });
});
afterAll(() => test.stop());

const sign = (scope: string): string =>
  `AWS4-HMAC-SHA256 Credential=AK/20261124/eu-west-1/${scope}/aws4_request, SignedHeaders=host, Signature=00`;

const post = (headers: Record<string, string>, body: string | Buffer, path = '/'): Promise<Response> =>
  fetch(new URL(path, test.client.endpoint), { method: 'POST', headers, body });

const jsonOf = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>;

/** `fetch` does not let the Host header be chosen. */
const statusWithHost = (host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(test.client.endpoint);
    const asked = request({ host: '127.0.0.1', port, path: '/_octank/health', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });

describe('wire', () => {
  it('W2 refuses unsigned calls in the form of each protocol', async () => {
    const json = await post({ 'x-amz-target': 'secretsmanager.GetSecretValue' }, '{"SecretId":"app"}');
    expect([json.status, (await jsonOf(json)).__type]).toEqual([403, 'MissingAuthenticationToken']);
    const rest = await fetch(`${test.client.endpoint}/2013-04-01/hostedzone`);
    expect([rest.status, await rest.text()]).toEqual([
      403,
      expect.stringContaining('<Code>MissingAuthenticationToken</Code>'),
    ]);
  });

  it("W3 W5 names what it does not know, and never serves an object's own method as an operation", async () => {
    const headers = { authorization: sign('secretsmanager'), 'content-type': 'application/x-amz-json-1.1' };
    for (const operation of ['RotateSecret', 'constructor', 'toString']) {
      const answer = await post({ ...headers, 'x-amz-target': `secretsmanager.${operation}` }, '{}');
      expect([answer.status, (await jsonOf(answer)).__type]).toEqual([400, 'UnknownOperationException']);
      expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    }
    const broken = await post({ ...headers, 'x-amz-target': 'secretsmanager.GetSecretValue' }, '{"SecretId"');
    expect((await jsonOf(broken)).__type).toBe('SerializationException');
    const query = await post(
      { authorization: sign('sns'), 'content-type': 'application/x-www-form-urlencoded' },
      'Action=Subscribe&Version=2010-03-31',
    );
    expect(await query.text()).toContain('<Code>InvalidAction</Code>');
    const nobody = await post({ authorization: sign('ec2') }, 'Action=DescribeInstances');
    expect(nobody.status).toBe(404);
  });

  it('W4 W5 bounds bodies before and after inflation', async () => {
    const { gzipSync } = await import('node:zlib');
    const headers = {
      authorization: sign('monitoring'),
      'x-amz-target': 'GraniteServiceVersion20100801.PutMetricData',
      'content-type': 'application/x-amz-json-1.0',
    };
    expect((await post(headers, Buffer.alloc(1024 * 1024 + 1, 32))).status).toBe(413);
    const bomb = await post({ ...headers, 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(8 * 1024 * 1024)));
    expect(bomb.status).toBe(413);
    expect((await post({ ...headers, 'content-encoding': 'gzip' }, 'no gzip')).status).toBe(400);
  });

  it('W7 serves no Host but loopback, so that no web page reaches it under a name of its own', async () => {
    expect(await statusWithHost('127.0.0.1:80')).toBe(200);
    expect(await statusWithHost('localhost')).toBe(200);
    for (const host of ['rebound.example', '127.0.0.1.rebound.example', 'localhost.rebound.example:80'])
      expect(await statusWithHost(host)).toBe(403);
  });

  it('W6 throttles Route 53 after its burst, with its own error', async () => {
    const own = await testRehearsal();
    try {
      const client = new Route53Client(own.client);
      const names = await Promise.all(
        Array.from({ length: 70 }, () =>
          client.send(new ListHostedZonesCommand({})).then(
            () => 'ok',
            (error: Error) => `${error.name}: ${error.message}`,
          ),
        ),
      );
      expect(names.filter((name) => name === 'ok').length).toBeGreaterThanOrEqual(50);
      expect(names).toContain('Throttling: Rate exceeded');
    } finally {
      await own.stop();
    }
  });
});

describe('faults', () => {
  it('F1 cuts the connection after the effect, as often as asked and no more', async () => {
    const client = new SecretsManagerClient(test.client);
    const put = (SecretString: string) => client.send(new PutSecretValueCommand({ SecretId: 'app', SecretString }));
    expect(
      (
        await test.control('faults', {
          service: 'secretsmanager',
          operation: 'PutSecretValue',
          kind: 'timeout-after-effect',
        })
      ).status,
    ).toBe(201);
    await expect(put('written')).rejects.toThrow();
    expect((await client.send(new GetSecretValueCommand({ SecretId: 'app' }))).SecretString).toBe('written');
    await test.control('faults', {
      service: 'secretsmanager',
      operation: 'PutSecretValue',
      kind: 'timeout-before-effect',
    });
    await expect(put('lost')).rejects.toThrow();
    expect((await client.send(new GetSecretValueCommand({ SecretId: 'app' }))).SecretString).toBe('written');
    await put('again');
  });

  it("F1 answers 5xx and throttling in the service's words, and lets itself be cleared", async () => {
    const client = new STSClient(test.client);
    const ask = () => client.send(new GetCallerIdentityCommand({}));
    await test.control('faults', { service: 'sts', kind: 'throttle' });
    await expect(ask()).rejects.toMatchObject({ name: 'Throttling' });
    await test.control('faults', { service: 'sts', kind: '5xx', count: 5 });
    await expect(ask()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
    await test.control('faults', undefined, 'DELETE');
    await ask();
  });

  it('F2 refuses a fault that no service has, instead of doing nothing', async () => {
    expect((await test.control('faults', { service: 'dns', kind: 'earthquake' })).status).toBe(400);
    expect((await test.control('faults', { service: 'nobody', kind: 'stale' })).status).toBe(400);
    expect((await test.control('faults', { service: 'dns', kind: 'stale', seconds: 1 })).status).toBe(201);
  });

  it('F3 does not hand out what only the owner may read', async () => {
    const state = await jsonOf(await test.control('state'));
    expect(state).toMatchObject({ url: test.client.endpoint, databases: [] });
  });
});

describe('sts', () => {
  it('T1 T2 names the caller, the assumed role, and refuses what is no role', async () => {
    const client = new STSClient(test.client);
    expect(await client.send(new GetCallerIdentityCommand({}))).toMatchObject({ Account: '111122223333' });
    const { Credentials } = await client.send(
      new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::111122223333:role/octank', RoleSessionName: 'apply' }),
    );
    const assumed = new STSClient({
      ...test.client,
      credentials: {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      },
    });
    expect((await assumed.send(new GetCallerIdentityCommand({}))).Arn).toBe(
      'arn:aws:sts::111122223333:assumed-role/octank/apply',
    );
    expect(Credentials?.Expiration?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
    await expect(
      client.send(new AssumeRoleCommand({ RoleArn: 'octank', RoleSessionName: 'apply' })),
    ).rejects.toMatchObject({ name: 'ValidationError' });
  });
});

describe('sns', () => {
  it('N1 keeps what was published, and refuses a topic that is not there', async () => {
    const client = new SNSClient(test.client);
    const TopicArn = 'arn:aws:sns:eu-west-1:111122223333:octank-migrations';
    expect((await client.send(new CreateTopicCommand({ Name: 'octank-migrations' }))).TopicArn).toBe(TopicArn);
    await client.send(new PublishCommand({ TopicArn, Subject: 'cutover <shop>', Message: 'a & b\nü' }));
    const { messages } = await jsonOf(await test.control('messages'));
    expect(messages).toMatchObject([{ topicArn: TopicArn, subject: 'cutover <shop>', message: 'a & b\nü' }]);
    expect((await client.send(new ListTopicsCommand({}))).Topics).toEqual([{ TopicArn }]);
    expect((await client.send(new GetTopicAttributesCommand({ TopicArn }))).Attributes?.TopicArn).toBe(TopicArn);
    await expect(client.send(new PublishCommand({ TopicArn: `${TopicArn}-no`, Message: 'x' }))).rejects.toMatchObject({
      name: 'NotFoundException',
      message: 'Topic does not exist',
    });
  });
});

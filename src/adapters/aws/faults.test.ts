/** Dangers of mapping errors: a lost answer taken for "not done", a retry taken for a conflict, a secret in a message. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Fault, toFault } from '../../model/fault.ts';
import { awsFault } from './faults.ts';
import { createSecretStore, createSecrets } from './secrets.ts';
import { createIdentity } from './sts.ts';
import { type Answer, clientsAt, jsonError, type Stub, startStub } from './testdata/stub.ts';

let stub: Stub;
beforeAll(async () => {
  stub = await startStub(() => ({ body: '{}' }));
});
afterAll(() => stub.close());

const faultOf = async (run: () => Promise<unknown>): Promise<Fault> => {
  try {
    await run();
  } catch (error) {
    return toFault(error);
  }
  throw new Error('nothing was thrown');
};

/** A mutating DMS call, sent once or with the SDK's own retries, against one kind of trouble. */
const mutate = (answers: readonly Answer[], attempts: 'many' | 'once'): Promise<Fault> => {
  let turn = 0;
  stub.answer = () => {
    turn += 1;
    return answers[Math.min(turn, answers.length) - 1]!;
  };
  return faultOf(async () => {
    const { sdk, client } = await clientsAt(stub.url).get('dms', attempts);
    const call = { service: 'DMS', operation: 'StopReplicationTask', mutates: true };
    try {
      await client.send(new sdk.StopReplicationTaskCommand({ ReplicationTaskArn: 'arn' }));
    } catch (error) {
      throw awsFault(error, call);
    }
  });
};

const html: Answer = { body: '<html>proxy: password hunter2</html>' };

it.each<[string, readonly Answer[], 'many' | 'once', string, string]>([
  ['a refusal changed nothing', [jsonError('InvalidResourceStateFault')], 'once', 'aws.refused', 'none'],
  ['a denial changed nothing', [jsonError('AccessDeniedException')], 'many', 'aws.denied', 'none'],
  [
    'expired credentials changed nothing',
    [jsonError('ExpiredTokenException')],
    'many',
    'aws.credentials-expired',
    'none',
  ],
  ['unknown keys changed nothing', [jsonError('UnrecognizedClientException')], 'once', 'aws.no-credentials', 'none'],
  ['throttling changed nothing', [jsonError('ThrottlingException')], 'once', 'aws.throttled', 'none'],
  ['a cut connection may hide an effect', ['reset'], 'once', 'aws.no-answer', 'unknown'],
  ['a timeout may hide an effect', ['hang'], 'once', 'aws.no-answer', 'unknown'],
  ['a server failure may hide an effect', [{ status: 500, body: '{}' }], 'once', 'aws.unavailable', 'unknown'],
  ["a proxy's page may hide an effect", [html], 'once', 'aws.unreadable-answer', 'unknown'],
  // The first attempt may have been carried out; what the second was told is then no proof of the contrary.
  [
    'a refusal after a lost attempt is unknown',
    ['reset', jsonError('InvalidResourceStateFault')],
    'many',
    'aws.refused',
    'unknown',
  ],
  [
    'a denial after a failed attempt is unknown',
    [{ status: 503, body: '{}' }, jsonError('AccessDenied')],
    'many',
    'aws.denied',
    'unknown',
  ],
])('%s', async (_, answers, attempts, code, effect) => {
  expect(await mutate(answers, attempts)).toMatchObject({ code, effect });
});

it('a refused connection was never an effect', async () => {
  const gone = await startStub(() => html);
  await gone.close();
  const fault = await faultOf(async () => {
    const { sdk, client } = await clientsAt(gone.url).get('dms', 'once');
    await client.send(new sdk.StopReplicationTaskCommand({ ReplicationTaskArn: 'arn' })).catch((error: unknown) => {
      throw awsFault(error, { service: 'DMS', operation: 'StopReplicationTask', mutates: true });
    });
  });
  expect(fault).toMatchObject({ code: 'aws.unreachable', effect: 'none' });
});

it('reading never has an effect, however it fails', async () => {
  for (const answer of ['reset', html, { status: 500, body: '' }, jsonError('AccessDenied')] as const) {
    stub.answer = () => answer;
    const fault = await faultOf(() => createIdentity(clientsAt(stub.url)).whoami());
    expect(fault.effect).toBe('none');
    expect(fault.code).toMatch(/^aws\./);
  }
});

it('never repeats an answer that holds a secret, or a request that does', async () => {
  const secret = 'hunter2-very-secret';
  const broken: readonly Answer[] = [
    { body: `{"Name":"a","SecretString":"${secret}"` },
    { status: 500, body: secret },
    jsonError('InvalidParameterException', `1 validation error detected: Value '${secret}' at 'secretString'`),
    jsonError('AccessDeniedException', secret),
  ];
  for (const answer of broken) {
    stub.answer = (asked) =>
      asked.operation === 'PutSecretValue' || answer === broken[0]
        ? answer
        : { body: JSON.stringify({ SecretString: secret, VersionId: 'v1', Name: 'a' }) };
    const clients = clientsAt(stub.url);
    const faults = [
      await faultOf(() => createSecretStore(clients).copy({ from: 'a', to: 'b', token: 't' })),
      ...(answer === broken[0]
        ? [
            await faultOf(() =>
              createSecrets({ clients, env: {}, baseFolder: '/' }).read({ kind: 'secretsManager', id: 'a' }),
            ),
          ]
        : []),
    ];
    for (const fault of faults) {
      expect(inspect(fault, { depth: 20, showHidden: true })).not.toContain(secret);
      expect(fault).toBeInstanceOf(Fault);
    }
  }
});

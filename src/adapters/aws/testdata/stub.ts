/** A loopback endpoint that answers as a test says, and remembers what it was asked. Points the SDK at itself. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AwsClients, createAwsClients } from '../clients.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** `DescribeReplicationTasks`, from the target header or the form. */
  readonly operation: string;
  readonly body: string;
  readonly accessKeyId: string;
}

export type Answer = { readonly status?: number; readonly body: string } | 'hang' | 'reset';

export interface Stub {
  readonly url: string;
  readonly asked: readonly Asked[];
  answer: (asked: Asked) => Answer;
  close(): Promise<void>;
}

const readAll = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

export const startStub = async (answer: (asked: Asked) => Answer): Promise<Stub> => {
  const asked: Asked[] = [];
  const stub = { asked, answer, url: '', close: () => Promise.resolve() };
  const server = createServer(async (request, response) => {
    const body = await readAll(request);
    const target = String(request.headers['x-amz-target'] ?? '');
    const one: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      operation: target.split('.').at(-1) || (new URLSearchParams(body).get('Action') ?? ''),
      body,
      accessKeyId: /Credential=([^/]+)\//.exec(String(request.headers.authorization))?.[1] ?? '',
    };
    asked.push(one);
    const given = stub.answer(one);
    if (given === 'hang') return;
    if (given === 'reset') {
      request.socket.destroy();
      return;
    }
    response.writeHead(given.status ?? 200, { 'x-amzn-requestid': 'stub' });
    response.end(given.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return stub;
};

/** The environment a user would have: credentials and one endpoint for all services. */
export const pointSdkAt = (url: string): void => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_ENDPOINT_URL: url,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
};

export const clientsAt = (
  url: string,
  more: { readonly assumeRole?: string; readonly attemptTimeoutMs?: number } = {},
): AwsClients => {
  pointSdkAt(url);
  return createAwsClients({
    region: 'eu-west-1',
    profile: null,
    assumeRole: more.assumeRole ?? null,
    attemptTimeoutMs: more.attemptTimeoutMs ?? 300,
  });
};

export const jsonError = (name: string, message = 'no'): Answer => ({
  status: 400,
  body: JSON.stringify({ __type: name, message }),
});

export const xmlError = (code: string, message = 'no', status = 400): Answer => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
});

/** A few lines that answer GetSecretValue and PutMetricData on loopback, so that the lab's tests need no rehearsal. */
import { createServer } from 'node:http';
import type { AwsConfig } from '../secret.ts';

export interface AwsStub {
  readonly aws: AwsConfig;
  /** Secret id -> JSON text; change it and clients follow. */
  readonly secrets: Record<string, string>;
  /** How often a secret was asked for. */
  reads(): number;
  /** Bodies of PutMetricData, as sent. */
  readonly metrics: { Namespace: string; MetricData: Record<string, unknown>[] }[];
  /** What ListResourceRecordSets answers. */
  zone: string;
  stop(): Promise<void>;
}

export const startAwsStub = async (secrets: Record<string, string>): Promise<AwsStub> => {
  let reads = 0;
  const metrics: AwsStub['metrics'] = [];
  const stub = { zone: '' };
  const { gunzipSync } = await import('node:zlib');
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const raw = Buffer.concat(chunks);
      const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString();
      if (request.method === 'GET') {
        response.setHeader('content-type', 'text/xml');
        return response.end(stub.zone);
      }
      const target = String(request.headers['x-amz-target'] ?? '');
      if (target.endsWith('GetSecretValue')) {
        reads++;
        const { SecretId } = JSON.parse(body);
        const value = secrets[SecretId];
        response.statusCode = value === undefined ? 400 : 200;
        return response.end(
          JSON.stringify(value === undefined ? { __type: 'ResourceNotFoundException' } : { SecretString: value }),
        );
      }
      metrics.push(JSON.parse(body));
      return response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    aws: { endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-1' },
    secrets,
    reads: () => reads,
    metrics,
    get zone() {
      return stub.zone;
    },
    set zone(text: string) {
      stub.zone = text;
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

/** Waits until something holds; rejects at the deadline. */
export const until = async (holds: () => boolean | Promise<boolean>, what: string, ms = 10_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

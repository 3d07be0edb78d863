/** What the rest of the world does to a rehearsal's AWS account in a test: a load balancer's metrics, and somebody else's hand on the weights. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  ChangeResourceRecordSetsCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { type AwsConfig, clientOptions } from '../lab/secret.ts';

export interface Metrics {
  /** The share of requests that fail from now on, 0..1. */
  failing(share: number): void;
  stop(): Promise<void>;
}

/** Some per scaled minute at the rates that tests use. */
const everyMs = 25;

/** Requests and errors of the load balancer that plans/shop.yaml watches. */
export const startMetrics = (aws: AwsConfig): Metrics => {
  const client = new CloudWatchClient(clientOptions(aws));
  let share = 0;
  let ends = false;
  const put = () =>
    client.send(
      new PutMetricDataCommand({
        Namespace: 'AWS/ApplicationELB',
        MetricData: (
          [
            ['RequestCount', 100],
            ['HTTPCode_Target_5XX_Count', 100 * share],
          ] as const
        ).map(([MetricName, Value]) => ({
          MetricName,
          Value,
          Dimensions: [{ Name: 'LoadBalancer', Value: 'app/octank/1' }],
        })),
      }),
    );
  const loop = async (): Promise<void> => {
    while (!ends) {
      await put();
      await sleep(everyMs);
    }
  };
  const running = loop();
  return {
    failing: (next) => {
      share = next;
    },
    stop: async () => {
      ends = true;
      await running;
      client.destroy();
    },
  };
};

/** Weights of a name as Route 53 has them, by set identifier. */
export interface Weights {
  readonly [identifier: string]: number;
}

export const openZone = async (aws: AwsConfig, zone: string) => {
  const client = new Route53Client(clientOptions(aws));
  const { HostedZones = [] } = await client.send(new ListHostedZonesByNameCommand({ DNSName: zone }));
  const HostedZoneId = HostedZones.find((candidate) => candidate.Name === `${zone}.`)?.Id;
  if (!HostedZoneId) throw new Error(`the rehearsal serves no zone ${zone}`);
  const sets = async (name: string) => {
    const { ResourceRecordSets = [] } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId }));
    return ResourceRecordSets.filter((set) => set.Name === `${name}.${zone}.` && set.SetIdentifier !== undefined);
  };
  return {
    weights: async (name: string): Promise<Weights> =>
      Object.fromEntries((await sets(name)).map((set) => [set.SetIdentifier, set.Weight ?? 0])),
    /** As a console would: whoever does this knows nothing of octank. */
    change: async (name: string, weights: Weights): Promise<void> => {
      const Changes = (await sets(name)).map((set) => ({
        Action: 'UPSERT' as const,
        ResourceRecordSet: { ...set, Weight: weights[set.SetIdentifier ?? ''] ?? set.Weight },
      }));
      await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }));
    },
    close: () => client.destroy(),
  };
};

export type Zone = Awaited<ReturnType<typeof openZone>>;

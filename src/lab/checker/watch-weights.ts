/** The weighted pair as Route 53 has it: never 0/0, never half a pair, one TTL. */
import type { Route53Client } from '@aws-sdk/client-route-53';
import { type AwsConfig, clientOptions } from '../secret.ts';
import type { Report } from './violation.ts';

export interface WatchedRecord {
  readonly zone: string;
  /** Without the zone. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  /** Set identifiers of the pair. */
  readonly source: string;
  readonly target: string;
}

export interface Weights {
  readonly source: number;
  readonly target: number;
}

export interface WeightsWatch {
  /** Null when Route 53 could not be asked, or the pair is not whole (which is then reported). */
  look(record: WatchedRecord): Promise<Weights | null>;
  close(): void;
}

const sameName = (a: string, b: string): boolean => a.replace(/\.$/, '').toLowerCase() === b.toLowerCase();

export const createWeightsWatch = (aws: AwsConfig, report: Report): WeightsWatch => {
  let client: Route53Client | undefined;
  const zones = new Map<string, string>();

  const zoneId = async (name: string): Promise<string | undefined> => {
    const known = zones.get(name);
    if (known || !client) return known;
    const { ListHostedZonesByNameCommand } = await import('@aws-sdk/client-route-53');
    const { HostedZones = [] } = await client.send(new ListHostedZonesByNameCommand({ DNSName: name }));
    const id = HostedZones.find((zone) => sameName(zone.Name ?? '', name))?.Id;
    if (id) zones.set(name, id);
    return id;
  };

  const read = async (record: WatchedRecord) => {
    const { Route53Client: Client, ListResourceRecordSetsCommand } = await import('@aws-sdk/client-route-53');
    client ??= new Client({ ...clientOptions(aws), maxAttempts: 1, requestHandler: { requestTimeout: 2000 } });
    const HostedZoneId = await zoneId(record.zone);
    if (!HostedZoneId) return [];
    const full = `${record.name}.${record.zone}`;
    const { ResourceRecordSets = [] } = await client.send(
      new ListResourceRecordSetsCommand({ HostedZoneId, StartRecordName: full, StartRecordType: record.type }),
    );
    return ResourceRecordSets.filter((set) => set.Type === record.type && sameName(set.Name ?? '', full));
  };

  return {
    look: async (record) => {
      // A throttled or cut answer is no evidence of anything; the next look comes soon.
      const sets = await read(record).catch(() => null);
      if (sets === null) return null;
      const name = `${record.name}.${record.zone} ${record.type}`;
      const source = sets.find((set) => set.SetIdentifier === record.source);
      const target = sets.find((set) => set.SetIdentifier === record.target);
      if (!source || !target || sets.length !== 2 || source.Weight === undefined || target.Weight === undefined) {
        report(
          'weights-undefined',
          `${name} has ${sets.map((set) => set.SetIdentifier ?? 'simple').join(', ') || 'no record'}`,
        );
        return null;
      }
      if (source.Weight + target.Weight === 0)
        report('weights-zero', `${name} is 0/0: half of the lookups each, whatever was meant`);
      if (source.TTL !== target.TTL) report('weights-ttl', `${name} has TTLs ${source.TTL} and ${target.TTL}`);
      return { source: source.Weight, target: target.Weight };
    },
    close: () => client?.destroy(),
  };
};

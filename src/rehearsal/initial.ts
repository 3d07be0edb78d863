/** What a rehearsal's config says is there from the start; made at the first start only, so that a restart does not undo what happened since. */
import type { RehearsalConfig } from './config.ts';
import type { CloudWatch } from './services/cloudwatch/index.ts';
import type { Route53 } from './services/route53/index.ts';
import { normalName, type RecordSet } from './services/route53/records.ts';
import type { SecretsManager } from './services/secrets-manager/index.ts';
import type { Sns } from './services/sns.ts';

type ZoneConfig = RehearsalConfig['zones'][number];

const recordOf = (record: ZoneConfig['records'][number], zone: string): RecordSet => {
  const name = normalName(record.name);
  const isInside = name === normalName(zone) || name.endsWith(`.${normalName(zone)}`);
  return {
    name: isInside ? name : `${name}${normalName(zone)}`,
    type: record.type,
    ttlSeconds: record.ttl,
    values: record.values,
    ...(record.setIdentifier === undefined ? {} : { setIdentifier: record.setIdentifier }),
    ...(record.weight === undefined ? {} : { weight: record.weight }),
  };
};

const makeZones = async (route53: Route53, zones: RehearsalConfig['zones']): Promise<void> => {
  for (const { name, records } of zones) {
    if (route53.zones.list().some((zone) => zone.name === normalName(name))) continue;
    await route53.zones.create({
      name,
      callerReference: 'octank-rehearsal',
      records: records.map((record) => recordOf(record, name)),
    });
  }
};

const copyMark = '@secret:';

const makeSecrets = async (secrets: SecretsManager, wanted: RehearsalConfig['secrets']): Promise<void> => {
  for (const [name, given] of Object.entries(wanted)) {
    if (secrets.secret(name) !== undefined) continue;
    const text = given.startsWith(copyMark) ? secrets.secret(given.slice(copyMark.length)) : given;
    if (text === undefined)
      throw new Error(`the secret ${name} copies ${given.slice(copyMark.length)}, which is not there`);
    await secrets.putSecret(name, text);
  }
};

const makeAlarms = async (cloudWatch: CloudWatch, alarms: RehearsalConfig['alarms']): Promise<void> => {
  for (const alarm of alarms) {
    if (cloudWatch.alarms.get(alarm.name)) continue;
    const asSent = {
      Namespace: alarm.namespace,
      MetricName: alarm.metric,
      Dimensions: Object.entries(alarm.dimensions).map(([Name, Value]) => ({ Name, Value })),
      Statistic: alarm.statistic,
      Period: alarm.periodSeconds,
    };
    const { namespace, metric, dimensions, statistic, periodSeconds } = alarm;
    await cloudWatch.alarms.put({
      kind: 'metric',
      name: alarm.name,
      description: undefined,
      actionsEnabled: true,
      actions: { OK: [], ALARM: [], INSUFFICIENT_DATA: [] },
      queries: [
        {
          id: 'm1',
          label: undefined,
          returnData: true,
          source: { kind: 'metric', stat: { namespace, name: metric, dimensions, statistic, periodSeconds } },
        },
      ],
      periodSeconds,
      evaluationPeriods: alarm.evaluationPeriods,
      datapointsToAlarm: alarm.datapointsToAlarm,
      threshold: alarm.threshold,
      comparison: alarm.comparison,
      missingData: alarm.treatMissingData,
      asSent,
    });
  }
};

export const makeInitial = async (
  config: RehearsalConfig,
  services: {
    readonly route53: Route53;
    readonly secrets: SecretsManager;
    readonly sns: Sns;
    readonly cloudWatch: CloudWatch;
  },
): Promise<void> => {
  await makeSecrets(services.secrets, config.secrets);
  await makeZones(services.route53, config.zones);
  for (const topic of config.topics) await services.sns.createTopic(topic.split(':').at(-1) ?? topic);
  await makeAlarms(services.cloudWatch, config.alarms);
};

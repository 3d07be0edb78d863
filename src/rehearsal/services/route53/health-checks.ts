/** Health checks: kept, and healthy until somebody or some alarm says otherwise. behaviour.md R10. */
import { randomUUID } from 'node:crypto';
import { type RehearsalClock, ServiceError, type Store } from '../../service.ts';
import { childOf, childrenOf, renderXml, textOf, type XmlElement } from '../../wire/xml.ts';
import { decodeBody, invalidInput } from './xml.ts';

export type AlarmData = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA' | undefined;

interface HealthCheck {
  readonly id: string;
  readonly callerReference: string;
  version: number;
  /** The HealthCheckConfig as it came, for answers. */
  configXml: string;
  readonly type: string;
  readonly alarmName?: string;
  readonly insufficientData: 'Healthy' | 'Unhealthy' | 'LastKnownStatus';
  readonly children: readonly string[];
  readonly threshold: number;
  inverted: boolean;
  disabled: boolean;
  /** What the lab, or the alarm's last clear answer, says. */
  isUp: boolean;
  changedAt: number;
}

export interface HealthChecks {
  isHealthy(id: string): boolean;
  /** False when there is no such check. */
  setUp(id: string, isUp: boolean): Promise<boolean>;
  create(body: string): Promise<{ readonly created: boolean; readonly id: string; readonly xml: string }>;
  update(id: string, body: string): Promise<string>;
  get(id: string): string;
  list(): string;
  statusXml(id: string): string;
  remove(id: string): Promise<void>;
}

const types = ['HTTP', 'HTTPS', 'HTTP_STR_MATCH', 'HTTPS_STR_MATCH', 'TCP', 'CALCULATED', 'CLOUDWATCH_METRIC'];
const checkerRegions = ['us-east-1', 'us-west-2', 'eu-west-1'];

const rawXml = (element: XmlElement): string =>
  element.children.length > 0
    ? `<${element.name}>${element.children.map(rawXml).join('')}</${element.name}>`
    : renderXml(element.name, element.text);

const decodeConfig = (
  config: XmlElement | undefined,
): Pick<
  HealthCheck,
  'type' | 'alarmName' | 'insufficientData' | 'children' | 'threshold' | 'inverted' | 'disabled' | 'configXml'
> => {
  const type = textOf(config, 'Type') ?? '';
  if (!config || !types.includes(type))
    throw invalidInput(`The health check type ${type || '(none)'} is not served by the embedded AWS.`);
  const alarmName = textOf(childOf(config, 'AlarmIdentifier'), 'Name');
  if (type === 'CLOUDWATCH_METRIC' && !alarmName)
    throw invalidInput('AlarmIdentifier is required for CLOUDWATCH_METRIC');
  const insufficient = textOf(config, 'InsufficientDataHealthStatus');
  return {
    type,
    ...(alarmName ? { alarmName } : {}),
    insufficientData: insufficient === 'Healthy' || insufficient === 'Unhealthy' ? insufficient : 'LastKnownStatus',
    children: childrenOf(config, 'ChildHealthChecks', 'ChildHealthCheck').map((child) => child.text),
    threshold: Number(textOf(config, 'HealthThreshold') ?? 1),
    inverted: textOf(config, 'Inverted') === 'true',
    disabled: textOf(config, 'Disabled') === 'true',
    configXml: rawXml(config),
  };
};

export const createHealthChecks = async (options: {
  readonly clock: RehearsalClock;
  readonly store: Store;
  /** The state that an alarm's data give, by name. */
  readonly alarmData: (name: string) => AlarmData;
}): Promise<HealthChecks> => {
  const { clock, store, alarmData } = options;
  const checks = (await store.load<Record<string, HealthCheck>>('route53-health-checks')) ?? {};
  const save = (): Promise<void> => store.save('route53-health-checks', checks);

  const require = (id: string): HealthCheck => {
    const check = Object.hasOwn(checks, id) ? checks[id] : undefined;
    if (!check)
      throw new ServiceError('NoSuchHealthCheck', `A health check with id ${id} does not exist.`, { status: 404 });
    return check;
  };

  const byAlarm = (check: HealthCheck): boolean => {
    const data = alarmData(check.alarmName ?? '');
    if (data === 'OK' || data === 'ALARM') check.isUp = data === 'OK';
    else if (check.insufficientData !== 'LastKnownStatus') return check.insufficientData === 'Healthy';
    return check.isUp;
  };

  const isHealthy = (id: string, depth = 0): boolean => {
    const check = Object.hasOwn(checks, id) ? checks[id] : undefined;
    // A disabled check, and one that is gone, count as healthy.
    if (!check || depth > 5) return true;
    const raw = check.disabled
      ? true
      : check.type === 'CLOUDWATCH_METRIC'
        ? byAlarm(check)
        : check.type === 'CALCULATED'
          ? check.children.filter((child) => isHealthy(child, depth + 1)).length >= check.threshold
          : check.isUp;
    return check.inverted ? !raw : raw;
  };

  const xmlOf = (check: HealthCheck): string =>
    `<HealthCheck>${renderXml('Id', check.id)}${renderXml('CallerReference', check.callerReference)}${check.configXml}${renderXml('HealthCheckVersion', check.version)}</HealthCheck>`;

  return {
    isHealthy: (id) => isHealthy(id),
    setUp: async (id, isUp) => {
      if (!Object.hasOwn(checks, id)) return false;
      const check = require(id);
      check.isUp = isUp;
      check.changedAt = clock.now();
      await save();
      return true;
    },
    create: async (body) => {
      const request = decodeBody(body, 'CreateHealthCheckRequest');
      const callerReference = textOf(request, 'CallerReference') ?? '';
      if (!callerReference) throw invalidInput('CallerReference is required');
      const config = decodeConfig(childOf(request, 'HealthCheckConfig'));
      const existing = Object.values(checks).find((check) => check.callerReference === callerReference);
      if (existing) {
        if (existing.configXml === config.configXml) return { created: false, id: existing.id, xml: xmlOf(existing) };
        throw new ServiceError(
          'HealthCheckAlreadyExists',
          'A health check with this caller reference and other settings exists.',
          { status: 409 },
        );
      }
      const check: HealthCheck = {
        id: randomUUID(),
        callerReference,
        version: 1,
        isUp: true,
        changedAt: clock.now(),
        ...config,
      };
      checks[check.id] = check;
      await save();
      return { created: true, id: check.id, xml: xmlOf(check) };
    },
    update: async (id, body) => {
      const check = require(id);
      const request = decodeBody(body, 'UpdateHealthCheckRequest');
      const asked = textOf(request, 'HealthCheckVersion');
      if (asked !== undefined && Number(asked) !== check.version)
        throw new ServiceError('HealthCheckVersionMismatch', 'The version of the health check does not match.', {
          status: 409,
        });
      for (const flag of ['Inverted', 'Disabled'] as const) {
        const value = textOf(request, flag);
        if (value === undefined) continue;
        if (flag === 'Inverted') check.inverted = value === 'true';
        else check.disabled = value === 'true';
        const rest = check.configXml.replace(new RegExp(`<${flag}>[^<]*</${flag}>`), '');
        check.configXml = rest.replace('</HealthCheckConfig>', `${renderXml(flag, value)}</HealthCheckConfig>`);
      }
      check.version += 1;
      await save();
      return xmlOf(check);
    },
    get: (id) => xmlOf(require(id)),
    list: () => Object.values(checks).map(xmlOf).join(''),
    statusXml: (id) => {
      const check = require(id);
      const status = isHealthy(id)
        ? 'Success: HTTP Status Code 200, OK'
        : 'Failure: The health checker could not establish a connection.';
      return renderXml(
        'HealthCheckObservations',
        checkerRegions.map((Region, index) => ({
          Region,
          IPAddress: `192.0.2.${index + 1}`,
          StatusReport: { Status: status, CheckedTime: new Date(Math.max(check.changedAt, clock.now())).toISOString() },
        })),
        'HealthCheckObservation',
      );
    },
    remove: async (id) => {
      require(id);
      delete checks[id];
      await save();
    },
  };
};

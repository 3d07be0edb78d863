/** The health port: gates are sampled by the source of their kind. A new kind is a file and a line here. */
import type { RequestMetric } from '../../model/plan.ts';
import type { Health } from '../../ports/health.ts';
import { closedPeriods } from '../aws/cloudwatch.ts';
import { alarmSource } from './alarm.ts';
import { cloudWatchSource } from './cloudwatch.ts';
import { sessionsSource } from './sessions.ts';
import { failed, type HealthServices, type HealthSource } from './source.ts';

export const healthSources: readonly HealthSource[] = [cloudWatchSource, alarmSource, sessionsSource];

/** Resolution of request counts; both ends are summed over the same closed minutes. */
const requestPeriodSeconds = 60;

export const createHealth = (services: Omit<HealthServices, 'looks'>): Health => {
  const all: HealthServices = { ...services, looks: new Map() };
  return {
    sample: async (gate, window) => {
      const source = healthSources.find(({ kind }) => kind === gate.kind);
      return source ? source.sample(gate, window, all) : failed(`This octank knows no gates of kind ${gate.kind}.`);
    },
    requests: async (metric: RequestMetric, { since, until }) => {
      const { counted } = await services.metrics.series({
        queries: { counted: { ...metric, stat: 'Sum' } },
        periodSeconds: requestPeriodSeconds,
        ...closedPeriods({ since, until }, requestPeriodSeconds),
      });
      return counted === undefined || counted.length === 0 ? null : counted.reduce((sum, { value }) => sum + value, 0);
    },
  };
};

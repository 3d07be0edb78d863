/** A whole plan as text, and the same with a part of it changed: what most tests of this room start from. */
import { assert } from '../../model/fault.ts';
import type { Plan } from '../../model/plan.ts';
import { decodePlan, readPlan } from '../decode.ts';
import { testCatalog } from './catalog.ts';

export const planText = `apiVersion: octank/v1
name: octank-shop
aws: { region: eu-west-1 }
databases:
  monolith: { engine: postgres, connection: { secretsManager: octank/monolith } }
  accounts: { engine: aurora-postgresql, connection: { secretsManager: octank/accounts } }
  orders: { engine: aurora-postgresql, connection: { secretsManager: octank/orders } }
waves:
  - name: shop
    source: monolith
    target: accounts
    tables: { include: [shop.*] }
    replication: { instance: octank-dms }
    cutover:
      downtimeBudget: 30s
      repoint: [{ secretsManager: octank/shop-db }]
      gates: [app-sessions]
traffic:
  - record: { zone: octank.com, name: www, ttl: 60 }
    source: { id: on-premises, value: 203.0.113.10 }
    target: { id: cloud, value: 198.51.100.20 }
    after: [shop]
    ladder: [{ share: 25, bake: 15m }, { share: 50, bake: 15m }, { share: 75, bake: 15m }, { share: 100, bake: 1h }]
    gates: [http-errors]
    measure:
      source: { namespace: Octank/OnPremises, metric: RequestCount }
      target: { namespace: AWS/ApplicationELB, metric: RequestCount }
gates:
  - name: http-errors
    cloudwatch:
      expression: FILL(m5xx,0)/mreq
      metrics:
        m5xx: { namespace: AWS/ApplicationELB, metric: HTTPCode_Target_5XX_Count }
        mreq: { namespace: AWS/ApplicationELB, metric: RequestCount }
    failWhen: "> 0.01"
    minRequests: 300
  - { name: app-sessions, sessions: { database: accounts, role: shop_app }, failWhen: "< 1" }
approvals: [cutover]
`;

/** Each replacement must find its text: a test that changed nothing would pass for the wrong reason. */
export const planWith = (...replacements: readonly (readonly [from: string, to: string])[]): string =>
  replacements.reduce((text, [from, to]) => {
    assert(text.includes(from), `the plan of the tests has: ${from}`);
    return text.replace(from, () => to);
  }, planText);

const options = { file: 'shop.yaml', catalog: testCatalog };

export const decode = (text: string) => decodePlan(text, options);
export const read = (text: string) => readPlan(text, options);

export const planOf = (text: string): Plan => {
  const { plan, diagnostics } = decode(text);
  assert(
    plan !== null,
    `the plan decodes: ${diagnostics.map((d) => `${d.range?.line} ${d.code} ${d.detail}`).join('; ')}`,
  );
  return plan;
};

/** The three protocols of the services served here: how a call is named, performed and answered, and how an error looks in each. */
import { type Call, type RestRequest, type Service, ServiceError } from '../service.ts';
import { escapeXml, renderXml, type XmlValue } from './xml.ts';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly target: string;
  readonly body: Buffer;
}

export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A call that is understood, not yet performed: throttling and faults need its name first. */
export interface Prepared {
  readonly operation: string;
  perform(call: Call): Promise<WireAnswer>;
}

const jsonType = (service: Service): string =>
  service.protocol === 'json-1.0' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';

const decodeJson = (body: Buffer): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(body.toString('utf8') || '{}');
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Falls through: what is no object is refused as what is no JSON.
  }
  throw new ServiceError('SerializationException', 'The request body could not be deserialized');
};

/** Route 53's operations have no name on the wire; throttling and faults know them by AWS's names. */
const restOperations: readonly [method: string, path: RegExp, operation: string][] = [
  ['POST', /^\/hostedzone\/[^/]+\/rrset\/?$/, 'ChangeResourceRecordSets'],
  ['GET', /^\/hostedzone\/[^/]+\/rrset$/, 'ListResourceRecordSets'],
  ['GET', /^\/change\/[^/]+$/, 'GetChange'],
  ['GET', /^\/hostedzonesbyname$/, 'ListHostedZonesByName'],
  ['GET', /^\/hostedzonecount$/, 'GetHostedZoneCount'],
  ['GET', /^\/hostedzone$/, 'ListHostedZones'],
  ['POST', /^\/hostedzone$/, 'CreateHostedZone'],
  ['GET', /^\/hostedzone\/[^/]+$/, 'GetHostedZone'],
  ['GET', /^\/testdnsanswer$/, 'TestDNSAnswer'],
  ['GET', /^\/healthcheck\/[^/]+\/status$/, 'GetHealthCheckStatus'],
  ['POST', /^\/healthcheck$/, 'CreateHealthCheck'],
  ['GET', /^\/healthcheck$/, 'ListHealthChecks'],
  ['POST', /^\/healthcheck\/[^/]+$/, 'UpdateHealthCheck'],
  ['GET', /^\/healthcheck\/[^/]+$/, 'GetHealthCheck'],
  ['DELETE', /^\/healthcheck\/[^/]+$/, 'DeleteHealthCheck'],
];

export const restOperation = (method: string, path: string): string => {
  const bare = path.replace(/^\/2013-04-01/, '');
  return restOperations.find(([verb, pattern]) => verb === method && pattern.test(bare))?.[2] ?? '';
};

const queryAnswer = (operation: string, version: string, call: Call, result: object): string => {
  const inner = Object.entries(result as Record<string, XmlValue>)
    .map(([name, value]) => renderXml(name, value))
    .join('');
  return `<${operation}Response xmlns="https://amazonaws.com/doc/${version}/"><${operation}Result>${inner}</${operation}Result><ResponseMetadata><RequestId>${call.requestId}</RequestId></ResponseMetadata></${operation}Response>`;
};

/** Throws the protocol's own error for an operation that is not there. */
export const prepare = (service: Service, request: WireRequest): Prepared => {
  switch (service.protocol) {
    case 'json-1.0':
    case 'json-1.1': {
      const operation = request.target.split('.')[1] ?? '';
      const perform = Object.hasOwn(service.operations, operation) ? service.operations[operation] : undefined;
      if (!perform || !request.target.startsWith(`${service.targetPrefix}.`))
        throw new ServiceError('UnknownOperationException', `The operation ${operation} is not served here.`);
      return {
        operation,
        perform: async (call) => ({
          status: 200,
          contentType: jsonType(service),
          body: JSON.stringify(await perform(decodeJson(request.body), call)),
        }),
      };
    }
    case 'query': {
      const form = new URLSearchParams(request.method === 'GET' ? request.query : request.body.toString('utf8'));
      const operation = form.get('Action') ?? '';
      const perform = Object.hasOwn(service.operations, operation) ? service.operations[operation] : undefined;
      if (!perform || form.get('Version') !== service.version)
        throw new ServiceError(
          'InvalidAction',
          `Could not find operation ${operation} for version ${form.get('Version') ?? ''}`,
        );
      return {
        operation,
        perform: async (call) => ({
          status: 200,
          contentType: 'text/xml',
          body: queryAnswer(operation, service.version, call, await perform(Object.fromEntries(form), call)),
        }),
      };
    }
    case 'rest-xml': {
      const rest: RestRequest = {
        method: request.method,
        path: request.path,
        query: request.query,
        body: request.body.toString('utf8'),
      };
      return {
        operation: restOperation(request.method, request.path),
        perform: async (call) => {
          const { status, xml, headers } = await service.handle(rest, call);
          return { status, contentType: 'text/xml', body: xml, ...(headers ? { headers } : {}) };
        },
      };
    }
  }
};

/** An error in the form of the service's protocol; without a service, as JSON. */
export const errorAnswer = (service: Service | undefined, error: ServiceError, requestId: string): WireAnswer => {
  const type = error.status >= 500 ? 'Receiver' : 'Sender';
  if (service?.protocol === 'query' || service?.protocol === 'rest-xml')
    return {
      status: error.status,
      contentType: 'text/xml',
      body: `<?xml version="1.0"?>\n<ErrorResponse><Error><Type>${type}</Type><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    };
  const queryCode = error.members.queryCode;
  const { queryCode: _, ...members } = error.members;
  return {
    status: error.status,
    contentType: service ? jsonType(service) : 'application/x-amz-json-1.1',
    body: JSON.stringify({ __type: error.code, message: error.message, ...members }),
    ...(service?.scope === 'monitoring'
      ? { headers: { 'x-amzn-query-error': `${typeof queryCode === 'string' ? queryCode : error.code};${type}` } }
      : {}),
  };
};

/** `prefix.member.1`, `prefix.member.2`, ... of a query form. */
export const memberList = (form: Readonly<Record<string, string>>, prefix: string): readonly string[] => {
  const found: string[] = [];
  for (let index = 1; ; index += 1) {
    const value = form[`${prefix}.member.${index}`];
    if (value === undefined) return found;
    found.push(value);
  }
};

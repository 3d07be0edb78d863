/** What a service of the embedded AWS is, and what it is given: the one contract between the wire and the services. */

/** The clock of the rehearsal: `now` runs `rate` times as fast as the wall from `originMs` on, so that AWS stamps and expires as octank's clock does. */
export interface RehearsalClock {
  readonly rate: number;
  readonly originMs: number;
  /** Scaled time, epoch milliseconds. */
  now(): number;
  /** Waits scaled milliseconds. */
  sleep(scaledMs: number, signal?: AbortSignal): Promise<void>;
}

/** Durable state of one service; `save` is atomic (write aside, fsync, rename) and serialised. */
export interface Store {
  load<T>(name: string): Promise<T | undefined>;
  save(name: string, value: unknown): Promise<void>;
}

export interface Call {
  /** From the SigV4 credential scope, or us-east-1 where unsigned. */
  readonly region: string;
  readonly accessKeyId: string;
  readonly requestId: string;
}

/** Thrown by an operation; the wire renders it in its protocol. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, options: { status?: number; members?: Record<string, unknown> } = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? 400;
    this.members = options.members ?? {};
  }
}

export type JsonInput = Readonly<Record<string, unknown>>;

/** awsJson1_0 / awsJson1_1: `x-amz-target: <targetPrefix>.<Operation>`. */
export interface JsonService {
  readonly protocol: 'json-1.0' | 'json-1.1';
  /** SigV4 service name, such as `dms`. */
  readonly scope: string;
  readonly targetPrefix: string;
  readonly operations: Readonly<Record<string, (input: JsonInput, call: Call) => Promise<object>>>;
}

/** awsQuery: form body with Action and Version. Results are rendered as XML: arrays become `<member>` lists. */
export interface QueryService {
  readonly protocol: 'query';
  readonly scope: string;
  readonly version: string;
  readonly operations: Readonly<
    Record<string, (input: Readonly<Record<string, string>>, call: Call) => Promise<object>>
  >;
}

export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** restXml (Route 53): the service answers with XML text itself. */
export interface RestXmlService {
  readonly protocol: 'rest-xml';
  readonly scope: string;
  handle(request: RestRequest, call: Call): Promise<{ status: number; xml: string; headers?: Record<string, string> }>;
}

export type Service = JsonService | QueryService | RestXmlService;

/** What services may ask of each other, inside one rehearsal. */
export interface Neighbours {
  /** Current secret string by name or ARN; undefined when absent. */
  secret(nameOrArn: string): string | undefined;
  /** Makes the text current under that name, durably; a secret that has it already is left as it is. For what the rehearsal itself sets up. */
  putSecret(name: string, text: string): Promise<void>;
  /** Stores a datum as CloudWatch would receive it from another service. `at` is scaled epoch ms. */
  putMetric(datum: {
    namespace: string;
    name: string;
    dimensions: Readonly<Record<string, string>>;
    value: number;
    unit?: string;
    at: number;
  }): void;
}

export interface ServiceContext {
  readonly accountId: string;
  readonly region: string;
  readonly clock: RehearsalClock;
  readonly store: Store;
  readonly neighbours: Neighbours;
  /** One line to the rehearsal's log file. */
  log(line: string): void;
}

/** What `POST /_octank/faults` hands to the service it names when the wire does not know the kind itself. */
export interface InjectedFault {
  readonly service: string;
  readonly kind: string;
  /** What it hits, in the service's own words: a task identifier, a record. */
  readonly target?: string;
  readonly seconds?: number;
}

/** A running service: what the wire serves, and how it stops (state saved, connections closed). */
export interface RunningService {
  readonly service: Service;
  /** False: this service has no such fault. */
  inject?(fault: InjectedFault): Promise<boolean>;
  stop(): Promise<void>;
}

/** Reads requests and renders faults as AWS does: typed fields, filters, pages. */
import { type JsonInput, ServiceError } from '../service.ts';

export const notFound = (message: string): ServiceError => new ServiceError('ResourceNotFoundFault', message);
export const alreadyExists = (message: string): ServiceError => new ServiceError('ResourceAlreadyExistsFault', message);
export const invalidState = (message: string): ServiceError => new ServiceError('InvalidResourceStateFault', message);
export const invalidCombination = (message: string): ServiceError =>
  new ServiceError('InvalidParameterCombinationException', message);
export const invalidValue = (message: string): ServiceError =>
  new ServiceError('InvalidParameterValueException', message);

export const optionalText = (input: JsonInput, name: string): string | null => {
  const value = input[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalidValue(`${name} must be a string`);
  return value;
};

export const text = (input: JsonInput, name: string): string => {
  const value = optionalText(input, name);
  if (value === null || value === '')
    throw new ServiceError('ValidationException', `1 validation error detected: ${name} must not be null`);
  return value;
};

export const optionalNumber = (input: JsonInput, name: string): number | null => {
  const value = input[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number') throw invalidValue(`${name} must be a number`);
  return value;
};

export const record = (input: JsonInput, name: string): Readonly<Record<string, unknown>> => {
  const value = input[name];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalidValue(`${name} must be a structure`);
  return value as Readonly<Record<string, unknown>>;
};

export const list = (input: JsonInput, name: string): readonly unknown[] => {
  const value = input[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidValue(`${name} must be a list`);
  return value;
};

export const oneOf = <T extends string>(input: JsonInput, name: string, words: readonly T[]): T => {
  const given = text(input, name).toLowerCase();
  const word = words.find((candidate) => candidate === given);
  if (word === undefined) throw invalidValue(`${name} must be one of ${words.join(', ')}`);
  return word;
};

/** AWS keeps identifiers in lower case. */
export const identifier = (input: JsonInput, name: string): string => {
  const value = text(input, name).toLowerCase();
  if (!/^[a-z][a-z0-9-]{0,254}$/.test(value) || value.includes('--') || value.endsWith('-'))
    throw invalidValue(
      `The parameter ${name} must be provided and must not contain two consecutive hyphens, must begin with a letter and must contain only ASCII letters, digits and hyphens`,
    );
  return value;
};

export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
}

export const filtersOf = (input: JsonInput, known: readonly string[]): readonly Filter[] =>
  list(input, 'Filters').map((given) => {
    const { Name, Values } = given as { Name?: unknown; Values?: unknown };
    if (typeof Name !== 'string' || !Array.isArray(Values)) throw invalidValue('A filter needs Name and Values');
    if (!known.includes(Name)) throw invalidValue(`Unrecognized filter name: ${Name}`);
    return { name: Name, values: Values.map(String) };
  });

export const matching = <T>(
  items: readonly T[],
  filters: readonly Filter[],
  field: (item: T, name: string) => string,
): readonly T[] =>
  items.filter((item) => filters.every((filter) => filter.values.some((value) => field(item, filter.name) === value)));

/** One page; the marker is the number of items already given. */
export const page = <T>(
  input: JsonInput,
  items: readonly T[],
  limits: { readonly max: number } = { max: 100 },
): { readonly items: readonly T[]; readonly marker: { Marker?: string } } => {
  const size = optionalNumber(input, 'MaxRecords') ?? 100;
  if (size < 20 || size > limits.max) throw invalidValue(`MaxRecords must be between 20 and ${limits.max}`);
  const marker = optionalText(input, 'Marker');
  const from = marker === null || marker === '' ? 0 : Number(marker);
  if (!Number.isInteger(from) || from < 0) throw invalidValue('Invalid Marker');
  const end = from + size;
  return { items: items.slice(from, end), marker: end < items.length ? { Marker: String(end) } : {} };
};

/** Epoch seconds with a fraction, as the JSON protocol wants. */
export const seconds = (epochMs: number | null): number | undefined => (epochMs === null ? undefined : epochMs / 1000);

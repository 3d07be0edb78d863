/** Reading the loosely typed input of JSON services: what is absent or of another type is refused in AWS's words. */
import { type JsonInput, ServiceError } from '../service.ts';

const invalid = (message: string): ServiceError => new ServiceError('ValidationException', message);

export const optionalText = (input: JsonInput, name: string): string | undefined => {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new ServiceError('SerializationException', `${name} is not a string`);
  return value;
};

export const text = (input: JsonInput, name: string): string => {
  const value = optionalText(input, name);
  if (value === undefined)
    throw invalid(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
};

export const optionalNumber = (input: JsonInput, name: string): number | undefined => {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw new ServiceError('SerializationException', `${name} is not a number`);
  return value;
};

export const optionalFlag = (input: JsonInput, name: string): boolean | undefined => {
  const value = input[name];
  return typeof value === 'boolean' ? value : undefined;
};

const isObject = (value: unknown): value is JsonInput =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const optionalObject = (input: JsonInput, name: string): JsonInput | undefined => {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new ServiceError('SerializationException', `${name} is not a structure`);
  return value;
};

export const objects = (input: JsonInput, name: string): readonly JsonInput[] => {
  const value = input[name] ?? [];
  if (!Array.isArray(value) || !value.every(isObject))
    throw new ServiceError('SerializationException', `${name} is not a list of structures`);
  return value;
};

export const texts = (input: JsonInput, name: string): readonly string[] => {
  const value = input[name] ?? [];
  if (!Array.isArray(value) || !value.every((one): one is string => typeof one === 'string'))
    throw new ServiceError('SerializationException', `${name} is not a list of strings`);
  return value;
};

export const numbers = (input: JsonInput, name: string): readonly number[] => {
  const value = input[name] ?? [];
  if (!Array.isArray(value) || !value.every((one): one is number => typeof one === 'number'))
    throw new ServiceError('SerializationException', `${name} is not a list of numbers`);
  return value;
};

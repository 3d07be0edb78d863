/** Ports as one process holds them: when it is dead nothing it calls happens or answers any more, and a call can be made to fail before or after its effect. */

export interface Life {
  isAlive: boolean;
  /** Every call, by its path such as `traffic.swap`. What it throws is what the caller gets; `after`: the effect has happened. */
  onCall?: (path: string, when: 'before' | 'after') => void;
}

/** Reads that a dead process may make without harm, and whose callers expect no promise. */
const plain: readonly string[] = ['now', 'compare', 'controlTables', 'canaryTable', 'tailSeconds'];

type Callable = (...input: unknown[]) => unknown;

const hasMethods = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.values(value).some((part) => typeof part === 'function');

const never = (): Promise<never> => new Promise(() => undefined);

const isPromise = (value: unknown): value is Promise<unknown> => value instanceof Promise;

/** Wraps an object of functions, what it holds and what it answers. `Ports` in, `Ports` out. */
export const mortal = <T extends object>(ports: T, life: Life): T => {
  const known = new WeakMap<object, object>();

  const call = (path: string, name: string, target: object, method: Callable): Callable => {
    return (...input) => {
      const isPlain = plain.includes(name);
      if (!life.isAlive) return isPlain ? method.apply(target, input) : never();
      if (isPlain) return method.apply(target, input);
      life.onCall?.(path, 'before');
      const answer = method.apply(target, input);
      if (!isPromise(answer)) return wrap(path, answer);
      return answer.then(
        (value) => {
          // The answer arrives at nobody.
          if (!life.isAlive) return never();
          life.onCall?.(path, 'after');
          return life.isAlive ? wrap(path, value) : never();
        },
        (error: unknown) => (life.isAlive ? Promise.reject(error) : never()),
      );
    };
  };

  const wrap = (path: string, value: unknown): unknown => {
    if (!hasMethods(value)) return value;
    const seen = known.get(value);
    if (seen) return seen;
    const proxy = new Proxy(value, {
      get: (target, key) => {
        const part: unknown = Reflect.get(target, key);
        if (typeof key !== 'string') return part;
        const inner = path === '' ? key : `${path}.${key}`;
        if (typeof part === 'function') return call(inner, key, target, part as Callable);
        return wrap(inner, part);
      },
    });
    known.set(value, proxy);
    return proxy;
  };

  return wrap('', ports) as T;
};

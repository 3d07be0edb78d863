/** Faults that the lab asks for on the wire: how the next calls of an operation go wrong. */

export const wireFaultKinds = ['throttle', '5xx', 'timeout-before-effect', 'timeout-after-effect'] as const;
export type WireFaultKind = (typeof wireFaultKinds)[number];

export interface WireFault {
  readonly service: string;
  /** An operation's name, or `*`. */
  readonly operation: string;
  readonly kind: WireFaultKind;
  /** Calls it still hits. */
  readonly count: number;
}

export interface WireFaults {
  add(fault: WireFault): void;
  list(): readonly WireFault[];
  clear(): void;
  /** The fault that this call suffers, used up by one. */
  take(service: string, operation: string): WireFaultKind | undefined;
}

export const createWireFaults = (): WireFaults => {
  let faults: WireFault[] = [];
  return {
    add: (fault) => {
      faults.push(fault);
    },
    list: () => [...faults],
    clear: () => {
      faults = [];
    },
    take: (service, operation) => {
      const index = faults.findIndex(
        (fault) => fault.service === service && (fault.operation === '*' || fault.operation === operation),
      );
      const fault = faults[index];
      if (!fault) return undefined;
      if (fault.count > 1) faults[index] = { ...fault, count: fault.count - 1 };
      else faults.splice(index, 1);
      return fault.kind;
    },
  };
};

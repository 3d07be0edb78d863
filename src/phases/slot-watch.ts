/** Slots hold back the log of a production database: each has a byte budget, and the migration stops before the database does. */
import { exitCodes, Fault } from '../model/fault.ts';
import type { SlotState } from '../ports/change-streams.ts';
import type { Timer } from '../ports/clock.ts';
import type { Database } from '../ports/database.ts';
import type { Measurement } from './contract.ts';

/** Often enough that a budget of gigabytes is not overrun between two looks, seldom enough to cost nothing. */
const lookEverySeconds = 5;
/** From this part of the budget on people are told how long it lasts. */
const warnAt = 0.5;

interface Look {
  readonly at: number;
  readonly retainedBytes: number;
}

export interface SlotJudgement {
  readonly state: 'fine' | 'filling' | 'over' | 'lost';
  /** At the pace between the two looks; null while it does not grow. */
  readonly secondsToFull: number | null;
}

/** Pure: one slot now, against its budget and against how it was before. */
export const judgeSlot = (options: {
  readonly slot: Pick<SlotState, 'retainedBytes' | 'walStatus'>;
  readonly at: number;
  readonly before: Look | undefined;
  readonly budgetBytes: number;
}): SlotJudgement => {
  const { slot, at, before, budgetBytes } = options;
  if (slot.walStatus === 'lost') return { state: 'lost', secondsToFull: 0 };
  const left = budgetBytes - slot.retainedBytes;
  if (left <= 0) return { state: 'over', secondsToFull: 0 };
  const seconds = before ? (at - before.at) / 1000 : 0;
  const pace = before && seconds > 0 ? (slot.retainedBytes - before.retainedBytes) / seconds : 0;
  return {
    state: slot.retainedBytes >= budgetBytes * warnAt ? 'filling' : 'fine',
    secondsToFull: pace > 0 ? Math.round(left / pace) : null,
  };
};

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const faultOf = (slot: SlotState, database: string, state: 'over' | 'lost', budgetBytes: number): Fault =>
  state === 'lost'
    ? new Fault({
        code: 'slot.lost',
        summary: 'The server has thrown away log that a slot still needed.',
        detail: `${slot.name} on ${database}.`,
        hint: 'What reads it has missed changes. Before the cutover: load again. After it: changes cannot flow back any more.',
        exitCode: exitCodes.held,
      })
    : new Fault({
        code: 'slot.over-budget',
        summary: 'A slot holds back more log than the plan allows; the migration stops, so that the database does not.',
        detail: `${slot.name} on ${database} holds ${megabytes(slot.retainedBytes)}, its budget is ${megabytes(budgetBytes)}; it is ${slot.active ? 'being read' : 'not being read'}.`,
        hint: `See why its reader is slow, or raise replication.slotBudget, then apply again. If the disk is nearly full, give the migration up: SELECT pg_drop_replication_slot('${slot.name}') on ${database}.`,
        exitCode: exitCodes.held,
      });

const warningOf = (
  slot: SlotState,
  database: string,
  secondsToFull: number | null,
  budgetBytes: number,
): Measurement => ({
  type: 'diagnostic',
  diagnostic: {
    severity: 'warning',
    code: 'slot.filling',
    summary: 'A slot has used more than half of its byte budget.',
    detail: `${slot.name} on ${database} holds ${megabytes(slot.retainedBytes)} of ${megabytes(budgetBytes)}${
      secondsToFull === null ? '' : `; at this pace it is full in ${Math.round(secondsToFull)} s`
    }.`,
    hint: 'See whether its reader runs and keeps up; octank stops the migration when the budget is spent.',
    range: null,
  },
});

export interface SlotWatchOptions {
  /** Opened with every look, so that a database that is away now may come back. */
  readonly database: () => Promise<Database>;
  readonly name: string;
  readonly isOurs: (slot: SlotState) => boolean;
  readonly budgetBytes: number;
  readonly wall: Timer;
  readonly record: (measurement: Measurement) => Promise<void>;
  /** Called once. */
  readonly onFault: (fault: Fault) => void;
}

export const startSlotWatch = (options: SlotWatchOptions): { stop(): Promise<void> } => {
  const { wall, budgetBytes } = options;
  const stopping = new AbortController();
  const before = new Map<string, Look>();
  const warned = new Set<string>();

  const look = async (): Promise<void> => {
    const slots = await (await options.database()).streams.slots();
    const at = wall.now();
    for (const slot of slots.filter(options.isOurs)) {
      const { state, secondsToFull } = judgeSlot({ slot, at, before: before.get(slot.name), budgetBytes });
      before.set(slot.name, { at, retainedBytes: slot.retainedBytes });
      if (state === 'over' || state === 'lost') {
        stopping.abort();
        options.onFault(faultOf(slot, options.name, state, budgetBytes));
        return;
      }
      if (state === 'fine') warned.delete(slot.name);
      else if (!warned.has(slot.name)) {
        warned.add(slot.name);
        await options.record(warningOf(slot, options.name, secondsToFull, budgetBytes));
      }
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A database that cannot be asked is told of by the step that needs it.
      await look().catch(() => undefined);
      await wall.sleep(lookEverySeconds * 1000, stopping.signal).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

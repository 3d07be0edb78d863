/** All that the service knows, kept in memory and saved whole; progress of each task apart, because it changes each second. */
import { randomBytes } from 'node:crypto';
import type { ServiceContext } from '../service.ts';
import {
  type ConnectionRecord,
  type EndpointRecord,
  emptyProgress,
  type InstanceRecord,
  type SubnetGroupRecord,
  type Tag,
  type TaskProgress,
  type TaskRecord,
} from './records.ts';

interface Saved {
  readonly subnetGroups: readonly SubnetGroupRecord[];
  readonly instances: readonly InstanceRecord[];
  readonly endpoints: readonly EndpointRecord[];
  readonly connections: readonly ConnectionRecord[];
  readonly tasks: readonly TaskRecord[];
  readonly tags: Readonly<Record<string, readonly Tag[]>>;
}

/** Everything a part of the service needs: what is known, when it is, and how long a state takes. */
export interface Room {
  readonly context: ServiceContext;
  readonly subnetGroups: Map<string, SubnetGroupRecord>;
  readonly instances: Map<string, InstanceRecord>;
  readonly endpoints: Map<string, EndpointRecord>;
  readonly connections: Map<string, ConnectionRecord>;
  readonly tasks: Map<string, TaskRecord>;
  readonly progress: Map<string, TaskProgress>;
  readonly tags: Map<string, readonly Tag[]>;
  /** Makes the definitions durable. */
  save(): Promise<void>;
  saveProgress(arn: string): Promise<void>;
  /** Runs `change` after the real time that AWS lets pass; nothing happens once the service has stopped. */
  later(change: () => void | Promise<void>): void;
  /** Ends all that was to happen later. */
  close(): void;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export const newResourceId = (): string =>
  [...randomBytes(26)].map((byte) => alphabet[byte % alphabet.length]).join('');

export const arnOf = (context: ServiceContext, type: 'rep' | 'endpoint' | 'task' | 'subgrp', id: string): string =>
  `arn:aws:dms:${context.region}:${context.accountId}:${type}:${id}`;

export const connectionId = (instanceArn: string, endpointArn: string): string => `${instanceArn} ${endpointArn}`;

const progressName = (arn: string): string => `task-${arn.split(':').at(-1)}`;

const byArn = <T extends { readonly arn: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item) => [item.arn, item]));

/** States take about a second of real time: long enough that nobody can rely on an instant, short enough to wait for. */
const stateMs = { strict: 1000, benchmark: 30 } as const;

export const openRoom = async (context: ServiceContext, kind: 'strict' | 'benchmark'): Promise<Room> => {
  const saved = await context.store.load<Saved>('dms');
  const room = {
    context,
    subnetGroups: new Map(saved?.subnetGroups.map((group) => [group.identifier, group])),
    instances: byArn(saved?.instances ?? []),
    endpoints: byArn(saved?.endpoints ?? []),
    connections: new Map(saved?.connections.map((item) => [connectionId(item.instanceArn, item.endpointArn), item])),
    tasks: byArn(saved?.tasks ?? []),
    progress: new Map<string, TaskProgress>(),
    tags: new Map(Object.entries(saved?.tags ?? {})),
  };
  for (const arn of room.tasks.keys())
    room.progress.set(arn, (await context.store.load<TaskProgress>(progressName(arn))) ?? emptyProgress());
  const timers = new Set<NodeJS.Timeout>();
  let isClosed = false;
  return {
    ...room,
    save: () =>
      context.store.save('dms', {
        subnetGroups: [...room.subnetGroups.values()],
        instances: [...room.instances.values()],
        endpoints: [...room.endpoints.values()],
        connections: [...room.connections.values()],
        tasks: [...room.tasks.values()],
        tags: Object.fromEntries(room.tags),
      } satisfies Saved),
    saveProgress: (arn) => context.store.save(progressName(arn), room.progress.get(arn) ?? emptyProgress()),
    later: (change) => {
      if (isClosed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        Promise.resolve()
          .then(change)
          .catch((error: unknown) => context.log(`dms: ${error instanceof Error ? error.message : String(error)}`));
      }, stateMs[kind]);
      timers.add(timer);
    },
    close: () => {
      isClosed = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
};

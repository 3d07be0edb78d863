/** The embedded AWS's Database Migration Service: the interface of AWS over a data plane that really moves rows. */
import type { JsonInput, JsonService, RunningService, ServiceContext } from '../service.ts';
import { endpointOperations, resumeTests } from './endpoints.ts';
import { instanceOperations, newInstance } from './instances.ts';
import { openRoom } from './registry.ts';
import { createSupervisor } from './supervisor.ts';
import { tagOperations } from './tags.ts';
import { resumeCreations, taskOperations } from './tasks.ts';

export interface DmsContext extends ServiceContext {
  /** Instances that exist already, by identifier. */
  readonly replicationInstances?: readonly string[];
  /** `benchmark` shortens the time that states take; nothing else changes, and reports say so. */
  readonly kind?: 'strict' | 'benchmark';
}

export const createDms = async (context: DmsContext): Promise<RunningService> => {
  const room = await openRoom(context, context.kind ?? 'strict');
  const supervisor = createSupervisor(room);
  for (const identifier of context.replicationInstances ?? [])
    if (![...room.instances.values()].some((item) => item.identifier === identifier)) {
      const instance = newInstance(room, { identifier, status: 'available' });
      room.instances.set(instance.arn, instance);
    }
  await room.save();
  const operations: Record<string, (input: JsonInput) => Promise<object>> = {
    ...instanceOperations(room),
    ...endpointOperations(room),
    ...taskOperations(room, supervisor),
    ...tagOperations(room),
  };
  resumeCreations(room, supervisor);
  await resumeTests(room);
  supervisor.resumeAll();
  const service: JsonService = {
    protocol: 'json-1.1',
    scope: 'dms',
    targetPrefix: 'AmazonDMSv20160101',
    operations,
  };
  return {
    service,
    stop: async () => {
      await supervisor.halt();
      room.close();
      await room.save();
    },
  };
};

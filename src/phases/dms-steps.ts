/** Steps that both directions of replication share: endpoints with their connection tests, and tasks. */
import { exitCodes, Fault } from '../model/fault.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan, Wave } from '../model/plan.ts';
import type { Position } from '../model/position.ts';
import type { EndpointSpec, TaskSpec, TaskState } from '../ports/replication.ts';
import type { Observation, StepContext, StepKind } from './contract.ts';
import { fenceStatusOf } from './fencing.ts';
import { awsName, openWave, slotName } from './wave.ts';

/** forward: source to target. reverse: back, all tables. canary: back, one small table, proves the way before it is needed. */
export type Stream = 'forward' | 'reverse' | 'canary';

export const taskName = (plan: Plan, wave: Wave, stream: Stream): string =>
  awsName('octank', plan.name, wave.name, stream);

const secretOf = (plan: Plan, database: string): string => {
  const spec = plan.databases[database];
  if (spec?.replicationConnection.kind !== 'secretsManager')
    throw new Fault({
      code: 'dms.secret-needed',
      summary: 'DMS reads its connections from Secrets Manager only.',
      detail: database,
      hint: 'Name a secretsManager reference under replicationConnection.',
    });
  return spec.replicationConnection.id;
};

const tagsOf = (context: Pick<StepContext, 'plan' | 'state'>): Readonly<Record<string, string>> => ({
  ...context.plan.aws.tags,
  'octank:lineage': context.state.lineage,
});

export const endpointSpecs = (
  context: StepContext,
  wave: Wave,
  stream: Stream,
): { readonly from: EndpointSpec; readonly to: EndpointSpec } => {
  const { plan } = context;
  const [fromDatabase, toDatabase] = stream === 'forward' ? [wave.source, wave.target] : [wave.target, wave.source];
  const make = (role: 'source' | 'target', database: string, name: Stream): EndpointSpec => ({
    identifier: awsName('octank', plan.name, wave.name, name, role),
    role,
    engine: plan.databases[database]?.engine ?? 'postgres',
    secretId: secretOf(plan, database),
    database: null,
    plugin: role === 'source' ? wave.replication.plugin : null,
    slotName: role === 'source' && stream !== 'forward' ? slotName(plan, wave, stream) : null,
    // Applying as replica keeps the target's own triggers and foreign keys from firing on rows that already obeyed them.
    afterConnect: role === 'target' ? "SET session_replication_role = 'replica'" : null,
    tags: tagsOf(context),
  });
  // The canary writes through the very endpoint that the reverse task will use.
  return {
    from: make('source', fromDatabase, stream),
    to: make('target', toDatabase, stream === 'canary' ? 'reverse' : stream),
  };
};

const requireInstance = async (context: StepContext, wave: Wave): Promise<string> => {
  const instance = await context.ports.replication.instance(wave.replication.instance);
  if (!instance)
    throw new Fault({
      code: 'preflight.instance-missing',
      summary: 'The replication instance does not exist.',
      detail: wave.replication.instance,
    });
  return instance.arn;
};

const observeEndpoint = async (context: StepContext, instanceArn: string, spec: EndpointSpec): Promise<Observation> => {
  const found = await context.ports.replication.findEndpoint(spec);
  if (!found) return { state: 'absent' };
  if (!found.matches)
    return {
      state: 'drifted',
      detail: `DMS endpoint ${spec.identifier} exists with other settings.`,
      hint: 'Delete it if nothing uses it, then apply again.',
    };
  const connection = await context.ports.replication.connection({ instanceArn, endpointArn: found.arn });
  if (connection.status === 'failed')
    throw new Fault({
      code: 'dms.connection-failed',
      summary: 'DMS cannot reach a database.',
      detail: `${spec.identifier}: ${connection.message}`,
      hint: 'Correct the network or the secret, then apply again.',
    });
  if (connection.status === 'testing')
    return { state: 'in-progress', detail: `testing the connection of ${spec.identifier}` };
  return connection.status === 'successful' ? { state: 'done', evidence: { arn: found.arn } } : { state: 'absent' };
};

const streamsOf = (context: StepContext): readonly Stream[] =>
  context.change.inputs.streams as unknown as readonly Stream[];

const specsOf = (context: StepContext, wave: Wave): readonly EndpointSpec[] => {
  const all = streamsOf(context).flatMap((stream) => Object.values(endpointSpecs(context, wave, stream)));
  return [...new Map(all.map((spec) => [spec.identifier, spec])).values()];
};

/** Endpoints of the named streams exist as specified, and the instance reached each of them. */
export const endpointsStep: StepKind = {
  kind: 'dms.endpoints',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 300,
    timer: 'wall',
    reason: 'a DMS connection test takes up to minutes',
  },
  observe: async (context) => {
    const { wave } = await openWave(context);
    const instanceArn = await requireInstance(context, wave);
    const specs = specsOf(context, wave);
    const observations = await Promise.all(specs.map((spec) => observeEndpoint(context, instanceArn, spec)));
    const worst =
      observations.find((o) => o.state === 'drifted') ??
      observations.find((o) => o.state === 'absent') ??
      observations.find((o) => o.state === 'in-progress');
    return worst ?? { state: 'done', evidence: { endpoints: specs.map((spec) => spec.identifier) } };
  },
  perform: async (context) => {
    const { wave } = await openWave(context);
    const instanceArn = await requireInstance(context, wave);
    for (const spec of specsOf(context, wave)) {
      const found = await context.ports.replication.findEndpoint(spec);
      const { arn } = found ?? (await context.ports.replication.createEndpoint(spec));
      const connection = await context.ports.replication.connection({ instanceArn, endpointArn: arn });
      if (connection.status !== 'successful' && connection.status !== 'testing')
        await context.ports.replication.testConnection({ instanceArn, endpointArn: arn });
    }
  },
};

export const taskSpec = async (context: StepContext, stream: Stream): Promise<TaskSpec> => {
  const { wave, pairs, source, target } = await openWave(context);
  const { from, to } = endpointSpecs(context, wave, stream);
  const [fromEndpoint, toEndpoint] = await Promise.all([
    context.ports.replication.findEndpoint(from),
    context.ports.replication.findEndpoint(to),
  ]);
  if (!fromEndpoint || !toEndpoint)
    throw new Fault({
      code: 'dms.endpoint-missing',
      summary: 'A DMS endpoint is not there.',
      detail: fromEndpoint ? to.identifier : from.identifier,
    });
  const control = {
    forward: [...source.signals.controlTables('forward'), source.signals.canaryTable('forward')],
    reverse: [...target.signals.controlTables('reverse')],
    canary: [target.signals.canaryTable('reverse')],
  }[stream];
  return {
    identifier: taskName(context.plan, wave, stream),
    sourceEndpointArn: fromEndpoint.arn,
    targetEndpointArn: toEndpoint.arn,
    instanceArn: await requireInstance(context, wave),
    migrationType: stream === 'forward' ? 'full-load-and-cdc' : 'cdc',
    tables:
      stream === 'forward'
        ? pairs
        : stream === 'reverse'
          ? pairs.map((pair) => ({ source: pair.target, target: pair.source }))
          : [],
    controlTables: control,
    stopAfterFullLoad: stream === 'forward',
    batchApply: stream === 'forward' && wave.replication.batchApply,
    lob: wave.replication.lob,
    startPosition: null,
    tags: tagsOf(context),
  };
};

/** A task of ours that failed is a fault with AWS's own words; a task of somebody else is drift. */
export const requireHealthy = (task: TaskState): void => {
  if (task.status !== 'failed' && task.status !== 'failed-move') return;
  throw new Fault({
    code: 'dms.task-failed',
    summary: 'A replication task failed.',
    detail: `${task.identifier}: ${task.failureMessage ?? task.stopReason ?? 'no reason given'}`,
    hint: `Correct the cause named. The task's log is in CloudWatch Logs, group dms-tasks-<instance>.`,
  });
};

export const findTask = async (context: StepContext, stream: Stream): Promise<TaskState | undefined> => {
  const { wave } = await openWave(context);
  const task = await context.ports.replication.findTask(taskName(context.plan, wave, stream));
  if (task) requireHealthy(task);
  return task;
};

export const requireTask = async (context: StepContext, stream: Stream): Promise<TaskState> => {
  const task = await findTask(context, stream);
  if (!task)
    throw new Fault({
      code: 'dms.task-missing',
      summary: 'A replication task is not there.',
      detail: stream,
      hint: 'Someone deleted it; see octank migrate status.',
    });
  return task;
};

const streamOf = (context: StepContext): Stream => context.change.inputs.stream as Stream;

const lineageTag = 'octank:lineage';

export const createTaskStep: StepKind = {
  kind: 'dms.task',
  limit: { intervalSeconds: 0.5, deadlineSeconds: 300, timer: 'wall', reason: 'DMS creates a task in up to minutes' },
  observe: async (context) => {
    const task = await findTask(context, streamOf(context));
    if (!task) return { state: 'absent' };
    if (task.tags[lineageTag] !== undefined && task.tags[lineageTag] !== context.state.lineage)
      return {
        state: 'drifted',
        detail: `Task ${task.identifier} belongs to another run (${task.tags[lineageTag]}).`,
        hint: 'Finish or remove that run first.',
      };
    return task.status === 'creating'
      ? { state: 'in-progress', detail: 'creating' }
      : { state: 'done', evidence: { arn: task.arn } };
  },
  perform: async (context) => {
    await context.ports.replication.createTask(await taskSpec(context, streamOf(context)));
  },
};

/** Starts a cdc task from its slot, or resumes one that was stopped; done when AWS shows it running. */
export const runTaskStep: StepKind = {
  kind: 'dms.run',
  limit: { intervalSeconds: 0.25, deadlineSeconds: 300, timer: 'wall', reason: 'DMS starts a task in up to minutes' },
  observe: async (context) => {
    const task = await requireTask(context, streamOf(context));
    if (task.status === 'running') return { state: 'done', evidence: { arn: task.arn } satisfies JsonObject };
    return task.status === 'ready' || task.status === 'stopped'
      ? { state: 'absent' }
      : { state: 'in-progress', detail: task.status };
  },
  perform: async (context) => startTask(context, streamOf(context)),
};

/** AWS starts a task on a slot that it did not make only when it is told from where; the slot itself says so. */
const slotStart = async (context: StepContext, stream: 'reverse' | 'canary'): Promise<Position> => {
  const { wave, target } = await openWave(context);
  const name = slotName(context.plan, wave, stream);
  const slot = (await target.streams.slots()).find((candidate) => candidate.name === name);
  if (slot?.confirmed && slot.walStatus !== 'lost') return slot.confirmed;
  throw new Fault({
    code: 'slot.lost',
    summary: 'A slot for the way back is gone, or has lost its log.',
    detail: `${name} on ${wave.target}.`,
    hint: 'What was written on the target since then cannot flow back any more: see octank migrate status.',
    exitCode: exitCodes.held,
  });
};

/** Forward and application writes on one target would be two writers: asked right before every start, whoever asks. */
const requireTargetFenced = async (context: StepContext): Promise<void> => {
  const { wave, target, targetTables } = await openWave(context);
  const { fence } = await fenceStatusOf(target, wave, targetTables);
  if (fence.state === 'permanent') return;
  throw new Fault({
    code: 'dms.target-open',
    summary: 'The target takes writes of applications, so the task that writes it is not started.',
    detail: `The fence on ${wave.target} is ${fence.state}.`,
    hint: 'See octank migrate status for who writes.',
    exitCode: exitCodes.held,
  });
};

/**
 * AWS knows no fencing number. A transaction that is refused to an octank that was overtaken comes right before the call, so that
 * one that slept through its lease does not start or stop a task that another has taken over.
 */
export const requireOurs = async (context: StepContext, stream: Stream): Promise<void> => {
  const { source, target } = await openWave(context);
  await (stream === 'forward' ? source : target).signals.beat(stream === 'forward' ? 'forward' : 'reverse');
};

export const startTask = async (context: StepContext, stream: Stream): Promise<void> => {
  const task = await requireTask(context, stream);
  if (task.status === 'running' || task.status === 'starting') return;
  if (stream === 'forward') await requireTargetFenced(context);
  await requireOurs(context, stream);
  const isFirst = task.startedAt === null;
  // AWS refuses start-replication for a second run and resume-processing for a first one.
  await context.ports.replication.startTask({
    arn: task.arn,
    type: isFirst ? 'start-replication' : 'resume-processing',
    ...(isFirst && stream !== 'forward' ? { position: await slotStart(context, stream) } : {}),
  });
};

/** Cutover steps 9 and 10: the target opens, applications are repointed, the way back starts and everything is proven. */
import { judge, sampleWindow } from '../../gate/judge.ts';
import { exitCodes, Fault } from '../../model/fault.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Wave } from '../../model/plan.ts';
import { worstVerdict } from '../../model/verdict.ts';
import type { StepContext, StepKind } from '../contract.ts';
import { requireTask, startTask } from '../dms-steps.ts';
import { fenceStatusOf } from '../fencing.ts';
import { watchWayBack } from '../keep-watch.ts';
import { openWave } from '../wave.ts';

export const unfenceTargetStep: StepKind = {
  kind: 'cutover.unfence-target',
  atOnce: true,
  limit: { intervalSeconds: 0.1, deadlineSeconds: 10, timer: 'wall', reason: 'the fence row is read back at once' },
  observe: async (context) => {
    const { wave, target, targetTables } = await openWave(context);
    const { fence } = await fenceStatusOf(target, wave, targetTables);
    return fence.state === 'open' ? { state: 'done', evidence: { epoch: fence.epoch } } : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave, source, target, sourceTables } = await openWave(context);
    const { fence, unguarded } = await fenceStatusOf(source, wave, sourceTables);
    // The one-writer invariant, asked at the last moment it can be asked.
    if (fence.state !== 'permanent' || unguarded.length > 0)
      throw new Fault({
        code: 'fence.source-not-permanent',
        summary: 'The source is not fenced for good, so the target stays closed.',
        detail: `It is ${fence.state}.`,
        hint: 'See octank migrate status.',
        exitCode: exitCodes.held,
      });
    await target.fence.open(wave.name);
    await context.record({ type: 'writer', wave: wave.name, writer: 'target' });
  },
};

const repointOf = async (context: StepContext) => {
  const { wave } = await openWave(context);
  const spec = wave.cutover.repoint[Number(context.change.inputs.index)];
  if (!spec)
    throw new Fault({
      code: 'run.unknown-repoint',
      summary: 'A step names a repoint that the plan lacks.',
      detail: context.change.id,
    });
  return context.ports.repoint(spec);
};

export const repointStep: StepKind = {
  kind: 'cutover.repoint',
  atOnce: true,
  limit: { intervalSeconds: 0.2, deadlineSeconds: 120, timer: 'wall', reason: 'the new place is read back' },
  observe: async (context) => {
    const state = await (await repointOf(context)).observe(context.captured());
    if (state.at === 'target') return { state: 'done', evidence: { detail: state.detail } };
    if (state.at === 'foreign')
      return {
        state: 'drifted',
        detail: state.detail,
        hint: 'Someone changed it. Set it back to the source or to the target, then apply again.',
      };
    return { state: 'absent', detail: state.detail };
  },
  perform: async (context) => {
    const driver = await repointOf(context);
    const captured =
      Object.keys(context.captured()).length > 0 ? context.captured() : (await driver.observe({})).before;
    await context.capture(captured);
    await driver.perform(captured, context.token);
  },
  undo: async (context) => (await repointOf(context)).undo(context.captured(), context.token),
};

/** No table is ever in two running tasks: reverse waits until AWS shows forward stopped. */
export const reverseStartStep: StepKind = {
  kind: 'cutover.reverse-start',
  limit: {
    intervalSeconds: 0.25,
    deadlineSeconds: 600,
    timer: 'wall',
    reason: 'forward stops and reverse starts in up to minutes each',
  },
  observe: async (context) => {
    const reverse = await requireTask(context, 'reverse');
    if (reverse.status === 'running') return { state: 'done', evidence: { arn: reverse.arn } };
    const forward = await requireTask(context, 'forward');
    if (forward.status !== 'stopped') return { state: 'in-progress', detail: `forward is ${forward.status}` };
    return reverse.status === 'ready' || reverse.status === 'stopped'
      ? { state: 'absent' }
      : { state: 'in-progress', detail: reverse.status };
  },
  perform: async (context) => startTask(context, 'reverse'),
};

/** As the application and through its own secret where the plan names it; else by taking its role. */
const probeAs = async (
  context: StepContext,
  database: string,
  probe: NonNullable<Wave['cutover']['appProbe']>,
): Promise<string | null> => {
  if (probe.secret !== null)
    return context.ports.probe({ database, secret: probe.secret, role: probe.as, statement: probe.statement });
  const target = await context.ports.database(database);
  return target.sessions.tryAs({ role: probe.as, statement: probe.statement });
};

/** Positive evidence only: application writes and sessions on the target, none on the source, and a marker that came back. */
const evidenceOf = async (
  context: StepContext,
): Promise<{ readonly missing: string | null; readonly evidence: JsonObject }> => {
  const { wave, source, target, sourceTables, targetTables } = await openWave(context);
  const captured = context.captured();
  const written = (await target.sessions.writeCount(targetTables)) - Number(captured.targetWrites ?? 0);
  const probe = wave.cutover.appProbe;
  const sessions = probe ? await target.sessions.countOf(probe.as) : null;
  const refused = probe ? await probeAs(context, wave.target, probe) : null;
  const returned =
    wave.cutover.fallback === 'none'
      ? true
      : await source.signals.hasMarker({ direction: 'reverse', token: String(captured.token) });
  const { fence } = await fenceStatusOf(source, wave, sourceTables);
  const evidence: JsonObject = { written, sessions, markerReturned: returned, sourceFence: fence.state };
  if (fence.state !== 'permanent') return { missing: 'the source is fenced no more', evidence };
  if (refused !== null) return { missing: `the application probe fails: ${refused}`, evidence };
  if (sessions === 0) return { missing: `no session of ${probe?.as} on the target yet`, evidence };
  if (written <= 0) return { missing: 'no write of an application on the target yet', evidence };
  return { missing: returned ? null : 'the way back has not carried its marker yet', evidence };
};

const judgeGates = async (context: StepContext): Promise<string | null> => {
  const { wave } = await openWave(context);
  const { clock, health } = context.ports;
  const since = Number(context.captured().since ?? clock.now());
  const verdicts = await Promise.all(
    context.plan.gates
      .filter((gate) => wave.cutover.gates.includes(gate.name))
      .map(async (gate) => {
        const now = clock.now();
        const samples = await health.sample(gate, sampleWindow({ gate, now, stepStartedAt: since }));
        return judge({ gate, samples, now, stepStartedAt: since });
      }),
  );
  const worst = worstVerdict(verdicts);
  if (!worst || worst.result === 'success') {
    for (const verdict of verdicts) await context.record({ type: 'verdict', stepId: context.change.id, verdict });
    return null;
  }
  if (worst.result !== 'failure') return `gate ${worst.gate}: ${worst.detail}`;
  await context.record({ type: 'verdict', stepId: context.change.id, verdict: worst });
  throw new Fault({
    code: 'cutover.gate-failed',
    summary: 'A gate failed after the target was opened.',
    detail: `${worst.gate}: ${worst.detail}`,
    hint: 'Changes flow back to the source, so the way back is open. Decide: mend the target and apply again, or fall back.',
    exitCode: exitCodes.held,
  });
};

export const proveStep: StepKind = {
  kind: 'cutover.prove',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 900,
    timer: 'wall',
    reason: 'applications reconnect, gates need closed datapoints',
  },
  observe: async (context) => {
    watchWayBack(context, (await openWave(context)).wave);
    const { since, token } = context.captured();
    if (since === undefined) return { state: 'absent' };
    const { target } = await openWave(context);
    // Captured by a process that died before it wrote the marker: no marker would ever come back.
    if (!(await target.signals.hasMarker({ direction: 'reverse', token: String(token) }))) return { state: 'absent' };
    const { missing, evidence } = await evidenceOf(context);
    if (missing !== null) return { state: 'in-progress', detail: missing };
    const waiting = await judgeGates(context);
    return waiting === null ? { state: 'done', evidence } : { state: 'in-progress', detail: waiting };
  },
  perform: async (context) => {
    const { target, targetTables } = await openWave(context);
    await context.capture({
      since: context.ports.clock.now(),
      targetWrites: await target.sessions.writeCount(targetTables),
      token: context.token,
    });
    await target.signals.writeMarker({ direction: 'reverse', token: context.token });
  },
};

export const closeFeedStep: StepKind = {
  kind: 'cutover.close-feed',
  limit: { intervalSeconds: 0.5, deadlineSeconds: 30, timer: 'wall', reason: 'a slot is dropped once nobody reads it' },
  observe: async (context) => {
    const { wave, source } = await openWave(context);
    return (await source.streams.feedExists(wave.name)) ? { state: 'absent' } : { state: 'done', evidence: {} };
  },
  perform: async (context) => {
    const { wave, source } = await openWave(context);
    await context.live.stop(wave.name);
    await source.streams.dropFeed(wave.name);
  },
};

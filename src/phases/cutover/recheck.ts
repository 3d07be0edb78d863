/** Cutover step 1: everything is asked again right before the fence, while asking still costs nothing. */
import { exitCodes, Fault } from '../../model/fault.ts';
import { tableKey } from '../../model/table.ts';
import { finalParity } from '../../verify/final-parity.ts';
import { lagSamples } from '../cdc.ts';
import { runChecks } from '../checks.ts';
import type { StepContext, StepKind } from '../contract.ts';
import { schemaPlanOf, statementsOf } from '../convert-schema.ts';
import { fenceStatusOf } from '../fencing.ts';
import { gatherWave } from '../gather.ts';
import { watchSource, watchTarget } from '../keep-watch.ts';
import type { LiveWave } from '../live.ts';
import { checkInstance, checkLobs, checkRepoints } from '../live-checks.ts';
import type { WaveObserved } from '../observed.ts';
import { checkTail } from '../repoint-tail.ts';
import { differenceFault } from '../verify.ts';
import { note, openWave, tableList } from '../wave.ts';
import { measureDowntime, type Prediction, patienceSeconds, predictionText, requireWithinBudget } from './downtime.ts';

/** A transaction older than this would make the fence wait for it, inside the downtime. */
const longTransactionSeconds = 5;
/** Lag may need a moment to fall below its limit. */
const lagPatienceMs = 60_000;

const blockingTransactions = async (context: StepContext): Promise<void> => {
  const { source } = await openWave(context);
  const long = await source.sessions.longTransactions(longTransactionSeconds);
  if (long.length === 0) return;
  throw new Fault({
    code: 'cutover.long-transaction',
    summary: 'A transaction is open that the fence would have to wait for.',
    detail: long
      .slice(0, 5)
      .map(
        (b) =>
          `${b.kind} ${b.id} of ${b.role}${b.application === '' ? '' : ` (${b.application})`}, open for ${Math.round(b.ageSeconds)} s`,
      )
      .join('; '),
    hint: long.some((b) => b.kind === 'prepared')
      ? 'Commit or roll back the prepared transaction, then apply again.'
      : 'Wait for it or end it, then apply again.',
  });
};

/** Chunks whose last clean check is older than the plan allows are read again before the fence, not under it. */
const refreshParity = async (context: StepContext): Promise<void> => {
  const { wave, pairs, source, target } = await openWave(context);
  const live = await context.live.of(wave, pairs);
  const { report } = await finalParity({
    source: source.rows,
    target: target.rows,
    pairs,
    tracker: live.tracker,
    applied: live.applied,
    clock: context.ports.clock,
    live: true,
    budgetSeconds: null,
    maxAgeSeconds: wave.parity.maxAgeSeconds,
    signal: context.signal,
  });
  if (report.verdict === 'different') throw differenceFault(report, wave, context.plan.file);
};

/** Checks of preflight that must still hold. Its slots are taken by now, and its target is not empty. */
const requireChecks = async (context: StepContext, observed: WaveObserved): Promise<void> => {
  const { plan, ports } = context;
  const { wave } = await openWave(context);
  const input = { plan, wave, ports, observed };
  const asked = await Promise.all([checkLobs(input), checkInstance(input), checkRepoints(input), checkTail(input)]);
  const errors = [...runChecks(input), ...asked.flat()].filter(
    (found) => found.severity === 'error' && found.code !== 'preflight.slots-free',
  );
  const [first] = errors;
  if (!first) return;
  throw new Fault({
    code: first.code,
    summary: first.summary,
    detail: errors.map((e) => e.detail).join('\n'),
    hint: errors.map((e) => e.hint).join('\n'),
  });
};

/** A table or column that was made since would stay behind: it is in no task and in no comparison. */
export const requireSameSchema = async (context: StepContext, observed: WaveObserved): Promise<void> => {
  const { wave, allPairs } = await openWave(context);
  const moving = new Set(allPairs.map((pair) => tableKey(pair.source)));
  const present = new Set(observed.pairs.map((pair) => tableKey(pair.source)));
  const schema = schemaPlanOf(wave, observed.pairs, observed);
  const parts = (['before', 'after', 'validate'] as const).flatMap((part) => statementsOf(schema, part));
  const changed = [
    ...[...present].filter((name) => !moving.has(name)).map((name) => `${name} is new`),
    ...[...moving].filter((name) => !present.has(name)).map((name) => `${name} is gone`),
    ...parts.filter((ddl) => !ddl.present).map((ddl) => `${ddl.object} is not so on ${wave.target}`),
  ];
  if (changed.length === 0) return;
  throw new Fault({
    code: 'cutover.schema-moved',
    summary: 'The schema of the source moved while its rows were replicated.',
    detail: `${changed.slice(0, 5).join('; ')}${changed.length > 5 ? ` and ${changed.length - 5} more` : ''}.`,
    hint: `Take the change back, or make it on ${wave.target} too. New tables move in a wave of their own: exclude them from this one.`,
    exitCode: exitCodes.held,
  });
};

/** Closed since the schema was made; whoever opened it may have written what replication never carried. */
const requireTargetClosed = async (context: StepContext): Promise<void> => {
  const { wave, target, targetTables } = await openWave(context);
  const { fence, unguarded } = await fenceStatusOf(target, wave, targetTables);
  if (fence.state === 'permanent' && unguarded.length === 0) return;
  throw new Fault({
    code: 'fence.target-open',
    summary: 'The target could have been written by others than replication.',
    detail:
      fence.state === 'permanent'
        ? `Without their trigger on ${wave.target}: ${tableList(unguarded)}.`
        : `Its fence on ${wave.target} is ${fence.state}.`,
    hint: `Find who did it. Close it again (UPDATE octank.fence SET closed_until = 'infinity', held = true WHERE wave = '${wave.name}'), compare with octank migrate verify ${context.plan.file}, then apply again.`,
    exitCode: exitCodes.held,
  });
};

const requireSteadyLag = async (context: StepContext, live: LiveWave): Promise<void> => {
  const { wave } = await openWave(context);
  const { wall } = context.ports.clock;
  const deadline = wall.now() + lagPatienceMs;
  while (!live.steadyLag(lagSamples, wave.cutover.maxLagSeconds)) {
    if (wall.now() > deadline)
      throw new Fault({
        code: 'cutover.lag',
        summary: 'Replication lags too far behind to fence the source.',
        detail: `Lag ${live.lagSeconds()?.toFixed(1) ?? 'unknown'} s, at most ${wave.cutover.maxLagSeconds} s.`,
        hint: 'Wait until it has caught up, then apply again.',
      });
    await wall.sleep(200, context.signal);
  }
};

/** Seconds that two markers took, one after the other; null where they did not come through, or could not be written. */
const markersPass = async (context: StepContext, live: LiveWave): Promise<number | null> => {
  const { wall } = context.ports.clock;
  const from = wall.now();
  const position = await live.applied.settle({ seconds: patienceSeconds, signal: context.signal }).catch(() => null);
  return position === null ? null : (wall.now() - from) / 1000;
};

/** Everything that is asked; throws where the fence must not be closed now. */
const recheck = async (context: StepContext): Promise<Prediction> => {
  const { wave, pairs } = await openWave(context);
  watchSource(context, wave);
  watchTarget(context, wave);
  const live = await context.live.of(wave, pairs);
  const proving = markersPass(context, live);
  const { observed } = await gatherWave(context.plan, wave, context.ports);
  await requireChecks(context, observed);
  await requireSameSchema(context, observed);
  await requireTargetClosed(context);
  await requireSteadyLag(context, live);
  const prediction = await measureDowntime(context, live, { proving, refresh: () => refreshParity(context) });
  requireWithinBudget(prediction, wave, context.plan);
  await blockingTransactions(context);
  return prediction;
};

export const recheckStep: StepKind = {
  kind: 'cutover.recheck',
  limit: {
    intervalSeconds: 0.5,
    deadlineSeconds: 60,
    timer: 'wall',
    reason: 'what was checked is written down at once',
  },
  // Nobody is asked for what could not be done; and who is asked sees what it would cost now.
  asks: async (context) => {
    const { wave } = await openWave(context);
    return [predictionText(await recheck(context), wave.cutover.downtimeBudgetSeconds)];
  },
  observe: async (context) => {
    // Done only for the attempt that is running: whatever was checked before is asked again.
    const token = context.captured().checked;
    return typeof token === 'string' && token === context.token
      ? { state: 'done', evidence: { checked: token } }
      : { state: 'absent' };
  },
  perform: async (context) => {
    const { wave } = await openWave(context);
    const prediction = await recheck(context);
    await context.record(note(predictionText(prediction, wave.cutover.downtimeBudgetSeconds)));
    await context.capture({ checked: context.token, predictedSeconds: Number(prediction.totalSeconds.toFixed(1)) });
  },
};

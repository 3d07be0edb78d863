/** Verify: every row of every table agrees on both sides, while changes go on flowing. */
import type { Change } from '../model/change.ts';
import { exitCodes, Fault } from '../model/fault.ts';
import type { ParityReport } from '../model/parity.ts';
import type { Wave } from '../model/plan.ts';
import { decodeLedger } from '../parity/ledger-codec.ts';
import { verifyTables } from '../verify/verify-tables.ts';
import type { Phase, StepContext, StepKind } from './contract.ts';
import { watchSource } from './keep-watch.ts';
import { openWave, stepId } from './wave.ts';

/** File beside the journal that keeps the chunks of a wave: too large for a record. */
export const ledgerName = (wave: Wave): string => `parity-${wave.name}`;

export const differenceFault = (report: ParityReport, wave: Wave, file: string): Fault => {
  const bad = report.tables.filter((t) => t.missing + t.extraneous + t.mismatched + t.inFlight > 0);
  return new Fault({
    code: report.verdict === 'different' ? 'parity.different' : 'parity.inconclusive',
    summary:
      report.verdict === 'different'
        ? 'Rows differ between source and target.'
        : 'Rows could not be shown equal while they kept changing.',
    detail: `Wave ${wave.name}: ${bad
      .slice(0, 5)
      .map(
        (t) =>
          `${t.name}: ${t.missing} missing, ${t.extraneous} extraneous, ${t.mismatched} mismatched, ${t.inFlight} in flight`,
      )
      .join('; ')}.`,
    hint: `See the rows by name: octank migrate verify ${file}`,
    exitCode: exitCodes.different,
  });
};

/** Checks all rows live, keeps the chunks for the cutover, and journals the report whatever it says. */
const runParity = async (context: StepContext): Promise<ParityReport> => {
  const { wave, pairs, source, target } = await openWave(context);
  const live = await context.live.of(wave, pairs);
  const { report } = await verifyTables({
    source: source.rows,
    target: target.rows,
    pairs,
    clock: context.ports.clock,
    live: true,
    tracker: live.tracker,
    applied: live.applied,
    signal: context.signal,
    onProgress: (progress) => context.progress(progress),
  });
  // The tracker has held the ledger since the pass began; it alone saves it, so that no older text replaces a newer one.
  await live.tracker.save();
  await context.record({ type: 'parity', wave: wave.name, final: false, report });
  return report;
};

const parityStep: StepKind = {
  kind: 'verify.parity',
  limit: {
    intervalSeconds: 1,
    deadlineSeconds: 60,
    timer: 'wall',
    reason: 'the ledger of chunks is read back at once',
  },
  observe: async (context) => {
    const { wave, pairs } = await openWave(context);
    watchSource(context, wave);
    const saved = await context.ports.checkpoints.load(ledgerName(wave));
    if (saved === undefined) return { state: 'absent' };
    const report = context.state.parity[wave.name];
    if (report?.verdict !== 'equal' || !decodeLedger(saved).isComplete) return { state: 'absent' };
    // Starts the feed, which takes the saved ledger up before its first event.
    await context.live.of(wave, pairs);
    return {
      state: 'done',
      evidence: {
        verdict: report.verdict,
        tables: report.tables.length,
        rows: report.tables.reduce((sum, t) => sum + t.sourceRows, 0),
      },
    };
  },
  perform: async (context) => {
    const { wave } = await openWave(context);
    const report = await runParity(context);
    if (report.verdict !== 'equal') throw differenceFault(report, wave, context.plan.file);
  },
};

const planWave = (wave: Wave): Change => ({
  id: stepId('verify', wave.name, 'parity'),
  phase: 'verify',
  wave: wave.name,
  kind: 'verify.parity',
  action: 'read',
  summary: 'compare every row of every table on both sides, under live writes',
  destructive: false,
  approval: null,
  section: null,
  inputs: {},
});

export const verify: Phase = {
  name: 'verify',
  onResume: 'continue',
  unwindsOn: () => false,
  plan: ({ plan }) => plan.waves.map(planWave),
  steps: [parityStep],
};

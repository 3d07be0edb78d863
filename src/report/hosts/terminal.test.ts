import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { HostMessage } from '../../ports/host.ts';
import { noStyle } from '../style.ts';
import { sampleChanges } from '../testing/sample-run.ts';
import { createTerminalHost, type TerminalHostOptions } from './terminal.ts';

/** What a terminal would show: understands just what log-update writes (clear line, up, column 0). */
const createScreen = () => {
  let lines: string[] = [''];
  let row = 0;
  let raw = '';
  const put = (text: string): void => {
    raw += text;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's own language.
    for (const [token] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|\n|[^\u001b\n]+/g)) {
      if (token === '\n') {
        row += 1;
        lines[row] ??= '';
      } else if (token === '\u001b[2K') lines[row] = '';
      else if (token === '\u001b[1A') row = Math.max(0, row - 1);
      else if (!token.startsWith('\u001b')) lines[row] += token;
    }
    lines = lines.slice(0, Math.max(row + 1, lines.length));
  };
  return {
    put,
    raw: () => raw,
    rows: () => lines.map(stripVTControlCharacters).filter((line) => line.trim() !== ''),
  };
};

const open = async (options: Partial<TerminalHostOptions> = {}) => {
  const screen = createScreen();
  const host = await createTerminalHost({
    style: noStyle,
    approver: null,
    userName: 'maria',
    write: screen.put,
    screen: { columns: 60, rows: 30 },
    now: () => 0,
    ...options,
  });
  return { screen, host };
};

const started = (done: readonly string[] = []): HostMessage => ({
  type: 'run-started',
  runId: '0001',
  plan: 'octank-shop',
  resumed: done.length > 0,
  clockRate: 1,
  endpoints: {},
  changes: sampleChanges,
  done,
});

const until = (id: string) =>
  sampleChanges.slice(
    0,
    sampleChanges.findIndex((change) => change.id === id),
  );
const doStep = (change: (typeof sampleChanges)[number]): readonly HostMessage[] => [
  { type: 'step-started', change },
  { type: 'step-done', change, seconds: 1, skipped: false, evidence: {} },
];
const rowOf = (rows: readonly string[], phase: string): string => rows.find((row) => row.includes(` ${phase} `)) ?? '';

describe('the terminal', () => {
  it('shows phases that an earlier process did as done, and goes on with the next', async () => {
    const done = until('cutover/shop/recheck').map(({ id }) => id);
    const { screen, host } = await open();
    host.notify(started(done));
    for (const message of doStep(sampleChanges[done.length] ?? sampleChanges[0]!)) host.notify(message);
    await host.close();
    expect(rowOf(screen.rows(), 'full-load')).toMatch(/✔ full-load +3\/3/);
    expect(rowOf(screen.rows(), 'cutover')).toMatch(/cutover +3\/13/);
  });

  it('does not wait for phases that this command leaves out', async () => {
    const { screen, host } = await open();
    host.notify(started());
    for (const change of sampleChanges.filter(({ phase }) => phase === 'traffic'))
      for (const message of doStep(change)) host.notify(message);
    await host.close();
    expect(rowOf(screen.rows(), 'traffic')).toMatch(/✔ traffic +10\/10/);
    expect(rowOf(screen.rows(), 'cutover')).not.toMatch(/✔|✖/);
  });

  it('marks the phase in which the run stopped, and not those that never began', async () => {
    const { screen, host } = await open();
    host.notify(started());
    for (const change of until('cutover/shop/parity')) for (const message of doStep(change)) host.notify(message);
    const change = sampleChanges.find(({ id }) => id === 'cutover/shop/parity')!;
    host.notify({ type: 'step-started', change });
    host.notify({
      type: 'step-failed',
      change,
      code: 'parity.different',
      summary: 'Rows differ.',
      detail: 'one',
      hint: '',
    });
    host.notify({ type: 'held', stepId: change.id, reason: 'Rows differ. one', hint: 'octank x' });
    await host.close();
    expect(rowOf(screen.rows(), 'cutover')).toMatch(/✖ cutover/);
    expect(rowOf(screen.rows(), 'traffic')).not.toMatch(/✖|✔/);
    // The command prints the fault in full; here it is told once.
    expect(screen.rows().filter((row) => row.includes('Rows differ'))).toHaveLength(1);
  });

  it('loses no message, and tells them above the list in their order', async () => {
    const { screen, host } = await open();
    host.notify(started());
    for (const [index, change] of until('cutover/shop/recheck').entries()) {
      for (const message of doStep(change)) host.notify(message);
      host.notify({ type: 'note', text: `note ${index}` });
    }
    await host.close();
    host.notify({ type: 'note', text: 'after the end' });
    const rows = screen.rows();
    const notes = rows.filter((row) => row.startsWith('note'));
    expect(notes).toEqual(until('cutover/shop/recheck').map((_, index) => `note ${index}`));
    expect(rows.indexOf('note 11')).toBeLessThan(rows.findIndex((row) => row.includes('preflight')));
    expect(rows.at(-1)).toBe('after the end');
  });

  it('cuts what is longer than the terminal is wide', async () => {
    const { screen, host } = await open();
    host.notify(started());
    host.notify({ type: 'step-started', change: sampleChanges[0]! });
    host.notify({
      type: 'step-progress',
      progress: { stepId: sampleChanges[0]!.id, text: 'long '.repeat(50) },
    });
    await host.close();
    for (const row of screen.rows().filter((text) => !text.startsWith('starting'))) expect(row.length).toBeLessThan(61);
  });

  it('asks with the list gone, keeps what is said meanwhile, and draws the list anew', async () => {
    let duringQuestion: readonly string[] = [];
    const { screen, host } = await open({
      ask: async () => {
        duringQuestion = screen.rows();
        host.notify({ type: 'note', text: 'said meanwhile' });
        return true;
      },
    });
    host.notify(started());
    const [first, second] = [sampleChanges[0]!, sampleChanges[1]!];
    for (const message of doStep(first)) host.notify(message);
    host.notify({ type: 'note', text: 'said before' });
    const answer = await host.approve({ approval: 'cutover', stepId: second.id, title: 't', lines: [] });
    for (const message of doStep(second)) host.notify(message);
    await host.close();
    expect(answer).toEqual({ approved: true, by: 'maria' });
    expect(duringQuestion).toEqual(['starting run 0001 of octank-shop', 'said before']);
    const rows = screen.rows();
    expect(rows.indexOf('said meanwhile')).toBe(2);
    expect(rows.filter((row) => row.includes('preflight'))).toHaveLength(1);
    expect(rowOf(rows, 'preflight')).toContain('✔');
  });

  it('does not ask where approvals were given beforehand', async () => {
    const { host } = await open({
      approver: 'ci (--auto-approve)',
      ask: async () => {
        throw new Error('asked');
      },
    });
    const answer = await host.approve({ approval: 'cutover', stepId: 's', title: 't', lines: [] });
    expect(answer).toEqual({ approved: true, by: 'ci (--auto-approve)' });
  });

  it('tells what happens where there is no list, such as on a way back', async () => {
    const { screen, host } = await open();
    host.notify({ type: 'step-undone', change: sampleChanges[0]! });
    await host.close();
    expect(screen.rows()).toEqual([`undone ${sampleChanges[0]?.id}`]);
  });

  it('puts the cursor back', async () => {
    const { screen, host } = await open();
    host.notify(started());
    await host.close();
    const raw = screen.raw();
    expect(raw).toContain('\u001b[?25l');
    expect(raw.lastIndexOf('\u001b[?25h')).toBeGreaterThan(raw.lastIndexOf('\u001b[?25l'));
  });
});

/** What every command shares: where to print, which host fits, how a fault becomes an exit code. The door from commands into the app. */
import { type ExitCode, exitCodes, type Fault, toFault } from '../model/fault.ts';
import type { Host } from '../ports/host.ts';
import { renderDiagnostics, renderFault } from '../report/diagnostics.ts';
import { createJsonHost } from '../report/hosts/json.ts';
import { createPlainHost } from '../report/hosts/plain.ts';
import { createRateMeter } from '../report/hosts/rate.ts';
import { noStyle, type Style, styleFor } from '../report/style.ts';
import { InvalidPlan } from './open-plan.ts';
import { readSettings, type Settings } from './settings.ts';

export interface Console {
  readonly settings: Settings;
  readonly style: Style;
  readonly json: boolean;
  readonly width: number;
  out(text: string): void;
  /** One JSON document or line on stdout. */
  outJson(value: unknown): void;
  err(text: string): void;
}

export const openConsole = (options: { readonly json: boolean }): Console => {
  const style = options.json
    ? noStyle
    : styleFor({ isTerminal: process.stdout.isTTY === true, environment: process.env });
  return {
    settings: readSettings(),
    style,
    json: options.json,
    width: Math.min(process.stdout.columns ?? 100, 120),
    out: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    outJson: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    err: (text) => void process.stderr.write(text.endsWith('\n') ? text : `${text}\n`),
  };
};

export interface OpenHost {
  readonly host: Host;
  close(): Promise<void>;
}

const isInteractive = (): boolean => process.stdout.isTTY === true && process.stdin.isTTY === true && !process.env.CI;

/** JSON lines, a live drawing on a terminal, or plain lines: the same messages in each. */
export const openHost = async (
  console: Console,
  options: { readonly autoApprove: boolean; readonly forcePlain?: boolean },
): Promise<OpenHost> => {
  const approver = options.autoApprove ? `${console.settings.user} (--auto-approve)` : null;
  const meter = createRateMeter(Date.now);
  const metered = (host: Host): Host => ({ notify: (m) => host.notify(meter(m)), approve: (q) => host.approve(q) });
  const nothing = async (): Promise<void> => undefined;
  if (console.json) {
    const host = createJsonHost({ write: (line) => process.stdout.write(`${line}\n`), now: Date.now, approver });
    return { host: metered(host), close: nothing };
  }
  if (isInteractive() && !options.forcePlain) {
    const { createTerminalHost } = await import('../report/hosts/terminal.ts');
    const terminal = await createTerminalHost({
      style: console.style,
      approver,
      userName: console.settings.user,
      write: (text) => process.stdout.write(text),
    });
    return { host: metered(terminal), close: () => terminal.close() };
  }
  const host = createPlainHost({
    write: (line) => process.stdout.write(`${line}\n`),
    style: console.style,
    now: Date.now,
    approver,
  });
  return { host: metered(host), close: nothing };
};

const faultJson = (fault: Fault): object => ({
  type: 'error',
  code: fault.code,
  summary: fault.summary,
  detail: fault.detail,
  hint: fault.hint,
  exitCode: fault.exitCode,
  ...(fault instanceof InvalidPlan ? { diagnostics: fault.diagnostics } : {}),
});

export const printFault = (console: Console, fault: Fault): void => {
  if (console.json) console.outJson(faultJson(fault));
  else if (fault instanceof InvalidPlan) console.err(renderDiagnostics(fault.diagnostics, console.style));
  else console.err(renderFault(fault, console.style));
};

/** Runs a use case and answers its exit code; every failure is printed once, in the form that was asked for. */
export const runUseCase = async (console: Console, useCase: () => Promise<ExitCode | undefined>): Promise<ExitCode> => {
  try {
    return (await useCase()) ?? exitCodes.done;
  } catch (error) {
    const fault = toFault(error);
    printFault(console, fault);
    return fault.exitCode;
  }
};

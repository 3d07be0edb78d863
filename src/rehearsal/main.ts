/** The rehearsal's process: `node dist/rehearsal/main.js CONFIG.json`. One JSON line on stdout when it is ready; SIGTERM and SIGINT end it in order. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { rehearsalConfig } from './config.ts';
import { leaveFolder, takeFolder } from './pid-file.ts';
import { endpointFile, startInProcess } from './rehearsal.ts';

const log = (line: string): void => {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
};

const writePrivate = async (path: string, text: string): Promise<void> => {
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
};

const fail = (message: string): never => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};

const run = async (): Promise<void> => {
  const file = process.argv[2] ?? fail('usage: main.js CONFIG.json');
  const config = rehearsalConfig.parse(JSON.parse(await readFile(file, 'utf8')));
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  const owner = await takeFolder(config.stateDir);
  if (owner) fail(`A rehearsal runs on this state folder already (pid ${owner.pid}).`);

  // A signal during the start is obeyed when there is something whole to stop.
  let askToStop: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    askToStop = resolve;
  });
  process.on('SIGTERM', askToStop);
  process.on('SIGINT', askToStop);
  process.on('unhandledRejection', (error) =>
    log(`unhandled: ${error instanceof Error ? error.stack : String(error)}`),
  );

  try {
    const rehearsal = await startInProcess({ config, log, onShutdown: askToStop });
    const line = JSON.stringify(rehearsal.endpoint);
    await writePrivate(endpointFile(config.stateDir), `${line}\n`);
    process.stdout.write(`${line}\n`);
    log(`ready at ${rehearsal.endpoint.url}, DNS on port ${rehearsal.endpoint.dns.port}`);
    await asked;
    log('stopping');
    await rehearsal.stop();
  } finally {
    await leaveFolder(config.stateDir);
  }
};

// Whoever reads our one line may be gone; that is no reason to die.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
await run().then(
  () => process.exit(0),
  (error: unknown) =>
    fail(`The rehearsal did not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
);

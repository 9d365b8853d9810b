import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, open, readFile, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { wholeSecond } from '../lifecycle/clock';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import type { Log } from '../lifecycle/log';
import type { ModelRef } from '../lifecycle/model';
import { errnoOf } from './errno';
import type { Host, JobFolder, ModelFolder, NumberedAttempt } from './host';
import { modelUser, type PlatformFacts } from './isolation';
import { JobFolderOnDisk, PROCESS_RECORD } from './job-folder';
import { makeFolder } from './make-folder';
import { readIdentity, readSpotNotice } from './metadata';
import { ModelFolderOnDisk, pruneModels } from './model-folder';
import { killRecorded, killStragglers } from './process-group';
import { ShutdownNotes } from './shutdown-notes';
import { SIGNS } from './service';
import { endAllModels } from './slice';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
const MACHINE_ID_FILE = '/etc/machine-id';

/** Time limit of a question to systemd, in milliseconds. */
const SYSTEMCTL_LIMIT_MS = 5_000;

export interface MachineOptions {
  /** The runner's root folder, e.g. /opt/lamplighter. */
  readonly root: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
  /** @default the facts of this machine */
  readonly facts?: PlatformFacts;
  /** Sends requests to EC2's metadata service. @default fetch */
  readonly request?: typeof fetch;
}

/** The machine and its launch, as `Host` has them. */
type MachineIdentity = Pick<Host, 'machineId' | 'launchedAt'>;

/** The machine that the drain runs on. */
export class Machine implements Host {
  readonly machineId: string;
  readonly launchedAt: string | undefined;
  readonly memoryBytes = totalmem();
  private readonly shutdowns: ShutdownNotes;

  private constructor(
    { machineId, launchedAt }: MachineIdentity,
    readonly bootId: string,
    /** In milliseconds since the epoch. Undefined: the operating system's uptime counts. */
    private readonly bootedAt: number | undefined,
    private readonly facts: PlatformFacts,
    private readonly options: MachineOptions,
  ) {
    this.machineId = machineId;
    this.launchedAt = launchedAt;
    this.shutdowns = new ShutdownNotes(this.path('run', 'shutdowns'));
  }

  /** Throws InvalidInputError if the machine's boot id cannot be read. */
  static async open(options: MachineOptions): Promise<Machine> {
    const facts = options.facts ?? platformFacts(options.environment);
    const { environment } = options;
    const identity = await identify(options, facts);
    const bootId = await readBootId(environment);
    const machine = new Machine(identity, bootId, bootedAtIn(environment), facts, options);
    for (const name of ['run', 'models', 'jobs']) await makeFolder(machine.path(name));
    // The drain's lock, its account and its heartbeat: a process that can read a lock file can hold the lock.
    await chmod(machine.path('run'), 0o700);
    // A model with its own user must be able to enter its folders. The caller's umask may forbid this.
    if (modelUser(facts, 0) !== undefined) {
      for (const path of [options.root, machine.path('models'), machine.path('jobs')])
        await chmod(path, 0o755);
    }
    return machine;
  }

  noteShutdown(why: string): Promise<void> {
    return this.shutdowns.write(this.bootId, why);
  }

  shutdownOf(bootId: string): Promise<string | undefined> {
    return this.shutdowns.read(bootId);
  }

  notice(): Promise<string | undefined> {
    if (this.facts.sandbox) return Promise.resolve(undefined);
    return readSpotNotice(this.options.request ?? fetch);
  }

  /** D29: `systemctl is-system-running` says `stopping` from the moment at which a shutdown or a reboot is ordered. */
  async isShuttingDown(): Promise<boolean> {
    const { systemd, sandbox } = this.facts;
    if (sandbox || !systemd) return false;
    return new Promise((resolve) => {
      const options = { env: this.options.environment, timeout: SYSTEMCTL_LIMIT_MS };
      // Its exit code is 0 for some states only.
      execFile('systemctl', ['is-system-running'], options, (_error, stdout) =>
        resolve(stdout.trim() === 'stopping'),
      );
    });
  }

  /** Returns when systemd has accepted the order. The machine goes down some seconds later. */
  async reboot(): Promise<void> {
    const { systemd, sandbox } = this.facts;
    if (sandbox) throw new Error('the machine cannot reboot: it is a folder of the local cloud');
    if (!systemd) throw new Error('the machine cannot reboot: systemd does not run on it');
    const { environment } = this.options;
    await new Promise<void>((resolve, reject) => {
      execFile('systemctl', ['reboot'], { env: environment }, (cause) => {
        if (cause === null) resolve();
        else reject(new Error(`the machine cannot reboot: ${messageOf(cause)}`, { cause }));
      });
    });
  }

  uptimeSeconds(): number {
    return this.bootedAt === undefined ? uptime() : (Date.now() - this.bootedAt) / 1000;
  }

  async readAccount(): Promise<string | undefined> {
    try {
      return await readFile(this.path('run', 'account.json'), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async writeAccount(text: string): Promise<void> {
    const next = this.path('run', 'account.next');
    await writeFile(next, text);
    await rename(next, this.path('run', 'account.json'));
  }

  async clearLeftovers(): Promise<void> {
    // D33: the caller holds the lock, so no process of a model is a live drain's.
    if (modelUser(this.facts, 0) !== undefined) {
      // The signs first: a service that has not begun yet needs them to begin.
      await rm(SIGNS, { recursive: true, force: true });
      await endAllModels();
    }
    for (const jobId of await readdir(this.path('jobs'))) {
      const folder = this.path('jobs', jobId);
      try {
        await killRecorded(join(folder, PROCESS_RECORD), this.bootId);
        await killStragglers(join(folder, 'home'));
        await rm(folder, { recursive: true, force: true });
        this.options.log.warn('cleared what an earlier drain left behind', { jobId });
      } catch (error) {
        this.options.log.error('a leftover job folder cannot be removed', { jobId, error: messageOf(error) });
      }
    }
  }

  async beat(): Promise<void> {
    const file = this.path('run', 'heartbeat');
    await (await open(file, 'a')).close();
    const now = new Date();
    await utimes(file, now, now);
  }

  modelFolder(model: ModelRef): ModelFolder {
    return new ModelFolderOnDisk(this.path('models'), model);
  }

  newJobFolder({ jobId, number, slot }: NumberedAttempt): Promise<JobFolder> {
    return JobFolderOnDisk.make({
      root: this.options.root,
      jobId,
      attempt: number,
      bootId: this.bootId,
      uid: modelUser(this.facts, slot),
      environment: this.options.environment,
      modelPath: (model) => new ModelFolderOnDisk(this.path('models'), model).path,
    });
  }

  pruneModels(): Promise<void> {
    return pruneModels(this.path('models'));
  }

  private path(...names: string[]): string {
    return join(this.options.root, ...names);
  }
}

export function platformFacts({ LAMPLIGHTER_BOOT_ID }: NodeJS.ProcessEnv): PlatformFacts {
  return {
    uid: process.getuid?.(),
    systemd: existsSync('/run/systemd/system'),
    sandbox: LAMPLIGHTER_BOOT_ID !== undefined,
  };
}

/** Environment variables of the local cloud come first: its computer may be an EC2 instance itself. */
async function identify(
  { environment, request = fetch, log }: MachineOptions,
  { sandbox }: PlatformFacts,
): Promise<MachineIdentity> {
  const { LAMPLIGHTER_INSTANCE_ID: instanceId, LAMPLIGHTER_LAUNCHED_AT: launchedAt = '' } = environment;
  if (instanceId !== undefined && instanceId.trim() !== '') {
    const launchMs = Date.parse(launchedAt);
    return { machineId: instanceId, launchedAt: Number.isNaN(launchMs) ? undefined : wholeSecond(launchMs) };
  }
  const identity = sandbox ? undefined : await readIdentity(request);
  if (identity) return { machineId: identity.instanceId, launchedAt: identity.launchedAt };
  if (!sandbox) log.warn('the metadata service does not say which instance this is');
  const machineId = (await readFile(MACHINE_ID_FILE, 'utf8').catch(() => '')).trim();
  return { machineId: machineId === '' ? 'unknown' : machineId, launchedAt: undefined };
}

/** Throws InvalidInputError if the machine's boot id cannot be read. */
export async function readBootId({ LAMPLIGHTER_BOOT_ID }: NodeJS.ProcessEnv): Promise<string> {
  if (LAMPLIGHTER_BOOT_ID !== undefined && LAMPLIGHTER_BOOT_ID.trim() !== '') return LAMPLIGHTER_BOOT_ID;
  try {
    return (await readFile(BOOT_ID_FILE, 'utf8')).trim();
  } catch (cause) {
    const message = `this machine has no ${BOOT_ID_FILE}, which identifies a boot; the runner needs Linux`;
    throw new InvalidInputError(message, { cause });
  }
}

/** The boot time of an instance of the local cloud, which boots later than the computer under it. */
function bootedAtIn({ LAMPLIGHTER_BOOTED_AT }: NodeJS.ProcessEnv): number | undefined {
  const bootedAt = Date.parse(LAMPLIGHTER_BOOTED_AT ?? '');
  return Number.isNaN(bootedAt) ? undefined : bootedAt;
}

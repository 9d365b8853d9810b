import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LamplighterError } from '../../lifecycle/errors';
import { bundleProgram } from '../../scripts/tools/bundle-program';
import { QUIET_SDK } from '../wire/client-environment';
import { AgentLink } from './agent-link';
import type { AgentSettings } from './agent-messages';
import { versionWithLimits } from './cgroup-version';
import { Keeper, clearKeeper } from './keeper';
import { AGENT_SETTINGS, PIP_CONFIGURATION, PROGRAMS } from './machine-disk';
import { AGENT_PORT, CLOUD_ADDRESS, type CloudSockets } from './machine-network';
import { MetadataService } from './metadata-service';
import { pipSources } from './pip-sources';
import type { BootOrder, Machine, OwnEnd, SpotNotice, StepResult, StepRun } from './port';

/** Settings of all systemd machines of a local cloud. */
export interface SystemdOptions {
  /** The disk that all machines share, of `provideMachineDisk`. */
  readonly disk: string;
  /** @default 8 GiB, as on AWS */
  readonly diskMiB?: number;
  /** Seconds that a machine seems to have been up for at its boot. @default 0 */
  readonly ageSeconds?: number;
  /** Maximum milliseconds of a shutdown; EC2 cuts the power then. @default 180,000 */
  readonly shutdownLimitMs?: number;
  /**
   * True: `MemoryMax=` and `TasksMax=` work in the machine. If the host has these controllers in cgroup version 1, the
   * machine sees version 1, and `IPAddressDeny=` does not work. @default false
   */
  readonly hasLimits?: boolean;
}

/** The bundled programs of systemd machines. */
export interface SystemdPrograms {
  readonly agent: string;
  readonly sockets: string;
  readonly aws: string;
}

const DISK_MIB = 8 * 1024;
const SHUTDOWN_LIMIT_MS = 180_000;

/** Maximum milliseconds from the start of a container to its agent. A boot takes 3 s on an idle host. */
const BOOT_LIMIT_MS = 120_000;

/** The pause between two tries to press the power button: systemd may still be starting. */
const BUTTON_PAUSE_MS = 200;

/** One boot. */
interface Running {
  readonly keeper: Keeper;
  readonly link: AgentLink;
  readonly metadata: MetadataService;
  sockets: CloudSockets | undefined;
}

/** A machine that is a container with systemd, in namespaces of its own. */
export class SystemdMachine implements Machine {
  readonly shutsDownInOrder = true;
  private readonly pip = pipSources();
  private running: Running | undefined;
  private off: Promise<void> = Promise.resolve();
  /** Whether the local cloud has asked for the end of this boot. */
  private isEnding = false;
  /** Number of ends that the local cloud has asked for. */
  private ends = 0;

  constructor(
    private readonly folder: string,
    private readonly name: string,
    private readonly programs: SystemdPrograms,
    private readonly gatewayPort: number,
    private readonly options: SystemdOptions,
    private readonly onOwnEnd: (end: OwnEnd) => void,
  ) {}

  prepare(): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeFileSync(this.pipFile, this.pip.configuration ?? '', { mode: 0o644 });
    return Promise.resolve();
  }

  async boot(order: BootOrder): Promise<NodeJS.ProcessEnv> {
    const { ends } = this;
    await this.off;
    if (ends !== this.ends) throw new LamplighterError('the machine was switched off before it booted');
    const token = randomBytes(32).toString('hex');
    const settings: AgentSettings = { address: CLOUD_ADDRESS, port: AGENT_PORT, token };
    writeFileSync(this.settingsFile, JSON.stringify(settings), { mode: 0o600 });
    this.isEnding = false;
    const keeper = this.startKeeper();
    const running: Running = {
      keeper,
      link: new AgentLink(token),
      metadata: new MetadataService(order),
      sockets: undefined,
    };
    this.running = running;
    this.off = keeper.end.then((end) => this.ended(running, end));
    await this.connect(running);
    return this.environmentOf(order);
  }

  async runStep(run: StepRun): Promise<StepResult> {
    const { running } = this;
    // A machine that has just ended cancels the step.
    const link = running?.link ?? endedLink();
    return link.runStep(run, run.environment as Record<string, string>);
  }

  async shutDown(): Promise<void> {
    this.isEnding = true;
    this.ends += 1;
    const { running } = this;
    if (!running) return this.off;
    const limit = Date.now() + (this.options.shutdownLimitMs ?? SHUTDOWN_LIMIT_MS);
    let isPressed = false;
    while (this.running === running) {
      isPressed ||= running.keeper.pressPowerButton();
      if (Date.now() > limit) running.keeper.cutPower();
      await Promise.race([this.off, pause(BUTTON_PAUSE_MS)]);
    }
    return this.off;
  }

  powerOff(): void {
    this.isEnding = true;
    this.ends += 1;
    this.running?.keeper.cutPower();
  }

  whenOff(): Promise<void> {
    return this.off;
  }

  showNotice(notice: SpotNotice): boolean {
    this.running?.metadata.showNotice(notice);
    return this.running !== undefined;
  }

  killDrain(): boolean {
    const drain = this.running?.keeper.drain();
    if (drain === undefined) return false;
    process.kill(drain, 'SIGKILL');
    return true;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get pipFile(): string {
    return join(this.folder, 'pip.conf');
  }

  private get settingsFile(): string {
    return join(this.folder, 'agent.json');
  }

  private startKeeper(): Keeper {
    const { folder, name, gatewayPort, programs, options } = this;
    return Keeper.start({
      folder,
      name,
      gatewayPort,
      disk: options.disk,
      diskMiB: options.diskMiB ?? DISK_MIB,
      ageSeconds: options.ageSeconds ?? 0,
      cgroups: options.hasLimits === true ? versionWithLimits() : 'v2',
      socketsProgram: programs.sockets,
      mounts: [
        { from: process.execPath, to: PROGRAMS.node },
        { from: programs.agent, to: PROGRAMS.agent },
        { from: programs.aws, to: PROGRAMS.aws },
        { from: this.settingsFile, to: AGENT_SETTINGS },
        { from: this.pipFile, to: PIP_CONFIGURATION },
        ...this.pip.mounts.map((path) => ({ from: path, to: path })),
      ],
    });
  }

  /** Gives the machine its network, and waits for its agent. */
  private async connect(running: Running): Promise<void> {
    const { keeper } = running;
    const limit = new AbortController();
    try {
      const isReady = await Promise.race([
        this.openSockets(running).then(() => true),
        keeper.end.then(() => false),
        pause(BOOT_LIMIT_MS, false, { signal: limit.signal }),
      ]);
      if (!isReady) throw new LamplighterError('its agent did not connect');
    } catch (cause) {
      keeper.cutPower();
      await this.off;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new LamplighterError(`the machine did not boot: ${message}. Its console:\n${keeper.console()}`, {
        cause,
      });
    } finally {
      limit.abort();
    }
  }

  /** Returns when the agent has connected. */
  private async openSockets(running: Running): Promise<void> {
    const { keeper, link, metadata } = running;
    const sockets = await keeper.sockets;
    running.sockets = sockets;
    metadata.serve(sockets.named('metadata'));
    link.serve(sockets.named('agent'));
    for (const socket of sockets.named('gateway')) relay(socket, this.gatewayPort);
    await link.ready;
  }

  /** Nothing of this boot is left. */
  private ended(running: Running, end: OwnEnd): void {
    running.sockets?.close();
    running.metadata.close();
    running.link.close();
    this.running = undefined;
    if (!this.isEnding) this.onOwnEnd(end);
  }

  /** Credentials come from the metadata service only, as on EC2. */
  private environmentOf({ region }: BootOrder): NodeJS.ProcessEnv {
    return {
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: `http://${CLOUD_ADDRESS}:${this.gatewayPort}`,
      ...QUIET_SDK,
      PIP_CONFIG_FILE: PIP_CONFIGURATION,
      ...this.pip.variables,
    };
  }
}

/** Bundles the programs of systemd machines into a folder. `aws`: the bundled stand-in of the aws CLI. */
export async function bundleSystemdPrograms(folder: string, aws: string): Promise<SystemdPrograms> {
  const [agent, sockets] = await Promise.all([
    bundleProgram(join(__dirname, 'agent-program.ts'), folder),
    bundleProgram(join(__dirname, 'cloud-sockets.ts'), folder),
  ]);
  return { agent, sockets, aws };
}

/** Ends what a killed local cloud has left of its systemd machines. Their folders stay. */
export async function clearSystemdMachines(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await Promise.all(readdirSync(folder).map((name) => clearKeeper(join(folder, name))));
}

/** Passes the connections of a socket on to the gateway. */
function relay(socket: Server, port: number): void {
  socket.on('connection', (machine: Socket) => {
    const gateway = connect(port, '127.0.0.1');
    machine.pipe(gateway).pipe(machine);
    machine.on('error', () => gateway.destroy());
    gateway.on('error', () => machine.destroy());
    machine.once('close', () => gateway.destroy());
    gateway.once('close', () => machine.destroy());
  });
}

function endedLink(): AgentLink {
  const link = new AgentLink('');
  link.close();
  return link;
}

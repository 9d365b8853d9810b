import type { CommandStatus } from '../clockwork/events';
import type { RoleCredentials } from '../wire/caller';

/**
 * The computer behind an EC2 instance: a disk and processes. ec2/instances.ts keeps EC2's records, and decides when an instance
 * is on. There are two kinds: the sandbox (sandbox.ts), and a container with systemd (systemd-machine.ts).
 */
export interface Machine {
  /** Whether an orderly shutdown differs from a crash, so that commands may be interrupted by either. */
  readonly shutsDownInOrder: boolean;
  /** Makes the disk ready for a boot. Files that exist already stay. */
  prepare(): Promise<void>;
  /** Boots. Returns the environment of its commands when the agent is ready. */
  boot(order: BootOrder): Promise<NodeJS.ProcessEnv>;
  /** Runs one step of a command. A script's failure is in the result, and never rejects. */
  runStep(run: StepRun): Promise<StepResult>;
  /** Presses the power button. Returns when the machine is off; after EC2's time limit, the power is cut. */
  shutDown(): Promise<void>;
  /** Cuts the power: kills every process. Synchronous, because it must work while our own process exits. */
  powerOff(): void;
  /** Returns when the machine is off and holds nothing of the host but its disk. */
  whenOff(): Promise<void>;
  /** Shows EC2's notice to a spot instance in the machine. Returns false if the machine has no metadata service. */
  showNotice(notice: SpotNotice): boolean;
  /** Kills the drain with SIGKILL, and nothing else. Returns false if there is no drain. */
  killDrain(): boolean;
  /** Removes the disk. */
  remove(): void;
}

/** How a machine has ended by itself. */
export type OwnEnd = 'powered off' | 'rebooted' | 'crashed';

/** Makes the machine of an instance. `onOwnEnd`: called when the machine has ended by itself. */
export type MakeMachine = (instanceId: string, onOwnEnd: (end: OwnEnd) => void) => Machine;

/** What EC2 knows of an instance at its boot. */
export interface BootOrder {
  readonly instanceId: string;
  /** EC2's LaunchTime. */
  readonly launchTime: string;
  readonly region: string;
  /** The gateway, as the host reaches it. */
  readonly endpoint: string;
  readonly roleArn: string;
  readonly credentials: RoleCredentials;
  /** Reads the instance's tags as they are now. */
  readonly tags: () => Promise<Record<string, string>>;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
export interface SpotNotice {
  readonly action: 'stop' | 'terminate' | 'hibernate';
  /** ISO 8601, in UTC. */
  readonly time: string;
}
/** Called with each line of a step's output. */
export type OnOutput = (stream: 'stdout' | 'stderr', line: string) => void;

/**
 * Opens the streams `<streamPrefix>/stdout` and `<streamPrefix>/stderr` of one step's log. Undefined if the agent may not
 * "create" the log group: real agents send nothing then either.
 */
export type OpenStepLog = (
  log: { readonly logGroup: string; readonly instanceId: string; readonly streamPrefix: string },
  credentials: RoleCredentials,
) => Promise<OnOutput | undefined>;

/** A shell script that a command runs. */
export interface Step {
  readonly name: string;
  readonly script: string;
  readonly timeoutSeconds: number;
  /** Relative to the machine's root folder. */
  readonly workingDirectory: string;
}

export interface StepRun {
  readonly commandId: string;
  readonly step: Step;
  /** The environment that `boot` returned. */
  readonly environment: NodeJS.ProcessEnv;
  readonly onOutput: OnOutput;
  /** Whether it is too late to begin: the instance has gone down, or the command was cancelled. */
  readonly isOff: () => boolean;
  /** Called when the step begins, with the function that kills it. */
  readonly onStart: (kill: () => void) => void;
}

/** How a step of a command ended. */
export interface StepResult {
  readonly name: string;
  readonly status: CommandStatus;
  readonly statusDetails: string;
  readonly responseCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
}

import type { CommandStatus } from '../clockwork/events';
import type { RoleCredentials } from '../wire/caller';

/**
 * The computer behind an EC2 instance: a disk and processes. ec2/instances.ts keeps EC2's records, and decides when an instance
 * is on. The only kind today is the sandbox (sandbox.ts). An orderly stop and a crash are the same for it: `powerOff`.
 */
export interface Machine {
  /** Makes the disk ready for a boot. Files that exist already stay. */
  prepare(): Promise<void>;
  /** Begins a boot. Returns the environment of its commands: `variables`, and the boot's own id and time. */
  boot(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv;
  /** Runs one step of a command. A script's failure is in the result, and never rejects. */
  runStep(run: StepRun): Promise<StepResult>;
  /** Kills every process. Synchronous, because it must work while our own process exits. */
  powerOff(): void;
  /** Kills the drain with SIGKILL, and nothing else. Returns false if there is no drain. */
  killDrain(): boolean;
  /** Removes the disk. */
  remove(): void;
}

/** Makes the machine of an instance. */
export type MakeMachine = (instanceId: string) => Machine;

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

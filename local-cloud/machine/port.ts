import type { CommandStatus } from '../clockwork/events';

/**
 * What plays an EC2 instance. ec2/instances.ts keeps EC2's records and decides when an instance is on; a `Machine` is the disk
 * and the processes. The only kind today is the sandbox (sandbox.ts). It does not tell an orderly stop from a crash.
 */
export interface Machine {
  /** Makes the disk ready for a boot. Files that exist already stay. */
  prepare(): Promise<void>;
  /** Begins a boot. Returns the environment of its commands: `variables`, and an id and a time of this boot. */
  boot(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv;
  /** Runs one step of a command. Never rejects because of what the script does. */
  runStep(run: StepRun): Promise<StepResult>;
  /** Kills every process. Synchronous, because it must work while our own process exits. */
  powerOff(): void;
  /** Kills the drain with SIGKILL, and nothing else. Returns false if there is no drain. */
  killDrain(): boolean;
  /** Removes the disk. */
  remove(): void;
}

/** Makes the machine of an instance. One that existed before, with the same id, has the same disk. */
export type MakeMachine = (instanceId: string) => Machine;

/** Called with each line of a step's output. */
export type OnOutput = (stream: 'stdout' | 'stderr', line: string) => void;

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
  /** Returns true if it is too late to begin: the instance has gone down, or the command was cancelled. */
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

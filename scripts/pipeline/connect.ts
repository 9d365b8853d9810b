import type { Manifest } from '../../lifecycle/manifest';
import { Instance } from '../../lifecycle/instance';
import { Store } from '../../lifecycle/store';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { findPipeline } from './find-pipeline';
import { type Target, type TargetOptions, chooseTarget } from './target';

export interface PipelineOptions extends TargetOptions {
  readonly pipeline?: string | undefined;
  readonly json: boolean;
}

/** One pipeline, with the clients and stores that commands use. */
export interface PipelineHandle {
  readonly target: Target;
  readonly manifest: Manifest;
  readonly control: Store;
  readonly output: Store;
  readonly instance: Instance;
}

/** What a command did: lines for people, facts for programs. */
export interface CommandResult {
  /** False: everything was already in the requested state. */
  readonly changed: boolean;
  readonly lines: readonly string[];
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Finds the pipeline. The cloud's name goes to stderr, because stdout holds the result only. */
export async function connect(options: PipelineOptions, terminal: Terminal): Promise<PipelineHandle> {
  const target = await chooseTarget(options);
  if (!options.json) terminal.err(`Using ${target.text}.`);
  return handleOf(target, await findPipeline(target.clients.ssm, options.pipeline, target.cloud));
}

/** Finds the pipeline, and prints nothing. */
export async function findHandle(options: Omit<PipelineOptions, 'json'>): Promise<PipelineHandle> {
  const target = await chooseTarget(options);
  return handleOf(target, await findPipeline(target.clients.ssm, options.pipeline, target.cloud));
}

/** Finds the pipeline, runs the command on it, and prints what the command did. */
export async function runOnPipeline(
  command: string,
  options: PipelineOptions,
  terminal: Terminal,
  act: (handle: PipelineHandle) => Promise<CommandResult>,
): Promise<void> {
  const handle = await connect(options, terminal);
  const { changed, lines, facts } = await act(handle);
  if (options.json) terminal.out(jsonOf(command, handle, { changed, ...facts }));
  else print(terminal, lines);
}

/** The JSON of a command on a pipeline: common keys first, then the command's own. */
export function jsonOf(command: string, { target, manifest }: PipelineHandle, facts: object): string {
  return JSON.stringify({ command, cloud: target.cloud, pipeline: manifest.pipeline, ...facts }, null, 2);
}

export function handleOf(target: Target, manifest: Manifest): PipelineHandle {
  const { s3, ec2 } = target.clients;
  return {
    target,
    manifest,
    control: new Store(s3, manifest.controlBucket),
    output: new Store(s3, manifest.outputBucket),
    instance: new Instance(ec2, manifest.instanceId),
  };
}

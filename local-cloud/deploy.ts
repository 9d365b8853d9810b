import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type StackOptions, initialize, stackFolder, synthesize, terraform } from '../scripts/tools/stack';
import type { LocalCloud } from './cloud';
import { digestOf, keep } from './kept-deployment';
import { forgetReadyMade, makeReady } from './ready-made';

/** The Terraform state of a local run. A relative path, so that each stack has a state in its own folder. */
const STATE_FILE = 'local.tfstate';

/** Terraform's working data, apart from that of a deployment to AWS from the same folder. */
const DATA_FOLDER = '.terraform-local';

/**
 * Variables for Terraform and for the cdktf command line. They give a deployment to the local cloud its own output folder,
 * state and data folder, apart from those of a deployment to AWS.
 */
export function terraformVariables(outputFolder: string): Record<string, string> {
  return {
    // main.ts leaves out the settings that name parts of an AWS account.
    LAMPLIGHTER_CLOUD: 'local',
    CDKTF_OUTPUT: outputFolder,
    TF_DATA_DIR: DATA_FOLDER,
    TF_CLI_ARGS_init: `-reconfigure -backend-config=path=${STATE_FILE}`,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
    DISABLE_VERSION_CHECK: '1',
  };
}

interface DeployOptions {
  /** The synthesis, if it has begun already. @default it begins now */
  readonly synthesis?: Promise<void> | undefined;
  /** Whether Terraform makes every resource itself, and waits for each as on AWS. @default false */
  readonly waitsAsOnAws?: boolean | undefined;
}

/**
 * Synthesizes the project as `cdktf synth` would. It needs no cloud yet. The files and the state of an earlier local cloud are
 * deleted first.
 */
export async function synthesizeForLocalCloud(deployment: StackOptions): Promise<void> {
  await rm(deployment.outputFolder, { recursive: true, force: true });
  await synthesize(deployment);
}

/**
 * Synthesizes the project, and applies one stack with Terraform to a local cloud that has nothing of it yet. Throws UsageError if
 * the project does not synthesize, and BrokenError if Terraform fails. Both have the program's last output.
 */
export async function deployToLocalCloud(
  deployment: StackOptions,
  { synthesis, waitsAsOnAws = false }: DeployOptions = {},
): Promise<void> {
  await (synthesis ?? synthesizeForLocalCloud(deployment));
  const folder = stackFolder(deployment);
  const endpoint = deployment.environment.AWS_ENDPOINT_URL;
  const isReadyMade = !waitsAsOnAws && endpoint !== undefined;
  await Promise.all([initialize(deployment), isReadyMade && makeReady(folder, endpoint)]);
  try {
    await apply(deployment);
  } finally {
    await forgetReadyMade(folder);
  }
}

/**
 * Takes over a deployment that has been repeated in this cloud. Terraform runs only if the synthesized stack has changed since;
 * returns whether it has.
 * @param state Terraform's state of the repeated deployment
 */
export async function takeOverDeployment(
  deployment: StackOptions,
  synthesis: Promise<void>,
  { digest, state }: { readonly digest: string; readonly state: string },
): Promise<boolean> {
  await synthesis;
  const folder = stackFolder(deployment);
  await writeFile(join(folder, STATE_FILE), state);
  if ((await digestOf(folder)) === digest) {
    deployment.onStep('nothing has changed since the last start: its deployment was taken over');
    return false;
  }
  await initialize(deployment);
  await apply(deployment);
  return true;
}

/** Keeps the deployment for the next local cloud. */
export async function keepDeployment(
  deployment: StackOptions,
  directory: string,
  { recorder, endpoint, region }: Pick<LocalCloud, 'recorder' | 'endpoint' | 'region'>,
): Promise<void> {
  const folder = stackFolder(deployment);
  const calls = recorder.finish();
  const state = await readFile(join(folder, STATE_FILE), 'utf8');
  const { stack } = deployment;
  await keep({ directory, stack }, { region, digest: await digestOf(folder), endpoint, calls, state });
}

/** Like `deployToLocalCloud`, but updates the deployed stack. */
export async function updateLocalCloud(deployment: StackOptions): Promise<void> {
  await synthesize(deployment);
  await initialize(deployment);
  await apply(deployment);
}

/** Milliseconds between two reports of the number of made resources. */
const COUNT_MS = 5_000;

async function apply(deployment: StackOptions): Promise<void> {
  deployment.onStep('terraform apply');
  let planned = '';
  let made = 0;
  let shownAt = Date.now();
  const onLine = (line: string) => {
    const plan = /^Plan: (?:(\d+) to import, )?(\d+) to add/.exec(line);
    if (plan) planned = String(Number(plan[1] ?? 0) + Number(plan[2]));
    if (/: (Creation complete after |Import complete )/.test(line)) made += 1;
    const end = /^Apply complete! (.*)/.exec(line)?.[1];
    if (end !== undefined) deployment.onStep(`applied. ${end}`);
    if (made === 0 || end !== undefined || Date.now() - shownAt < COUNT_MS) return;
    shownAt = Date.now();
    deployment.onStep(`${made} of ${planned === '' ? '?' : planned} resources are created`);
  };
  await terraform(deployment, ['apply', '-auto-approve', '-input=false', '-no-color'], { onLine });
}

import { rm } from 'node:fs/promises';
import { type StackOptions, initialize, synthesize, terraform } from '../scripts/tools/stack';

/** A local run's Terraform state; a relative path, so that each stack keeps its own in its own folder. */
const STATE_FILE = 'local.tfstate';

/** Where Terraform keeps its working data, apart from that of a deployment to AWS from the same folder. */
const DATA_FOLDER = '.terraform-local';

/**
 * Variables that keep a deployment to the local cloud apart from one to AWS, for Terraform itself and for the cdktf command
 * line: an output folder, a state and a data folder of its own.
 */
export function terraformVariables(outputFolder: string): Record<string, string> {
  return {
    // main.ts leaves out what only an AWS account has.
    LAMPLIGHTER_CLOUD: 'local',
    CDKTF_OUTPUT: outputFolder,
    TF_DATA_DIR: DATA_FOLDER,
    TF_CLI_ARGS_init: `-reconfigure -backend-config=path=${STATE_FILE}`,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
    DISABLE_VERSION_CHECK: '1',
  };
}

/**
 * Synthesizes the project as `cdktf synth` would and applies one stack with Terraform, from nothing: a state that an earlier
 * local cloud has left is forgotten. Throws UsageError when the project does not synthesize, and BrokenError when Terraform
 * fails, each with what the program said last.
 */
export async function deployToLocalCloud(deployment: StackOptions): Promise<void> {
  await rm(deployment.outputFolder, { recursive: true, force: true });
  await updateLocalCloud(deployment);
}

/** The same on top of what is deployed. */
export async function updateLocalCloud(deployment: StackOptions): Promise<void> {
  await synthesize(deployment);
  await initialize(deployment);
  await apply(deployment);
}

/** While resources are made, their number is shown this often. */
const COUNT_MS = 5_000;

async function apply(deployment: StackOptions): Promise<void> {
  deployment.onStep('terraform apply');
  let planned = '';
  let made = 0;
  let shownAt = Date.now();
  const onLine = (line: string) => {
    planned = /^Plan: (\d+) to add/.exec(line)?.[1] ?? planned;
    if (/: (Creation|Modifications) complete after /.test(line)) made += 1;
    const end = /^Apply complete! (.*)/.exec(line)?.[1];
    if (end !== undefined) deployment.onStep(`applied. ${end}`);
    if (made === 0 || end !== undefined || Date.now() - shownAt < COUNT_MS) return;
    shownAt = Date.now();
    deployment.onStep(`${made} of ${planned === '' ? '?' : planned} resources are made`);
  };
  await terraform(deployment, ['apply', '-auto-approve', '-input=false', '-no-color'], { onLine });
}

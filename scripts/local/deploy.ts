import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BrokenError, UsageError } from '../exit';
import { readCdktfConfig } from '../project';
import type { Children } from '../tools/children';

/** A local run's Terraform state; a relative path, so that each stack keeps its own in its own folder. */
const STATE_FILE = 'local.tfstate';

/** Where Terraform keeps its working data, apart from that of a deployment to AWS from the same folder. */
const DATA_FOLDER = '.terraform-local';

export interface LocalDeployment {
  /** The checkout: main.ts and cdktf.json are there. */
  readonly project: string;
  /** The settings. @default the context of the project's cdktf.json */
  readonly context?: object;
  /** Takes what cdktf.out takes otherwise. */
  readonly outputFolder: string;
  /** The stack, that is the pipeline's name. */
  readonly stack: string;
  /** Everything that Terraform is given: the cloud's variables and `terraformVariables`. */
  readonly environment: NodeJS.ProcessEnv;
  /** The program to run. */
  readonly terraform: string;
  readonly children: Children;
  readonly onStep: (text: string) => void;
}

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
 * Synthesizes the project as `cdktf synth` would and applies one stack with Terraform. Throws UsageError when the project does
 * not synthesize, and BrokenError when Terraform fails, each with what the program said last.
 */
export async function deployToLocalCloud(deployment: LocalDeployment): Promise<void> {
  await synthesize(deployment);
  const folder = stackFolder(deployment);
  await initialize(deployment, folder);
  await apply(deployment, folder);
}

/** Runs main.ts itself: the cdktf command line does no more, and takes seconds to start. */
async function synthesize(deployment: LocalDeployment): Promise<void> {
  const { project, outputFolder, children } = deployment;
  deployment.onStep('the stack is synthesized');
  await rm(outputFolder, { recursive: true, force: true });
  await mkdir(dirname(outputFolder), { recursive: true });
  const { code, tail } = await children.run(process.execPath, [require.resolve('tsx/cli'), 'main.ts'], {
    cwd: project,
    environment: {
      ...deployment.environment,
      CDKTF_OUTDIR: outputFolder,
      CDKTF_CONTEXT_JSON: JSON.stringify(deployment.context ?? readCdktfConfig(project).context),
    },
  });
  if (code !== 0) throw new UsageError(`The project does not synthesize:\n${tail}`);
}

const manifestSchema = z.looseObject({
  stacks: z.record(z.string(), z.looseObject({ name: z.string(), workingDirectory: z.string() })),
});

function stackFolder({ outputFolder, stack }: LocalDeployment): string {
  const { stacks } = manifestSchema.parse(
    JSON.parse(readFileSync(join(outputFolder, 'manifest.json'), 'utf8')),
  );
  const found = stacks[stack];
  if (found) return join(outputFolder, found.workingDirectory);
  throw new UsageError(`main.ts makes no stack "${stack}"; it makes: ${Object.keys(stacks).join(', ')}`);
}

async function initialize(deployment: LocalDeployment, folder: string): Promise<void> {
  deployment.onStep('terraform init');
  await terraform(deployment, folder, ['init', '-input=false', '-no-color']);
}

/** While resources are made, their number is shown this often. */
const COUNT_MS = 5_000;

async function apply(deployment: LocalDeployment, folder: string): Promise<void> {
  deployment.onStep('terraform apply');
  let planned = '';
  let made = 0;
  let shownAt = Date.now();
  await terraform(deployment, folder, ['apply', '-auto-approve', '-input=false', '-no-color'], (line) => {
    planned = /^Plan: (\d+) to add/.exec(line)?.[1] ?? planned;
    if (/: (Creation|Modifications) complete after /.test(line)) made += 1;
    const end = /^Apply complete! (.*)/.exec(line)?.[1];
    if (end !== undefined) deployment.onStep(`applied. ${end}`);
    if (made === 0 || end !== undefined || Date.now() - shownAt < COUNT_MS) return;
    shownAt = Date.now();
    deployment.onStep(`${made} of ${planned === '' ? '?' : planned} resources are made`);
  });
}

async function terraform(
  deployment: LocalDeployment,
  folder: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  const { code, tail } = await deployment.children.run(deployment.terraform, args, {
    cwd: folder,
    environment: deployment.environment,
    ...(onLine ? { onLine } : {}),
  });
  if (code !== 0) throw new BrokenError(`terraform ${args[0] ?? ''} failed:\n${errorsIn(tail)}`);
}

/** Terraform writes its warnings, which can be long, before its errors. */
function errorsIn(tail: string): string {
  const begin = tail.search(/^Error: /m);
  return begin < 0 ? tail : tail.slice(begin);
}

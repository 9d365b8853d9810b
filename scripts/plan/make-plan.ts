import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, Exit } from '../console/exit';
import { type StackOptions, initialize, stackFolder, synthesize, terraform } from '../tools/stack';
import {
  type Configuration,
  type TerraformPlan,
  readConfiguration,
  readTerraformPlan,
} from './terraform-plan';

/** A plan, with the synthesized configuration that it was made from. */
export interface MadePlan {
  readonly plan: TerraformPlan;
  readonly configuration: Configuration;
}

/** Terraform refused to plan: the plan would destroy or replace a resource that has `prevent_destroy`. */
class PreventedError extends CommandError {
  override readonly name = 'PreventedError';
  readonly exitCode = Exit.usage;
}

/** Maximum length of a plan's JSON. A plan contains every resource three times, with its policies. */
const MAX_PLAN_CHARACTERS = 50_000_000;

/**
 * Synthesizes a stack and runs `terraform plan`. Only the stack's own folder is changed. The plan file holds values of the
 * state, so it is deleted at the end. Throws UsageError when the project does not synthesize, PreventedError when Terraform
 * refuses to destroy a resource, BrokenError when Terraform fails otherwise.
 */
export async function makePlan(options: StackOptions, { destroy }: { destroy: boolean }): Promise<MadePlan> {
  await synthesize(options);
  await initialize(options);
  options.onStep('terraform plan');
  // mkdtemp creates a folder that other users cannot read.
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-plan-'));
  const file = join(folder, 'plan');
  try {
    const args = ['plan', '-input=false', '-no-color', `-out=${file}`, ...(destroy ? ['-destroy'] : [])];
    await terraform(options, args).catch((error: unknown) => {
      throw preventedError(error) ?? error;
    });
    const shown = await terraform(options, ['show', '-json', file], {
      maxStdoutCharacters: MAX_PLAN_CHARACTERS,
    });
    const synthesized = await readFile(join(stackFolder(options), 'cdk.tf.json'), 'utf8');
    return { plan: readTerraformPlan(shown.stdout), configuration: readConfiguration(synthesized) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Terraform reports one error per resource: `Resource aws_s3_bucket.data has lifecycle.prevent_destroy set`. */
function preventedError(error: unknown): PreventedError | undefined {
  if (!(error instanceof CommandError)) return undefined;
  const flat = error.message.replace(/\s+/g, ' ');
  const addresses = [...flat.matchAll(/Resource (\S+) has lifecycle\.prevent_destroy set/g)].map(
    ([, address]) => address ?? '',
  );
  if (addresses.length === 0) return undefined;
  return new PreventedError(
    [
      'Refused: the plan destroys or replaces resources that hold data, and the pipeline is not disposable:',
      ...addresses.map((address) => `- ${address}`),
      'To keep the data, undo the change. To delete the data, set "disposable": true, deploy that first, then plan again.',
    ].join('\n'),
    { cause: error },
  );
}
